// Images: a set of uint8 pictures, with labels if there are any. A plain value; copies share the pixels.
//
//   dense      every picture has one size: pixels is [N, H, W, C]
//   ragged     sizes differ: pixels is one flat row of bytes and extents says where each [h, w, C] lies
//   in files   too much to hold decoded: a picture is read and decoded whenever it is asked for (data/open.hpp);
//              one that cannot be is passed over (data/loader.hpp, data/augment.hpp) and listed by unreadable()
//
// C is 1 (grey) or 3 (red, green, blue). The fingerprint is a checksum of names, sizes, labels and pixels (of a set
// in files: of the files' sizes instead): a run stores it and refuses to resume on another set. It guards against
// mistakes, not against malice.
// Throws nacre::Error. Tested in tests/data/dataset.cpp.
#pragma once

#include <nacre/core/random.hpp>
#include <nacre/core/tensor.hpp>

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace nacre::data {

// A picture's file that cannot be read any more, or is another one than when the set was opened.
struct PictureError : DataError {
  using DataError::DataError;
};
struct PictureErrors;  // those met so far; used by any number of threads

// Reads a file to [ceil(h / shrink), ceil(w / shrink), C], or to full size where its format cannot do better.
using Decode = Tensor<u8> (*)(const std::string& file, i64 shrink);

// Pixel (y, x) covers the square of shrink pixels a side of the picture from (shrink y, shrink x) on.
struct Pixels {
  const u8* data = nullptr;
  i64 width = 0, shrink = 1;
};

// One picture of a set, [height, width, channels]: bytes owned by the set, or a file. Used by one thread; the set must
// outlive it.
struct Picture {
  const u8* memory = nullptr;
  i64 height = 0, width = 0, channels = 0;
  const std::string* file = nullptr;  // where memory is null
  Decode decode = nullptr;
  PictureErrors* errors = nullptr;  // told of an error, where not null
  mutable Tensor<u8> decoded = {};
  mutable i64 decoded_shrink = 0;

  const u8* data() const { return at(1).data; }
  // At 1 / shrink of the size (shrink 1, 2, 4, 8) or finer: what was decoded last serves again if it is no coarser, so
  // that all views of a picture come from one decode unless a later one needs more. Throws PictureError.
  NACRE_INLINE Pixels at(i64 shrink) const;
};

struct Extent {
  i64 offset = 0, height = 0, width = 0;  // in files: the size of the file, and of the picture
};

struct Images {
  Tensor<u8> pixels;                      // [N, H, W, C], or [bytes] with extents
  std::vector<Extent> extents;            // empty when dense
  std::vector<std::string> files;         // one a picture when in files; else empty
  Decode decode = nullptr;                // when in files
  i64 channels = 0;                       // 1 or 3
  Tensor<i64> labels;                     // [N], or empty
  std::vector<std::string> classes;       // name of label 0, 1, ...; may be empty
  std::string name;                       // "fashion-mnist train"
  std::string fingerprint;                // 16 hexadecimal digits
  std::vector<std::string> skipped;       // files that could not be read when the set was opened, with the reason
  std::shared_ptr<PictureErrors> errors;  // when in files; copies and subsets share it

  bool dense() const { return extents.empty(); }
  i64 size() const { return dense() ? (pixels.rank() == 4 ? pixels.dim(0) : 0) : static_cast<i64>(extents.size()); }
  bool empty() const { return size() == 0; }
  bool labelled() const { return !labels.empty(); }
  Picture operator[](i64 i) const {
    if (dense())
      return {pixels.data() + i * pixels.dim(1) * pixels.dim(2) * channels, pixels.dim(1), pixels.dim(2), channels};
    const Extent& e = extents[static_cast<std::size_t>(i)];
    if (files.empty()) return {pixels.data() + e.offset, e.height, e.width, channels};
    return {nullptr, e.height, e.width, channels, &files[static_cast<std::size_t>(i)], decode, errors.get()};
  }
  // Files that could not be read since the set was opened, each once with the reason, in the order of their names.
  NACRE_INLINE std::vector<std::string> unreadable() const;
};

struct DataSplits {
  Images train, test, unlabeled;  // a split that the set lacks is empty

  // What to pre-train on: the unlabelled split where there is one.
  const Images& pretrain() const { return unlabeled.empty() ? train : unlabeled; }
};

// Per channel, after uint8 / 255: y = (x - mean) / std. A std of 0 means "not known yet: take it from the images".
struct Normalization {
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> std{0, 0, 0};
  bool known() const { return std[0] > 0; }
};
inline constexpr Normalization imagenet_normalization{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};

// A set of one's own: pixels [N, H, W, C], C 1 or 3; labels [N] or empty. The pixels are shared, not copied.
NACRE_INLINE Images make_images(Tensor<u8> pixels, Tensor<i64> labels = {}, std::string name = "images");

// A copy of the named pictures in the given order. Classes stay; the fingerprint is that of the new set.
NACRE_INLINE Images subset(const Images& images, const std::vector<i64>& indices);

// The first n of the order drawn by the key; all of them, in their own order, when n is 0 or not below N.
NACRE_INLINE Images limit(const Images& images, i64 n, Key key);

// Mean and population standard deviation over all pixels of all pictures, from exact integer sums; of a set in files,
// over at most 4,096 pictures evenly spread, without those that cannot be read. A constant channel gets std 1, so that
// normalising never divides by 0.
NACRE_INLINE Normalization mean_std(const Images& images);

// Recomputes images.fingerprint; for code that fills the fields itself.
NACRE_INLINE void seal(Images& images);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/dataset_impl.hpp>
#endif
