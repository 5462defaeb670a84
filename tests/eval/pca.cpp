#include <nacre/core/random.hpp>
#include <nacre/eval/pca.hpp>

#include <doctest/doctest.h>

using namespace nacre;

TEST_CASE("points in a plane of a larger space come back with their distances") {
  Random random(Key{3});
  Tensor<float> x({50, 4}), flat({50, 2});
  for (i64 i = 0; i < 50; ++i) {
    float a = 5 * random.normal(), b = random.normal();
    float row[4] = {0.6f * a + 3, 0.8f * a, b - 1, 7};  // two orthonormal directions and an offset
    for (i64 j = 0; j < 4; ++j) x[i * 4 + j] = row[j];
    flat[i * 2] = a;
    flat[i * 2 + 1] = b;
  }
  auto p = eval::pca(x);
  CHECK(p.points.shape() == Shape{50, 2});
  CHECK(p.explained[0] > 0.8);
  CHECK(p.explained[0] + p.explained[1] == doctest::Approx(1));
  for (i64 i = 1; i < 50; ++i) {
    double want = std::hypot(flat[i * 2] - flat[0], flat[i * 2 + 1] - flat[1]);
    double got = std::hypot(p.points[i * 2] - p.points[0], p.points[i * 2 + 1] - p.points[1]);
    CHECK(std::fabs(want - got) < 1e-4);
  }
}

TEST_CASE("equal rows have no spread to explain, and too many components are refused") {
  auto p = eval::pca(Tensor<double>::full({5, 3}, 2));
  CHECK(p.explained[0] == 0);
  CHECK(p.points[0] == 0);
  CHECK_THROWS_WITH_AS(eval::pca(Tensor<double>::zeros({5, 3}), 4), doctest::Contains("4 components of 3"), Error);
  CHECK_THROWS_AS(eval::pca(Tensor<double>::zeros({1, 3})), Error);
}
