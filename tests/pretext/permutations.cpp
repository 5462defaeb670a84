#include <nacre/pretext/permutations.hpp>

#include <doctest/doctest.h>

#include <algorithm>

using namespace nacre;
using namespace nacre::pretext;

TEST_CASE("spread_statistics: mean and least Hamming distance of all pairs") {
  SpreadStatistics s = spread_statistics(Tensor<i64>::of({3, 4}, {0, 1, 2, 3, 1, 0, 2, 3, 1, 2, 3, 0}));
  CHECK(s.least == 2);
  CHECK(s.mean == (2 + 4 + 3) / 3.0);
  // the nine cyclic shifts differ everywhere; all 24 orders of four: 4 * 3/4 fixed points less, times 24 / 23
  Tensor<i64> shifts({9, 9}), all({24, 4});
  for (i64 i = 0; i < 81; ++i) shifts[i] = (i / 9 + i % 9) % 9;
  CHECK(spread_statistics(shifts).least == 9);
  CHECK(spread_statistics(shifts).mean == 8.0 * 9 / 8);
  i64 order[4] = {0, 1, 2, 3};
  for (i64 r = 0; r < 24; ++r, std::next_permutation(order, order + 4)) std::copy_n(order, 4, all.data() + r * 4);
  CHECK(spread_statistics(all).mean == doctest::Approx(3.0 * 24 / 23));
  CHECK(spread_statistics(all).least == 2);
  CHECK_THROWS_AS(spread_statistics(Tensor<i64>({1, 9})), Error);
  CHECK_THROWS_AS(spread_statistics(Tensor<i64>({9})), Error);
}

TEST_CASE("max_min keeps orders apart, max_avg balances cells and guarantees nothing") {
  // a smaller set is the beginning of a larger one
  Tensor<i64> far = permutation_set(2000, Spread::max_min, Key{1});
  Tensor<i64> even = permutation_set(999, Spread::max_avg, Key{1});
  for (auto [n, least] : {std::pair<i64, i64>{100, 6}, {1000, 5}, {2000, 4}}) {
    CAPTURE(n);
    SpreadStatistics s = spread_statistics(far.rows(0, n));
    CHECK(s.least == least);
    CHECK(s.mean > 7.9);
    CHECK(s.mean < 8.1);
  }
  for (auto [n, short_of] : {std::pair<i64, double>{9, 0}, {99, 0}, {100, 1e-3}, {999, 1e-5}}) {
    CAPTURE(n);
    SpreadStatistics s = spread_statistics(even.rows(0, n));
    double balanced = 8 * static_cast<double>(n) / static_cast<double>(n - 1);  // every cell everywhere n / 9 times
    CHECK(s.mean <= balanced * (1 + 1e-12));
    CHECK(s.mean >= (balanced - short_of) * (1 - 1e-12));
    if (n > 9) CHECK(s.least == 2);
  }
}

TEST_CASE("every row is a permutation") {
  Tensor<i64> far = permutation_set(100, Spread::max_min, Key{1});
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
  CHECK(spread_statistics(permutation_set(9, Spread::max_min, Key{3})).least == 9);
  CHECK_THROWS_AS(permutation_set(0, Spread::max_min, Key{1}), Error);
  CHECK_THROWS_AS(permutation_set(10001, Spread::max_avg, Key{1}), Error);
}
