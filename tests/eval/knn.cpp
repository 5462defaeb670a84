#include <nacre/core/random.hpp>
#include <nacre/eval/knn.hpp>

#include <doctest/doctest.h>

#include <utility>

using namespace nacre;
using namespace nacre::eval;

namespace {

template <class T>
Tensor<T> gaussian(const Shape& shape, u64 seed) {
  Tensor<T> x(shape);
  Random random(Key{seed});
  for (T& v : x.span()) v = static_cast<T>(random.normal());
  return x;
}

// 0 1 2 ... classes-1 0 1 ...
Tensor<i64> round_robin(i64 n, i64 classes) {
  Tensor<i64> y({n});
  for (i64 i = 0; i < n; ++i) y[i] = i % classes;
  return y;
}

// Around one random centre a class.
template <class T>
Tensor<T> clusters(i64 n, i64 d, i64 classes, double noise, u64 seed) {
  auto centre = gaussian<T>({classes, d}, 77);
  auto x = gaussian<T>({n, d}, seed);
  for (i64 i = 0; i < x.size(); ++i) x[i] = centre[(i / d) % classes * d + i % d] + static_cast<T>(noise) * x[i];
  return x;
}

}  // namespace

TEST_CASE_TEMPLATE("the nearest rows are those of a full sort, over tile borders too", T, float, double) {
  auto queries = gaussian<T>({300, 5}, 1), bank = gaussian<T>({9000, 5}, 2);
  for (i64 k : {1, 7, 200}) {
    auto found = nearest(queries, bank, k);
    REQUIRE(found.index.shape() == Shape{300, k});
    auto q = unit_rows(queries), x = unit_rows(bank);
    for (i64 i : {0, 255, 256, 299}) {
      std::vector<std::pair<double, i64>> all;
      for (i64 j = 0; j < 9000; ++j) {
        double s = 0;
        for (i64 c = 0; c < 5; ++c) s += static_cast<double>(q[i * 5 + c]) * static_cast<double>(x[j * 5 + c]);
        all.push_back({-s, j});
      }
      std::sort(all.begin(), all.end());
      for (i64 r = 0; r < k; ++r) {
        auto [negative, j] = all[static_cast<std::size_t>(r)];
        CHECK(std::fabs(static_cast<double>(found.score[i * k + r]) + negative) < (sizeof(T) == 4 ? 1e-6 : 1e-14));
        if (sizeof(T) == 8) CHECK(found.index[i * k + r] == j);  // float may swap what differs in the last bit
      }
    }
  }
}

TEST_CASE("equal scores come in the order of their index") {
  Tensor<float> bank = Tensor<float>::full({1000, 3}, 1);
  auto found = nearest(bank.rows(0, 2), bank, 10);
  for (i64 j = 0; j < 10; ++j) CHECK(found.index[j] == j);
  bank[3 * 500] = 0.9f;  // one worse row does not disturb the others
  bank[3 * 2] = -1;
  found = nearest(bank.rows(0, 1), bank, 10);
  for (i64 j = 0; j < 10; ++j) CHECK(found.index[j] == (j < 2 ? j : j + 1));
}

TEST_CASE("neighbours do not depend on the queries around them") {
  auto queries = gaussian<float>({280, 33}, 3), bank = gaussian<float>({500, 33}, 4);
  auto all = nearest(queries, bank, 5), one = nearest(queries.rows(271, 272), bank, 5);
  for (i64 j = 0; j < 5; ++j) {
    CHECK(one.index[j] == all.index[271 * 5 + j]);
    CHECK(one.score[j] == all.score[271 * 5 + j]);
  }
}

TEST_CASE("the vote weighs neighbours by exp(cosine / temperature)") {
  // The query sees class 0 once at cosine 1 and class 1 three times at cosine .8: e^(.2/T) against 3
  auto train = Tensor<double>::of({4, 2}, {1, 0, .8, .6, .8, -.6, .8, .6});
  auto labels = Tensor<i64>::of({4}, {0, 1, 1, 1});
  auto test = Tensor<double>::of({1, 2}, {5, 0});
  auto truth = Tensor<i64>::of({1}, {0});
  double border = .2 / std::log(3.);
  CHECK(knn(train, labels, test, truth, {.temperature = border * .99}).top1 == 100);
  CHECK(knn(train, labels, test, truth, {.temperature = border * 1.01}).top1 == 0);
  CHECK(knn(train, labels, test, truth, {.k = 1, .temperature = border * 1.01}).top1 == 100);
  CHECK(knn(train, labels, test, truth, {.temperature = 1e-4}).top1 == 100);  // e^10000 overflows; the vote does not
}

TEST_CASE("clusters are told apart, labels that mean nothing are not") {
  auto train = clusters<float>(600, 16, 5, .5, 1), test = clusters<float>(300, 16, 5, .5, 2);
  auto seen = knn(train, round_robin(600, 5), test, round_robin(300, 5), {.k = 20});
  CHECK(seen.top1 > 99);
  CHECK(seen.predictions[7] == 2);
  auto blind =
      knn(gaussian<float>({2000, 16}, 3), round_robin(2000, 4), gaussian<float>({2000, 16}, 4), round_robin(2000, 4));
  CHECK(std::fabs(blind.top1 - 25) < 4);
}

TEST_CASE("pictures go in as they are, and k is at most the size of the set") {
  auto pixels = gaussian<float>({6, 4, 4, 3}, 5);
  auto labels = Tensor<i64>::of({6}, {0, 1, 2, 0, 1, 2});
  auto result = knn(pixels, labels, pixels, labels, {.k = 200, .temperature = 0.01});
  CHECK(result.k == 6);
  CHECK(result.top1 == 100);
}

TEST_CASE("wrong input is named") {
  Tensor<float> x({4, 3}), none({0, 3});
  x.fill(1);
  auto y = Tensor<i64>::of({4}, {0, 1, 0, 1});
  CHECK_THROWS_WITH_AS(knn(x, y, Tensor<float>::full({2, 5}, 1), Tensor<i64>::zeros({2})),
                       doctest::Contains("rows of one size"), Error);
  CHECK_THROWS_WITH_AS(knn(x, y, none, Tensor<i64>({0})), doctest::Contains("needs training and test rows"), DataError);
  CHECK_THROWS_WITH_AS(knn(x, Tensor<i64>::zeros({3}), x, y), doctest::Contains("4 rows of features, 3 labels"),
                       DataError);
  CHECK_THROWS_WITH_AS(knn(x, Tensor<i64>::of({4}, {0, 1, -1, 0}), x, y), doctest::Contains("label -1 of row 2"),
                       DataError);
  CHECK_THROWS_WITH_AS(knn(x, y, x, y, {.temperature = 0}), doctest::Contains("temperature"), Error);
}
