// Permutation sets of the jigsaw classifier: n orders of 9 cells that lie far apart in Hamming distance.
//
// From a first order drawn by the key, always the one of the rest of 9! that maximises
//   max_min   the smallest distance to those chosen    (6 for 100 orders, 5 for 1,000, 4 for 2,000, 3 for 10,000)
//   max_avg   the mean distance to those chosen        (published sets; balances cells but only guarantees distance 2)
// is added; the first in lexicographic order wins a tie. A running sum or minimum per candidate makes it
// O(n * 9! * 9): 2,000 orders take seconds. The mean distance is at most 8 n / (n - 1), where every
// cell stands equally often in every place: max_avg comes within 1e-3. Of random orders it is 8.
// Noroozi and Favaro, 2016; Goyal et al., 2019. Tested in tests/pretext/permutations.cpp.
#pragma once

#include <nacre/core/random.hpp>
#include <nacre/core/tensor.hpp>

namespace nacre::pretext {

enum class Spread { max_min, max_avg };

// [n, 9], n in 1 .. 10,000. Throws nacre::Error.
NACRE_INLINE Tensor<i64> permutation_set(i64 n, Spread spread, Key key);

struct SpreadStatistics {
  double mean = 0;  // Hamming distance of two orders
  i64 least = 0;
};

// Over all pairs of rows of set [n, cells], n >= 2. O(n^2 cells). Throws nacre::Error.
NACRE_INLINE SpreadStatistics spread_statistics(const Tensor<i64>& set);

}  // namespace nacre::pretext

#if NACRE_DEFINITIONS
#include <nacre/pretext/permutations_impl.hpp>
#endif
