#include <nacre/eval/rows.hpp>

#include <doctest/doctest.h>

#include <limits>

using namespace nacre;
using namespace nacre::eval;

TEST_CASE("rows become unit vectors, whatever the rank, and a row of zeros stays zeros") {
  auto x = Tensor<float>::of({3, 2, 1}, {3, 4, 0, 0, 0, -2});
  auto u = unit_rows(x);
  CHECK(u.shape() == Shape{3, 2});
  CHECK(u[0] == doctest::Approx(0.6));
  CHECK(u[1] == doctest::Approx(0.8));
  CHECK(u[2] == 0);
  CHECK(u[3] == 0);
  CHECK(u[5] == -1);
}

TEST_CASE("float rows whose squares overflow float are still normalised") {
  auto u = unit_rows(Tensor<float>::of({1, 2}, {3e30f, 4e30f}));
  CHECK(u[0] == doctest::Approx(0.6));
}

TEST_CASE("the first bad row is named") {
  auto x = Tensor<double>::full({4, 2}, 1);
  x[5] = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(unit_rows(x), doctest::Contains("row 2 of [4, 2]"), NonFiniteError);
}
