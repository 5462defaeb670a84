// core/random.hpp: Philox's known answers, statistics, and the keyed permutation.
#include "../helpers.hpp"

using namespace nacre;

static bool is(Bits128 b, u32 v0, u32 v1, u32 v2, u32 v3) {
  return b.v[0] == v0 && b.v[1] == v1 && b.v[2] == v2 && b.v[3] == v3;
}

TEST_CASE("philox gives the published answers") {
  CHECK(is(philox(0, {{0, 0, 0, 0}}), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  constexpr u32 ones = 0xffffffff;
  CHECK(is(philox(~u64{0}, {{ones, ones, ones, ones}}), 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  CHECK(is(philox(0x299f31d0a4093822u, {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}), 0xd16cfe09, 0x94fdcceb,
           0x5001e420, 0x24126ea1));
}

TEST_CASE("draws are the words of the key in order, and folds are keys of their own") {
  Key k{5};
  Random r(k);
  for (u64 i = 0; i < 9; ++i) CHECK(r.word() == k.word(i));
  CHECK(k.fold(1).seed != k.fold(2).seed);
  CHECK(k.fold("a").seed != k.fold("b").seed);
  CHECK(k.fold("a").fold("b").seed != k.fold("b").fold("a").seed);
  CHECK(Key{6}.fold("a").seed != k.fold("a").seed);
}

TEST_CASE("uniform, below, chance and normal have the moments they should") {
  constexpr int n = 200000;
  Random r(Key{1});
  double mean = 0, square = 0, normal_mean = 0, normal_square = 0;
  int counts[10] = {}, hits = 0;
  for (int i = 0; i < n; ++i) {
    double u = static_cast<double>(r.uniform()), g = static_cast<double>(r.normal());
    CHECK_UNARY(u >= 0 && u < 1);
    mean += u / n;
    square += u * u / n;
    normal_mean += g / n;
    normal_square += g * g / n;
    ++counts[r.below(10)];
    hits += r.chance(0.3f);
  }
  CHECK(std::abs(mean - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
  CHECK(std::abs(square - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / n));
  CHECK(std::abs(normal_mean) < 5 / std::sqrt(n));
  CHECK(std::abs(normal_square - 1) < 5 * std::sqrt(2.0 / n));
  for (int c : counts) CHECK(std::abs(c - n / 10) < 5 * std::sqrt(n * 0.09));
  CHECK(std::abs(hits - 0.3 * n) < 5 * std::sqrt(n * 0.21));
}

TEST_CASE("permute is a bijection of 0 .. n - 1 for every n, and another key is another order") {
  for (u64 n : {1, 2, 3, 4, 5, 16, 17, 1000, 65537}) {
    std::vector<char> seen(n, 0);
    u64 fixed = 0;
    for (u64 i = 0; i < n; ++i) {
      u64 j = permute(Key{n}, i, n);
      REQUIRE(j < n);
      CHECK_UNARY(!seen[j]);
      seen[j] = 1;
      fixed += i == j;
    }
    if (n >= 1000) CHECK(fixed < 12);  // 1 is expected
  }
  u64 same = 0;
  for (u64 i = 0; i < 1000; ++i) same += permute(Key{1}, i, 1000) == permute(Key{2}, i, 1000);
  CHECK(same < 12);
}

TEST_CASE("permute puts every element everywhere equally often, small n included") {
  for (u64 n : {2, 3, 5, 9, 17}) {
    constexpr u64 keys = 5000;
    std::vector<int> counts(n * n);
    for (u64 seed = 0; seed < keys; ++seed)
      for (u64 i = 0; i < n; ++i) ++counts[i * n + permute(Key{seed}, i, n)];
    double expected = static_cast<double>(keys) / static_cast<double>(n), chi_square = 0;
    for (int c : counts) chi_square += (c - expected) * (c - expected) / expected;
    double freedom = static_cast<double>((n - 1) * (n - 1));
    CHECK(chi_square < freedom + 5 * std::sqrt(2 * freedom));
  }
}

TEST_CASE("shuffle gives all orders equally often") {
  int counts[27] = {};
  Random r(Key{3});
  for (int i = 0; i < 6000; ++i) {
    int a[3] = {0, 1, 2};
    shuffle(a, 3, r);
    ++counts[a[0] * 9 + a[1] * 3 + a[2]];
  }
  int orders = 0;
  for (int c : counts) {
    orders += c > 0;
    if (c > 0) CHECK(std::abs(c - 1000) < 5 * std::sqrt(833));
  }
  CHECK(orders == 6);
}
