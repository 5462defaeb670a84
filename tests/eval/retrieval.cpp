// eval/retrieval.hpp: who may be found, what is right, and what a blind choice would give.
#include <nacre/eval/retrieval.hpp>

#include "../helpers.hpp"

using namespace nacre;
using eval::retrieval;

namespace {

Tensor<i64> ids(std::vector<i64> v) { return Tensor<i64>::of({static_cast<i64>(v.size())}, v); }

// Rows on the unit circle at these angles.
Tensor<float> circle(const std::vector<double>& angles) {
  Tensor<float> rows({static_cast<i64>(angles.size()), 2});
  for (std::size_t i = 0; i < angles.size(); ++i) {
    rows[2 * static_cast<i64>(i)] = static_cast<float>(3 * std::cos(angles[i]));
    rows[2 * static_cast<i64>(i) + 1] = static_cast<float>(3 * std::sin(angles[i]));
  }
  return rows;
}

}  // namespace

TEST_CASE("neighbours in time may not be found") {
  // Clip 0 at frames 0, 1, 20; clip 1 at frames 0, 30. Frame 0 of clip 0 lies by its neighbour, far from frame 20.
  Tensor<float> rows = circle({0, 0.01, 1, 0.5, 0.7});
  Tensor<i64> clip = ids({0, 0, 0, 1, 1}), frame = ids({0, 1, 20, 0, 30});
  eval::Retrieval any = retrieval(rows, clip, frame, 1), apart = retrieval(rows, clip, frame, 10);
  CHECK(any.queries == 5);
  CHECK(any.percent == doctest::Approx(100. * 4 / 5));    // only frame 20 goes wrong: to 0.7
  CHECK(apart.percent == doctest::Approx(100. * 2 / 5));  // 0 and 1 now go to 0.5
  CHECK(any.chance == doctest::Approx(100. * (3 * 2. / 4 + 2 * 1. / 4) / 5));
  CHECK(apart.chance == doctest::Approx(100. * (2 * 1. / 3 + 2. / 4 + 2 * 1. / 4) / 5));
}

TEST_CASE("rows with nothing right to find are no queries but may be found") {
  Tensor<float> rows = circle({0, 2, 0.1});
  eval::Retrieval r = retrieval(rows, ids({0, 0, 7}), ids({0, 10, 0}), 10);
  CHECK(r.queries == 2);
  CHECK(r.percent == 0);
  CHECK(r.chance == doctest::Approx(50));
  test::check_message([&] { retrieval(rows, ids({0, 1, 2}), ids({0, 0, 0}), 10); }, {"retrieval", "10 frames away"});
  test::check_message([&] { retrieval(rows, ids({0, 1}), ids({0, 0, 0}), 10); }, {"rows are [3, 2]", "clip [2]"});
  test::check_message([&] { retrieval(rows, ids({0, 1, 2}), ids({0, 0, 0}), 0); }, {"gap 0"});
}

TEST_CASE("on many random rows: the plain loop's answer, and chance is what blind rows get") {
  const i64 n = 1300, d = 6;  // more than one tile
  Tensor<float> rows = test::randn<float>({n, d});
  Tensor<i64> clip({n}), frame({n});
  for (i64 i = 0; i < n; ++i) {
    clip[i] = i % 4;
    frame[i] = i / 4;
  }
  eval::Retrieval r = retrieval(rows, clip, frame, 25);
  i64 right = 0;
  for (i64 i = 0; i < n; ++i) {
    double best = -2;
    bool found = false;
    for (i64 j = 0; j < n; ++j) {
      double dot = 0, a = 0, b = 0;
      for (i64 k = 0; k < d; ++k) {
        double x = rows[i * d + k], y = rows[j * d + k];
        dot += x * y;
        a += x * x;
        b += y * y;
      }
      if ((clip[i] == clip[j] && std::abs(frame[i] - frame[j]) < 25) || dot / std::sqrt(a * b) <= best) continue;
      best = dot / std::sqrt(a * b);
      found = clip[i] == clip[j];
    }
    right += found;
  }
  CHECK(r.percent == doctest::Approx(100. * double(right) / double(n)));
  CHECK(std::abs(r.percent - r.chance) < 5);
  auto again = test::with_threads(3, [&] { return retrieval(rows, clip, frame, 25); });
  CHECK(again.percent == r.percent);
}
