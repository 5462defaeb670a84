#include <nacre/backend/cpu/similarity.hpp>
#include <nacre/bank/memory_bank.hpp>
#include <nacre/bank/negatives.hpp>

#include <doctest/doctest.h>

using namespace nacre;

namespace {

double norm(const Tensor<double>& rows, i64 r) {
  double s = 0;
  for (i64 i = 0; i < rows.dim(1); ++i) s += rows[r * rows.dim(1) + i] * rows[r * rows.dim(1) + i];
  return std::sqrt(s);
}

}  // namespace

TEST_CASE("a memory bank starts with unit rows that a thread count does not change") {
  set_threads(1);
  MemoryBank<double> one(600, 16, Key{5});
  set_threads(3);
  MemoryBank<double> three(600, 16, Key{5});
  set_threads(0);
  for (i64 r = 0; r < 600; ++r) CHECK(norm(one.rows(), r) == doctest::Approx(1).epsilon(1e-14));
  CHECK(std::memcmp(one.rows().data(), three.rows().data(), 600 * 16 * sizeof(double)) == 0);
}

TEST_CASE("an update is the normalised moving average, and leaves other rows alone") {
  MemoryBank<double> bank(8, 4, Key{5}, 0.5);
  Tensor<double> before = bank.rows().clone(), z = Tensor<double>::of({1, 4}, {0, 1, 0, 0});
  bank.update(Tensor<i64>::of({1}, {3}), z);
  double mixed[4], s = 0;
  for (i64 i = 0; i < 4; ++i) {
    mixed[i] = 0.5 * before[3 * 4 + i] + 0.5 * z[i];
    s += mixed[i] * mixed[i];
  }
  for (i64 i = 0; i < 4; ++i) CHECK(bank.rows()[3 * 4 + i] == doctest::Approx(mixed[i] / std::sqrt(s)).epsilon(1e-14));
  for (i64 i = 0; i < 32; ++i)
    if (i / 4 != 3) CHECK(bank.rows()[i] == before[i]);
}

TEST_CASE("an index twice in a batch is moved twice, in the batch's order") {
  MemoryBank<double> once(8, 4, Key{5}, 0.5), twice = once;
  Tensor<double> z = Tensor<double>::of({2, 4}, {0, 1, 0, 0, 1, 0, 0, 0});
  twice.update(Tensor<i64>::of({2}, {3, 3}), z);
  once.update(Tensor<i64>::of({1}, {3}), z.rows(0, 1));
  once.update(Tensor<i64>::of({1}, {3}), z.rows(1, 2));
  CHECK(std::memcmp(once.rows().data(), twice.rows().data(), 32 * sizeof(double)) == 0);
}

TEST_CASE("assign overwrites; a copy of a bank is another bank") {
  MemoryBank<double> bank(8, 4, Key{5}), copy = bank;
  bank.assign(Tensor<i64>::of({1}, {2}), Tensor<double>::of({1, 4}, {0, 0, 3, 4}));
  CHECK(bank.rows()[2 * 4 + 2] == doctest::Approx(0.6));
  CHECK(copy.rows()[2 * 4 + 2] != doctest::Approx(0.6));
}

TEST_CASE("a bank refuses rows it does not have and shapes that do not fit") {
  MemoryBank<float> bank(8, 4, Key{5});
  CHECK_THROWS_WITH_AS(bank.update(Tensor<i64>::of({1}, {8}), Tensor<float>({1, 4})),
                       "memory_bank: row 8 of a bank of 8 rows", Error);
  CHECK_THROWS_AS(bank.update(Tensor<i64>::of({1}, {-1}), Tensor<float>({1, 4})), Error);
  CHECK_THROWS_AS(bank.update(Tensor<i64>::of({1}, {1}), Tensor<float>({1, 5})), Error);
  CHECK_THROWS_AS(MemoryBank<float>(0, 4, Key{}), Error);
  CHECK_THROWS_AS(MemoryBank<float>(4, 4, Key{}, 1.5), Error);
}

TEST_CASE("a sample's negatives walk through the bank part by part") {
  i64 n = 5000, k = 2001;
  Tensor<i64> index = draw_negatives(Tensor<i64>::of({2}, {0, 4999}), n, {.count = k}, Key{3});
  for (i64 b = 0; b < 2; ++b) {
    i64 most = 0, back = 0;
    for (i64 row : index.rows(b, b + 1).span()) {
      most = std::max(most, row);
      back = std::max(back, most - row);
    }
    CHECK(back <= n / backend::bank_parts + 1);
    CHECK(most > n - n / backend::bank_parts);
  }
}

TEST_CASE("negatives never include the own row, unless asked, and cover all others evenly") {
  i64 n = 50, k = 2000;
  Tensor<i64> own = Tensor<i64>::of({3}, {0, 17, 49});
  Tensor<i64> drawn = draw_negatives(own, n * 50, {.count = k}, Key{1});
  CHECK(drawn.shape() == Shape({3, k}));
  Tensor<i64> small = draw_negatives(own, n, {.count = 49}, Key{1});
  std::vector<i64> seen(static_cast<std::size_t>(n));
  i64 self = 0;
  for (u64 key = 0; key < 200; ++key) {
    Tensor<i64> index = draw_negatives(own, n, {.count = 49}, Key{key});
    for (i64 i = 0; i < 49; ++i) {
      CHECK(index[49 + i] != 17);
      ++seen[static_cast<std::size_t>(index[49 + i])];
    }
    Tensor<i64> loose = draw_negatives(own, n, {.count = 49, .exclude_self = false}, Key{key});
    for (i64 i = 0; i < 49; ++i) self += loose[49 + i] == 17;
  }
  CHECK(self > 100);  // expected 196
  for (i64 r = 0; r < n; ++r)
    if (r != 17) {  // binomial, mean 200, deviation 14: six deviations
      CHECK(seen[static_cast<std::size_t>(r)] > 115);
      CHECK(seen[static_cast<std::size_t>(r)] < 285);
    }
  CHECK(draw_negatives(own, n, {.count = 10, .shared = true}, Key{1}).shape() == Shape({10}));
  CHECK_THROWS_AS(draw_negatives(own, n, {.count = 50}, Key{1}), Error);
}
