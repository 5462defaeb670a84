#include <nacre/pretext/permutations.hpp>

#include <doctest/doctest.h>

#include <algorithm>

using namespace nacre;
using namespace nacre::pretext;

namespace {

struct Distances {
  int least = 9;
  double mean = 0;
};
Distances distances(const Tensor<i64>& set) {
  Distances d;
  i64 n = set.dim(0);
  for (i64 i = 0; i < n; ++i)
    for (i64 j = 0; j < i; ++j) {
      int h = 0;
      for (i64 c = 0; c < 9; ++c) h += set[i * 9 + c] != set[j * 9 + c];
      d.least = std::min(d.least, h);
      d.mean += h;
    }
  d.mean /= static_cast<double>(n * (n - 1) / 2);
  return d;
}

}  // namespace

TEST_CASE("max_min keeps 100 orders at least 6 apart; max_avg reaches the mean 8 N / (N - 1)") {
  Tensor<i64> far = permutation_set(100, Spread::max_min, Key{1}), even = permutation_set(100, Spread::max_avg, Key{1});
  CHECK(distances(far).least >= 6);
  CHECK(distances(even).mean == doctest::Approx(8.0 * 100 / 99).epsilon(2e-3));
  for (i64 r = 0; r < 100; ++r) {
    i64 row[9];
    std::copy_n(far.data() + r * 9, 9, row);
    std::sort(row, row + 9);
    for (i64 c = 0; c < 9; ++c) CHECK(row[c] == c);
  }
}

TEST_CASE("the same key gives the same set, whose beginning is the smaller set; another key another") {
  Tensor<i64> a = permutation_set(12, Spread::max_min, Key{1}), b = permutation_set(5, Spread::max_min, Key{1});
  for (i64 i = 0; i < 45; ++i) CHECK(a[i] == b[i]);
  Tensor<i64> c = permutation_set(5, Spread::max_min, Key{2});
  CHECK(!std::equal(b.data(), b.data() + 45, c.data()));
  CHECK(distances(permutation_set(9, Spread::max_min, Key{3})).least == 9);
  CHECK_THROWS_AS(permutation_set(0, Spread::max_min, Key{1}), Error);
  CHECK_THROWS_AS(permutation_set(10001, Spread::max_avg, Key{1}), Error);
}
