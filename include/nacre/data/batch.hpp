// Batch: what a loader yields. Which fields are filled depends on the views (pretext/*.hpp).
// Tested in tests/data/loader.cpp.
#pragma once

#include <nacre/data/dataset.hpp>

namespace nacre {

struct Batch {
  Tensor<float> image;    // [V * B, S, S, C] normalised; view v of sample b is row v * B + b (V = 1 for PIRL)
  Tensor<float> patches;  // [B, 9, P, P, C] normalised, in shuffled order; empty without a jigsaw
  Tensor<float> sound;    // [V * B, frames, mels, 1] log-mel, normalised; empty where samples have no sound
  Tensor<i64> order;      // [B, 9]: patch p of sample b was cut from cell order[b, p]
  Tensor<i64> puzzle;     // [B]: row of the permutation set, where there is one
  Tensor<i64> turn;       // one number a picture: by how many quarter turns it was rotated
  Tensor<i64> clip;       // [V * B]: which video, source or track a row of image comes from
  Tensor<i64> frame;      // [V * B]: at which of its frames
  Tensor<i64> index;      // [B]: position of the sample in the image set
  Tensor<i64> label;      // [B]: where the set has labels; only supervised bounds look at it
  i64 epoch = 0;
  i64 step = 0;        // counted from the start of the run
  float progress = 0;  // step / steps of the run, in [0, 1)
};

namespace data {

// Gives t the shape, in its own memory where nobody else still refers to it.
template <class T>
void reuse(Tensor<T>& t, const Shape& shape) {
  if (t.shape() != shape || !t.unique()) t = Tensor<T>(shape);
}

}  // namespace data
}  // namespace nacre
