// Definitions of pretext/permutations.hpp.
#pragma once

#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/pretext/permutations.hpp>

#include <algorithm>
#include <vector>

namespace nacre::pretext {

NACRE_INLINE Tensor<i64> permutation_set(i64 n, Spread spread, Key key) {
  check(n >= 1 && n <= 10000, "permutation_set",
        [&] { return "n is " + std::to_string(n) + "; it must lie in 1 .. 10000"; });
  constexpr i64 all = 362880, cells = 9, chunk = 1 << 14;
  std::vector<u8> column[cells];  // cell of every candidate, one position at a time, so that the loops vectorise
  u8 order[cells] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  for (auto& c : column) c.resize(all);
  for (i64 i = 0; i < all; ++i) {
    for (i64 c = 0; c < cells; ++c) column[c][static_cast<std::size_t>(i)] = order[c];
    std::next_permutation(order, order + cells);
  }
  std::vector<int> score(all, spread == Spread::max_min ? 99 : 0);
  Tensor<i64> set({n, cells});
  i64 chosen = Random(key).below(static_cast<u32>(all));
  i64 best[all / chunk + 1];
  for (i64 k = 0; k < n; ++k) {
    u8 picked[cells];
    for (i64 c = 0; c < cells; ++c) {
      picked[c] = column[c][static_cast<std::size_t>(chosen)];
      set[k * cells + c] = picked[c];
    }
    score[static_cast<std::size_t>(chosen)] = -(1 << 30);  // the sums stay far below this
    parallel_for(all, chunk, [&](i64 begin, i64 end) {
      u8 distance[chunk] = {};
      int highest = -(1 << 30), n_here = static_cast<int>(end - begin);
      int* __restrict s = score.data() + begin;
      backend::simd::run([&] {
        for (i64 c = 0; c < cells; ++c) {
          const u8* __restrict p = column[c].data() + begin;
          u8* __restrict d = distance;
          u8 cell = picked[c];
          for (int i = 0; i < n_here; ++i) d[i] = static_cast<u8>(d[i] + (p[i] != cell));
        }
        for (int i = 0; i < n_here; ++i)
          s[i] = spread == Spread::max_min ? std::min<int>(s[i], distance[i]) : s[i] + distance[i];
        for (int i = 0; i < n_here; ++i) highest = std::max(highest, s[i]);
      });
      i64 top = begin;
      while (score[static_cast<std::size_t>(top)] != highest) ++top;
      best[begin / chunk] = top;
    });
    chosen = best[0];
    for (i64 b : best)
      if (score[static_cast<std::size_t>(b)] > score[static_cast<std::size_t>(chosen)]) chosen = b;
  }
  return set;
}

}  // namespace nacre::pretext
