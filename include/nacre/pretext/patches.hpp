// Overlapping patches of one crop of the picture, in their places: what CPC looks at.
//
//   patches  [B, G * G, P, P, C]    a crop, mirrored by chance and resized to S x S; patch (r, c) covers P x P pixels
//                                   from (r stride, c stride) on and has its own colour jitter; row by row
//   G = (S - P) / stride + 1        S 224, 64, 32: patches of 56, 16, 8 pixels half over one another, a grid of 7
//
// Patches (P - 1) / stride rows apart still share pixels: an objective that relates them must skip as many, or it
// is solved by edges that go on (`shared_rows`, CpcOptions::skip). Colours run through a whole picture: without the
// jitter of each patch they tell its patches from other pictures'. Left out: the first paper shows of each patch a
// random part only, 60 of 64 pixels a side; the second drops two of its three colours.
// van den Oord et al., "Representation learning with contrastive predictive coding", 2018; Hénaff et al.,
// "Data-efficient image recognition with contrastive predictive coding", 2019. Tested in tests/pretext/patches.cpp.
#pragma once

#include <nacre/core/parallel.hpp>
#include <nacre/data/augment.hpp>
#include <nacre/data/batch.hpp>

#include <algorithm>

namespace nacre::pretext {

struct PatchViews {
  i64 image = 32;                                        // S, pixels
  i64 patch = 0;                                         // P, pixels; 0: S / 4
  i64 stride = 0;                                        // pixels; 0: P / 2
  data::Crop crop{.area_min = 0.6f};                     // of the picture (256 of 300 pixels a side: 0.73)
  data::Photometric patch_color = data::simclr().color;  // of each patch

  i64 grid() const { return (image - patch) / stride + 1; }
  i64 shared_rows() const { return (patch - 1) / stride; }

  void prepare(Batch& b, i64 batch, i64 channels) const {
    data::reuse(b.patches, {batch, grid() * grid(), patch, patch, channels});
  }
  void fill(Batch& b, i64 row, const data::Picture& picture, const data::Normalization& normalization, Key key) const {
    i64 channels = picture.channels, g = grid(), pixels = patch * patch * channels;
    Random random(key.fold(0));
    data::Box box = data::draw_box(crop, picture.height, picture.width, random);
    data::Canvas whole = data::canvas(0, image, channels);
    data::resize(picture, box, random.chance(crop.flip), whole);
    for (i64 p = 0; p < g * g; ++p) {
      Random draw(key.fold(1).fold(static_cast<u64>(p)));
      data::Canvas piece = data::canvas(1, patch, channels);
      data::cut(whole, p / g * stride, p % g * stride, false, piece);
      data::recolor(piece, data::draw_look(patch_color, draw));
      data::store(piece, normalization, b.patches.data() + (row * g * g + p) * pixels);
    }
  }
};

// The options with patch and stride filled in. Throws nacre::Error where the geometry is impossible.
inline PatchViews patch_views(PatchViews o = {}) {
  auto s = [](i64 v) { return std::to_string(v); };
  check(o.image >= 2 && o.image <= 4096, "patch_views", [&] { return "image " + s(o.image) + " is not in 2 .. 4096"; });
  if (o.patch == 0) o.patch = std::max<i64>(o.image / 4, 1);
  if (o.stride == 0) o.stride = std::max<i64>(o.patch / 2, 1);
  check(o.patch >= 1 && o.patch <= o.image && o.stride >= 1, "patch_views", [&] {
    return "patches of " + s(o.patch) + " pixels every " + s(o.stride) + " of a picture of " + s(o.image) +
           "; need 1 <= patch <= image and stride at least 1";
  });
  data::validate({o.crop, o.patch_color});
  return o;
}

// The same grid of whole pictures, nothing drawn: [N, H, W, C] -> [N, GH * GW, P, P, C], GH = (H - P) / stride + 1.
// Throws nacre::Error where no patch fits.
template <class T>
Tensor<T> patch_grid(const Tensor<T>& images, i64 patch, i64 stride) {
  const Shape& s = images.shape();
  check(s.rank() == 4 && patch >= 1 && stride >= 1 && s[1] >= patch && s[2] >= patch, "patch_grid", [&] {
    return "images are " + s.str() + ", patch " + std::to_string(patch) + ", stride " + std::to_string(stride) +
           "; need [N, H, W, C] with H, W >= patch >= 1 and stride at least 1";
  });
  const i64 rows = (s[1] - patch) / stride + 1, cols = (s[2] - patch) / stride + 1, c = s[3], line = patch * c;
  Tensor<T> out({s[0], rows * cols, patch, patch, c});
  parallel_for(s[0] * rows * cols, 64, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) {
      const i64 n = i / (rows * cols), y = i / cols % rows * stride, x = i % cols * stride;
      for (i64 v = 0; v < patch; ++v)
        std::copy_n(images.data() + ((n * s[1] + y + v) * s[2] + x) * c, line, out.data() + (i * patch + v) * line);
    }
  });
  return out;
}

}  // namespace nacre::pretext
