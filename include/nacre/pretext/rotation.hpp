// Quarter turns of square pictures, exact: pixels move, none is computed. RotNet's views.
//
//   image [4 B, S, S, C]   one augmented view of sample b, turned by v quarters: row v * B + b
//   turn  [4 B]            v, the label of the row
//
// With all = false each sample is one row, turned by a number drawn for it. Turned after augmentation, so that no
// border, filter or jitter tells the turns apart: only what the picture shows does.
// Gidaris, Singh & Komodakis, "Unsupervised representation learning by predicting image rotations", 2018.
// Tested in tests/pretext/rotation.cpp.
#pragma once

#include <nacre/data/augment.hpp>
#include <nacre/data/batch.hpp>

#include <algorithm>
#include <utility>

namespace nacre::pretext {

// pixels [size, size, channels], turned in place, counterclockwise as numpy.rot90; quarters of any sign.
template <class T>
void turn(T* pixels, i64 size, i64 channels, i64 quarters) {
  i64 last = size - 1;
  auto swap = [&](i64 y, i64 x, i64 v, i64 u) {
    for (i64 c = 0; c < channels; ++c)
      std::swap(pixels[(y * size + x) * channels + c], pixels[(v * size + u) * channels + c]);
  };
  for (quarters &= 3; quarters > 0; --quarters)
    for (i64 y = 0; y < size / 2; ++y)
      for (i64 x = 0; x < (size + 1) / 2; ++x) {  // a cycle of four: each takes its clockwise neighbour's value
        swap(y, x, x, last - y);
        swap(x, last - y, last - y, last - x);
        swap(last - y, last - x, last - x, y);
      }
}

struct RotationViews {
  i64 image = 32;   // S, pixels
  bool all = true;  // all four turns of a picture, or one drawn
  data::Augment augment = data::simclr();

  i64 turns() const { return all ? 4 : 1; }
  void prepare(Batch& b, i64 batch, i64 channels) const {
    data::reuse(b.image, {turns() * batch, image, image, channels});
    data::reuse(b.turn, {turns() * batch});
  }
  void fill(Batch& b, i64 row, const data::Picture& p, const data::Normalization& n, Key key) const {
    i64 pixels = image * image * p.channels, batch = b.turn.size() / turns();
    float* first = b.image.data() + row * pixels;
    data::augment(p, augment, n, key.fold(0), image, first);
    i64 drawn = all ? 0 : Random(key.fold(1)).below(4);
    for (i64 v = turns() - 1; v >= 0; --v) {  // the unturned one last: the others are copies of it
      float* to = first + v * batch * pixels;
      if (v > 0) std::copy_n(first, pixels, to);
      turn(to, image, p.channels, v + drawn);
      b.turn[v * batch + row] = v + drawn;
    }
  }
};

// Checked options. Throws nacre::Error.
inline RotationViews rotation_views(const RotationViews& options = {}) {
  check(options.image >= 1 && options.image <= 4096, "rotation_views",
        [&] { return "image " + std::to_string(options.image) + " is not in 1 .. 4096"; });
  data::validate(options.augment);
  return options;
}

}  // namespace nacre::pretext
