// Augmentation: random resized crop, flip, colour jitter, grey, blur, solarise, normalise; uint8 in, float NHWC out.
//
//   crop      area fraction a ~ U[area_min, area_max], ratio log-uniform; ten tries, then the largest central crop
//   resize    triangle filter whose support grows with the shrinking factor (antialiased bilinear, as Pillow)
//   colour    brightness x*b; contrast m + c*(x - m), m the mean grey; saturation g + s*(x - g), g the grey of the
//             pixel; hue + h turns (HSV), in random order, each clamped to [0, 1]; grey = .299 R + .587 G + .114 B
//   then      grey, Gaussian blur, solarise (1 - x where x >= threshold), (x - mean) / std
//
// Pictures of one channel skip saturation, hue and grey. Every draw is a pure function of the key, so a view is the
// same bits whichever thread makes it. Work happens on `Canvas`: planes of floats in [0, 1], from scratch memory
// that a thread keeps.
// Chen et al., "A simple framework for contrastive learning", 2020, appendix A. Tested in tests/data/augment.cpp.
#pragma once

#include <nacre/data/dataset.hpp>

namespace nacre::data {

struct Crop {
  float area_min = 0.08f, area_max = 1;            // fraction of the picture's area
  float ratio_min = 3.f / 4, ratio_max = 4.f / 3;  // width / height
  float flip = 0.5f;                               // probability of mirroring left and right
};

struct Photometric {
  float jitter = 0.8f;                                          // probability of the four below, together
  float brightness = 0.4f, contrast = 0.4f, saturation = 0.4f;  // factor in [max(0, 1 - v), 1 + v]
  float hue = 0.1f;                                             // in [-v, v] turns, at most 0.5
  float grey = 0.2f;                                            // probability of dropping the colour
  float blur = 0;                                               // probability
  float blur_sigma_min = 0.1f, blur_sigma_max = 2;              // pixels of the output
  float solarize = 0;                                           // probability
  float solarize_threshold = 0.5f;
};

struct Augment {
  Crop crop;
  Photometric color;
};

// No change at all besides resizing.
inline constexpr Augment identity{{1, 1, 1, 1, 0}, {.jitter = 0, .grey = 0}};

// SimCLR: harsh crops, strong colour. strength 1 on ImageNet (blur .5), 0.5 without blur on CIFAR-10.
inline constexpr Augment simclr(float strength = 0.5f, float blur = 0) {
  return {{.area_min = strength >= 1 ? 0.08f : 0.2f},
          {.brightness = 0.8f * strength,
           .contrast = 0.8f * strength,
           .saturation = 0.8f * strength,
           .hue = 0.2f * strength,
           .blur = blur}};
}

// For small centred grey pictures (Fashion-MNIST): most of the picture stays, little photometric change.
inline constexpr Augment gentle() {
  return {{.area_min = 0.5f, .ratio_min = 0.85f, .ratio_max = 1 / 0.85f},
          {.brightness = 0.2f, .contrast = 0.2f, .saturation = 0.2f, .hue = 0.05f, .grey = 0.1f}};
}

struct Box {
  i64 y = 0, x = 0, height = 0, width = 0;
};

// channels planes of size x size floats in [0, 1]; plane c starts at data + c * stride, stride a multiple of 16.
struct Canvas {
  float* data = nullptr;
  i64 size = 0, channels = 0, stride = 0;
  float* plane(i64 c) const { return data + c * stride; }
};

// Scratch memory of this thread: slots 0 (picture) and 1 (patch), each good until the next call for that slot.
NACRE_INLINE Canvas canvas(int slot, i64 size, i64 channels);

// One draw of the photometric options. Always as many words of the stream, whatever the options are.
struct Look {
  bool jitter = false, grey = false, blur = false, solarize = false;
  int order[4] = {0, 1, 2, 3};  // brightness, contrast, saturation, hue
  float brightness = 1, contrast = 1, saturation = 1, hue = 0, sigma = 1, threshold = 0.5f;
};

// The steps, for views of one's own (pretext/jigsaw.hpp cuts patches between them).
NACRE_INLINE Box draw_box(const Crop& crop, i64 height, i64 width, Random& random);
NACRE_INLINE Look draw_look(const Photometric& options, Random& random);
NACRE_INLINE void resize(const Picture& picture, Box box, bool flip, Canvas to);
NACRE_INLINE void recolor(Canvas canvas, const Look& look);
NACRE_INLINE void cut(Canvas from, i64 y, i64 x, bool flip, Canvas to);  // to.size x to.size pixels at (y, x)
NACRE_INLINE void store(Canvas canvas, const Normalization& normalization, float* out);  // [size, size, C]

// One view of a picture: out is [size, size, C]. The normalization must be known.
NACRE_INLINE void augment(const Picture& picture, const Augment& options, const Normalization& normalization, Key key,
                          i64 size, float* out);

// Pictures [begin, end) as an encoder sees them at evaluation: the largest central square, resized with antialiasing
// to [n, size, size, C]; a picture of that size is not resampled. Order and bits do not depend on the batch. A picture
// whose file cannot be read (Images::unreadable) keeps its place as zeros, the mean colour.
NACRE_INLINE Tensor<float> evaluation_batch(const Images& images, i64 begin, i64 end, i64 size,
                                            const Normalization& normalization);

// Throws nacre::Error when a range is upside down, a probability outside [0, 1], a ratio not positive, ...
NACRE_INLINE void validate(const Augment& options);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/augment_impl.hpp>
#endif
