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

NACRE_INLINE SpreadStatistics spread_statistics(const Tensor<i64>& set) {
  check(set.rank() == 2 && set.dim(0) >= 2 && set.dim(1) >= 1, "spread_statistics",
        [&] { return "the set is " + set.shape().str() + "; need [n, cells] with n at least 2"; });
  i64 n = set.dim(0), cells = set.dim(1);
  constexpr i64 chunk = 64;  // rows i against all rows before them
  std::vector<i64> sum(static_cast<std::size_t>(n / chunk + 1)), least(sum.size(), cells);
  parallel_for(n, chunk, [&](i64 begin, i64 end) {
    i64 total = 0, nearest = cells;
    for (i64 i = begin; i < end; ++i)
      for (i64 j = 0; j < i; ++j) {
        i64 distance = 0;
        for (i64 c = 0; c < cells; ++c) distance += set[i * cells + c] != set[j * cells + c];
        total += distance;
        nearest = std::min(nearest, distance);
      }
    sum[static_cast<std::size_t>(begin / chunk)] = total;
    least[static_cast<std::size_t>(begin / chunk)] = nearest;
  });
  i64 total = 0;
  for (i64 s : sum) total += s;
  double pairs = static_cast<double>(n) * static_cast<double>(n - 1) / 2;
  return {static_cast<double>(total) / pairs, *std::min_element(least.begin(), least.end())};
}

}  // namespace nacre::pretext
