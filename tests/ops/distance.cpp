#include <nacre/ops/distance.hpp>

#include "../helpers.hpp"

using namespace nacre;
using namespace nacre::test;

TEST_CASE("squared distances are sums of squares, with right gradients, between two matrices and within one") {
  auto a = randn({4, 3}, 1), b = randn({5, 3}, 2);
  auto y = squared_distances(Var<double>(a), Var<double>(b)).value();
  for (i64 i = 0; i < 4; ++i)
    for (i64 j = 0; j < 5; ++j) {
      double sum = 0;
      for (i64 d = 0; d < 3; ++d) sum += (a[i * 3 + d] - b[j * 3 + d]) * (a[i * 3 + d] - b[j * 3 + d]);
      CHECK(y[i * 5 + j] == doctest::Approx(sum).epsilon(1e-12));
    }
  auto rows = row_squared_distances(Var<double>(a), Var<double>(b.rows(0, 4))).value();
  for (i64 i = 0; i < 4; ++i) CHECK(rows[i] == doctest::Approx(y[i * 5 + i]).epsilon(1e-12));

  check_op(op_case("between", [](const auto& v) { return squared_distances(v[0], v[1]); }, {a, b}));
  check_op(op_case("within", [](const auto& v) { return squared_distances(v[0], v[0]); }, {a}));
  check_op(op_case("rows", [](const auto& v) { return row_squared_distances(v[0], v[1]); }, {a, randn({4, 3}, 3)}));
}

TEST_CASE("rows of different lengths are refused") {
  Var<double> a(randn({4, 3})), b(randn({4, 2}));
  check_message([&] { squared_distances(a, b); }, {"squared_distances", "[4, 3]", "[4, 2]", "one length"});
  check_message([&] { row_squared_distances(a, b); }, {"row_squared_distances", "[4, 3]", "[4, 2]", "one shape"});
}
