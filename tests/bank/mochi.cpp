#include <nacre/bank/mochi.hpp>

#include "../helpers.hpp"

#include <nacre/ops/normalize.hpp>

#include <algorithm>
#include <cmath>
#include <set>

using namespace nacre;
using namespace nacre::test;

namespace {

template <class T>
Tensor<T> unit_rows(const Shape& shape, u64 seed) {
  return converted<T>(l2_normalize(Var<double>(randn(shape, seed))).value());
}
template <class T>
double dot(const T* a, const T* b, i64 d) {
  double sum = 0;
  for (i64 i = 0; i < d; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

}  // namespace

TEST_CASE("each mix lies between two of the hardest, or between one and the query and nearer to that one") {
  i64 d = 6, k = 50;
  auto q = unit_rows<double>({3, d}, 1), n = unit_rows<double>({k, d}, 2);
  auto h = mochi(q, n, {.hardest = 3, .mixes = 40, .query_mixes = 30}, Key{1});
  REQUIRE(h.shape() == Shape{3, 70, d});
  for (i64 b = 0; b < 3; ++b) {
    const double* query = q.data() + b * d;
    std::vector<const double*> hard;
    for (i64 i = 0; i < k; ++i) hard.push_back(n.data() + i * d);
    std::sort(hard.begin(), hard.end(), [&](auto* u, auto* v) { return dot(query, u, d) > dot(query, v, d); });
    hard.resize(3);
    // Is h = x u + y v with x, y >= 0? And is x the larger?
    auto on_arc = [&](const double* row, const double* u, const double* v, bool nearer_u) {
      double c = dot(u, v, d), ru = dot(row, u, d), rv = dot(row, v, d);
      double x = (ru - c * rv) / (1 - c * c), y = (rv - c * ru) / (1 - c * c);
      return x > -1e-9 && y > -1e-9 && (!nearer_u || x > y) && std::abs(x * ru + y * rv - 1) < 1e-9;
    };
    std::set<int> drawn;
    for (i64 m = 0; m < 70; ++m) {
      const double* row = h.data() + (b * 70 + m) * d;
      CHECK(dot(row, row, d) == doctest::Approx(1).epsilon(1e-12));
      int found = -1;
      for (int i = 0; i < 3; ++i) {
        const double *u = hard[static_cast<std::size_t>(i)], *v = hard[static_cast<std::size_t>((i + 1) % 3)];
        if (m < 40 ? on_arc(row, u, v, false) : on_arc(row, u, query, true)) found = i + (m < 40 ? 0 : 3);
      }
      CHECK(found >= 0);
      drawn.insert(found);
    }
    CHECK(drawn.size() == 6);  // every pair has been drawn
  }
}

TEST_CASE("mixes are harder than random negatives, and those with the query harder still") {
  auto q = unit_rows<float>({16, 32}, 1), n = unit_rows<float>({512, 32}, 2);
  auto h = mochi(q, n, {.hardest = 32, .mixes = 20, .query_mixes = 20}, Key{1});
  double plain = 0, between = 0, with_query = 0;
  for (i64 b = 0; b < 16; ++b) {
    for (i64 i = 0; i < 20; ++i) {
      plain += dot(q.data() + b * 32, n.data() + i * 32, 32) / 320;
      between += dot(q.data() + b * 32, h.data() + (b * 40 + i) * 32, 32) / 320;
      with_query += dot(q.data() + b * 32, h.data() + (b * 40 + 20 + i) * 32, 32) / 320;
    }
  }
  CHECK(between > plain + .2);
  CHECK(with_query > between + .05);
}

TEST_CASE("a pure function of the key and the query's place: threads change no bit") {
  auto q = unit_rows<float>({9, 16}, 1), n = unit_rows<float>({100, 16}, 2);
  MochiOptions o{.hardest = 10, .mixes = 5, .query_mixes = 3};
  auto run = [&](u64 seed) { return mochi(q, n, o, Key{seed}); };
  auto one = with_threads(1, [&] { return run(1); }), three = with_threads(3, [&] { return run(1); });
  CHECK(same_bits(one, three));
  CHECK(!same_bits(one, run(2)));
  CHECK(same_bits(mochi(q.rows(0, 4), n, o, Key{1}), one.rows(0, 4).clone()));
}

TEST_CASE("few negatives, opposite ones and numbers that are none are survived; bad calls are refused") {
  auto q = Tensor<float>::of({1, 2}, {1, 0}), n = Tensor<float>::of({2, 2}, {0, 1, 0, -1});
  for (float x : mochi(q, n, {.hardest = 64, .mixes = 50, .query_mixes = 50}, Key{1}).span()) CHECK(std::isfinite(x));
  n[1] = std::nanf("");
  CHECK(mochi(q, n, {.hardest = 1}, Key{1}).shape() == Shape{1, 72, 2});
  check_message([&] { mochi(q, Tensor<float>({0, 2}), {}, {}); }, {"mochi", "[1, 2]", "[0, 2]", "K at least 1"});
  check_message([&] { mochi(q, n, {.hardest = 0}, {}); }, {"mochi", "hardest 0", "at least 1"});
}
