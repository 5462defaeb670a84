// ops/reduce.hpp: every reducer of the list, over rows, columns and everything.
#include "../helpers.hpp"

#include <nacre/ops/reduce.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("every reducer of the list has the gradient it says, over each axis") {
  for (const Shape& shape : {Shape{1, 1}, Shape{3, 17}, Shape{2, 3, 33}, Shape{130, 2}})
    for (Axis axis : {Axis::all, Axis::rows, Axis::cols}) {
      auto data = spread(shape);
      for (double& v : data.span()) v += 1;  // a sum near 0 would be an ill-conditioned one
#define NACRE_CASE(Reducer, op) check_op(op_case(#op, [axis](const auto& x) { return op(x[0], axis); }, {data}));
      NACRE_REDUCERS(NACRE_CASE)
#undef NACRE_CASE
    }
}

TEST_CASE("a row or column result keeps the other extents") {
  Var<double> x(Tensor<double>::of({2, 1, 3}, {1, 2, 3, 4, 5, 9}));
  CHECK(sum(x).shape() == Shape{});
  CHECK(sum(x).item() == 24);
  CHECK(same_bits(mean(x, Axis::rows).value(), Tensor<double>::of({2, 1}, {2, 6})));
  CHECK(same_bits(max(x, Axis::cols).value(), Tensor<double>::of({3}, {4, 5, 9})));
  CHECK(std::abs(log_sum_exp(x, Axis::rows).value()[1] - (9 + std::log(1 + std::exp(-4) + std::exp(-5)))) < 1e-14);
}

TEST_CASE("equal maxima each receive the gradient") {
  Tape tape;
  auto x = variable(tape, Tensor<double>::of({3}, {2, 5, 5}));
  backward(max(x));
  CHECK(same_bits(x.grad(), Tensor<double>::of({3}, {0, 1, 1})));
}

TEST_CASE("long sums do not lose digits and do not depend on the thread count") {
  auto x = uniform<float>({100003}, 0, 1);
  double exact = 0;
  for (float v : x.span()) exact += static_cast<double>(v);
  CHECK(std::abs(static_cast<double>(sum(Var<float>(x)).item()) - exact) < 1e-6 * exact);
  for (Axis axis : {Axis::all, Axis::rows, Axis::cols})
    check_threads(
        op_case("log_sum_exp", [axis](const auto& v) { return log_sum_exp(v[0], axis); }, {randn({301, 333})}));
}

TEST_CASE("log_sum_exp keeps infinities and NaN") {
  float inf = std::numeric_limits<float>::infinity();
  for (i64 n : {3, 40}) {
    Tensor<float> x = Tensor<float>::full({4, n}, -inf);
    x[n] = 2;
    x[2 * n + 1] = inf;
    x[3 * n + 2] = std::nanf("");
    auto y = log_sum_exp(Var<float>(x), Axis::rows).value();
    CHECK(y[0] == -inf);
    CHECK(y[1] == 2);
    CHECK(y[2] == inf);
    CHECK(std::isnan(y[3]));
  }
  CHECK(std::isnan(max(Var<float>(Tensor<float>::of({3}, {1, std::nanf(""), 2}))).item()));
}

TEST_CASE("what cannot be reduced is refused by name") {
  Var<float> scalar(Tensor<float>::scalar(1)), none(Tensor<float>({3, 0}));
  check_message([&] { sum(scalar, Axis::rows); }, {"sum", "x is a scalar"});
  check_message([&] { log_sum_exp(scalar, Axis::cols); }, {"log_sum_exp", "x is a scalar"});
  check_message([&] { max(none, Axis::rows); }, {"max", "x is [3, 0]", "no elements"});
  CHECK(sum(none).item() == 0);
  CHECK(std::isnan(mean(none).item()));
  CHECK(sum(Var<float>(Tensor<float>({0, 4})), Axis::rows).shape() == Shape{0});
}
