// Definitions of eval/retrieval.hpp.
#pragma once

#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/eval/retrieval.hpp>

#include <algorithm>

namespace nacre::eval {

NACRE_INLINE Retrieval retrieval(const Tensor<float>& rows, const Tensor<i64>& clip, const Tensor<i64>& frame,
                                 i64 gap) {
  i64 n = rows.rank() >= 1 ? rows.dim(0) : 0;
  check(n > 0 && clip.size() == n && frame.size() == n && gap >= 1, "retrieval", [&] {
    return "rows are " + rows.shape().str() + ", clip " + clip.shape().str() + ", frame " + frame.shape().str() +
           ", gap " + std::to_string(gap) + "; need [N, d], [N], [N] and a gap of at least 1, which leaves a row out "
           "of its own answers";
  });
  Tensor<float> unit = unit_rows(rows);
  i64 d = unit.dim(1);
  constexpr i64 tile = 512;  // queries whose scores are held at once
  Tensor<float> scores({std::min(tile, n), n});
  Retrieval all;
  for (i64 i = 0; i < n; ++i) {
    if (i % tile == 0) {
      i64 count = std::min(tile, n - i);
      backend::gemm(Cpu{}, false, true, count, n, d, unit.data() + i * d, d, unit.data(), d, scores.data(), n,
                    Into::assign);
    }
    const float* score = scores.data() + i % tile * n;
    i64 best = -1, allowed = 0, right = 0;
    for (i64 j = 0; j < n; ++j) {
      bool same = clip[j] == clip[i];
      if (same && std::abs(frame[j] - frame[i]) < gap) continue;
      ++allowed;
      right += same;
      if (best < 0 || score[j] > score[best]) best = j;
    }
    if (right == 0) continue;
    ++all.queries;
    all.percent += clip[best] == clip[i];
    all.chance += static_cast<double>(right) / static_cast<double>(allowed);
  }
  check(all.queries > 0, "retrieval", [&] {
    return "no row has another of its clip at least " + std::to_string(gap) + " frames away";
  });
  all.percent *= 100 / static_cast<double>(all.queries);
  all.chance *= 100 / static_cast<double>(all.queries);
  return all;
}

}  // namespace nacre::eval
