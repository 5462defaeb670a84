// Measures an encoder's running statistics anew, on pictures as an evaluation sees them.
//
// 64 batches of `chunk`, over and over the n images if need be; the weight of the old statistics falls to 0.1 %.
// Training leaves a mixture of augmented views and patches there, which describes neither. Weights stay. Ours, not the
// papers'.
// Tested in tests/methods/settle.cpp.
#pragma once

#include <nacre/autograd/var.hpp>

namespace nacre::methods {

// image(begin, end) -> [end - begin, S, S, C]
template <class Encoder, class F>
void settle_statistics(Encoder& encoder, i64 n, F&& image, i64 chunk = 256) {
  if (chunk > n) chunk = n;
  i64 begin = 0;
  for (int batch = 0; batch < 64; ++batch, begin += chunk) {
    if (begin + chunk > n) begin = 0;
    Tape tape(Mode::train, {}, Record::no);
    encoder(constant(tape, image(begin, begin + chunk)));
  }
}

}  // namespace nacre::methods
