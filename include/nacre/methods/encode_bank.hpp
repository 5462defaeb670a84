// Before training: one pass over all pictures, to fill a method's banks with what its untrained encoders say of them.
//
//   each_chunk(n, chunk, f)    f(tape, index [end - begin], begin, end) for each chunk of the rows 0 .. n - 1
//
// Pictures are not augmented, batch norm sees the statistics of a chunk. Ours, not the papers': with random rows a
// short run spends itself on learning to match noise. Each method with banks says how it fills them: encode_bank of
// methods/pirl.hpp, encode_banks of avid.hpp and cmc.hpp. Tested in their tests.
#pragma once

#include <nacre/autograd/tape.hpp>
#include <nacre/core/tensor.hpp>

#include <numeric>

namespace nacre::methods {

template <class F>
void each_chunk(i64 n, i64 chunk, const F& f) {
  check(chunk >= 1, "encode_bank", [&] { return "chunk is " + std::to_string(chunk) + "; need at least 1"; });
  for (i64 begin = 0, end; begin < n; begin = end) {
    end = begin + chunk;
    if (end + chunk / 2 > n) end = n;  // no tiny last chunk: its batch statistics would be noise
    Tensor<i64> index({end - begin});
    std::iota(index.data(), index.data() + index.size(), begin);
    Tape tape(Mode::train, {}, Record::no);
    f(tape, index, begin, end);
  }
}

}  // namespace nacre::methods
