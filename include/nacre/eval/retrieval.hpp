// Retrieval at 1: does the nearest other row come from the same clip (track, source), though not from next to it?
//
//   rows [N, d], clip [N], frame [N]     query i may find any j but those of its clip with |frame_j - frame_i| < gap
//   right where clip_j = clip_i for the j of the largest cosine; equal cosines: the lower j
//
// The gap takes away what is right without any learning: the frame next to it, nearly a copy. Rows that have nothing
// right to find are no queries, but may be found. `chance` is the expected percentage of a blind choice.
// Throws nacre::Error. Tested in tests/eval/retrieval.cpp.
#pragma once

#include <nacre/eval/rows.hpp>

namespace nacre::eval {

struct Retrieval {
  double percent = 0, chance = 0;  // of the queries
  i64 queries = 0;
};

NACRE_INLINE Retrieval retrieval(const Tensor<float>& rows, const Tensor<i64>& clip, const Tensor<i64>& frame,
                                 i64 gap = 10);

}  // namespace nacre::eval

#if NACRE_DEFINITIONS
#include <nacre/eval/retrieval_impl.hpp>
#endif
