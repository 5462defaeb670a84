// Independent augmented views of each picture: image [V * B, S, S, C], view v of sample b in row v * B + b.
//
// Two views are SimCLR's input, one view is instance discrimination's (NPID).
// Chen et al., 2020; Wu et al., 2018. Tested in tests/pretext/two_views.cpp.
#pragma once

#include <nacre/data/augment.hpp>
#include <nacre/data/batch.hpp>

namespace nacre::pretext {

struct Views {
  i64 image = 32;  // S, pixels
  i64 count = 2;   // V
  data::Augment augment = data::simclr();

  void prepare(Batch& b, i64 batch, i64 channels) const {
    data::reuse(b.image, {count * batch, image, image, channels});
  }
  void fill(Batch& b, i64 row, const data::Picture& p, const data::Normalization& n, Key key) const {
    i64 pixels = image * image * p.channels, batch = b.image.dim(0) / count;
    for (i64 v = 0; v < count; ++v)
      data::augment(p, augment, n, key.fold(static_cast<u64>(v)), image, b.image.data() + (v * batch + row) * pixels);
  }
};

// Checked options. Throws nacre::Error.
inline Views views(const Views& options) {
  check(options.image >= 1 && options.image <= 4096 && options.count >= 1, "views", [&] {
    return "image " + std::to_string(options.image) + " must lie in 1 .. 4096 and count " +
           std::to_string(options.count) + " be at least 1";
  });
  data::validate(options.augment);
  return options;
}
inline Views two_views(Views options = {}) {
  options.count = 2;
  return views(options);
}
inline Views one_view(Views options = {}) {
  options.count = 1;
  return views(options);
}

}  // namespace nacre::pretext
