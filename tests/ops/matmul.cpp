// ops/matmul.hpp: matmul with either side transposed, linear.
#include "../helpers.hpp"

#include <nacre/ops/matmul.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("matmul has the gradients it says, with either side transposed") {
  struct Size {
    i64 m, k, n;
  };
  for (Size s : {Size{1, 1, 1}, Size{3, 5, 2}, Size{2, 17, 19}})
    for (bool ta : {false, true})
      for (bool tb : {false, true}) {
        auto a = randn(ta ? Shape{s.k, s.m} : Shape{s.m, s.k}), b = randn(tb ? Shape{s.n, s.k} : Shape{s.k, s.n}, 2);
        check_op(op_case("matmul", [=](const auto& x) { return matmul(x[0], x[1], {ta, tb}); }, {a, b}));
      }
}

TEST_CASE("linear has the gradients it says, with and without a bias, for any rank") {
  for (const Shape& shape : {Shape{1, 1}, Shape{4, 5}, Shape{2, 3, 17}}) {
    auto x = randn(shape), w = randn({3, shape.cols()}, 2), b = randn({3}, 3);
    check_op(op_case("linear", [](const auto& v) { return linear(v[0], v[1], v[2]); }, {x, w, b}));
    check_op(op_case("linear", [](const auto& v) { return linear(v[0], v[1], {}); }, {x, w}));
  }
}

TEST_CASE("matmul is the sum of products") {
  auto a = randn({3, 7}), b = randn({7, 4}, 2);
  auto y = matmul(Var<double>(a), Var<double>(b)).value();
  for (i64 i = 0; i < 3; ++i)
    for (i64 j = 0; j < 4; ++j) {
      double s = 0;
      for (i64 k = 0; k < 7; ++k) s += a[i * 7 + k] * b[k * 4 + j];
      CHECK(y[i * 4 + j] == doctest::Approx(s).epsilon(1e-13));
    }
}

TEST_CASE("a row of a product does not depend on the batch around it") {
  auto x = randn<float>({37, 65}), w = randn<float>({33, 65}, 2);
  auto all = linear(Var<float>(x), Var<float>(w), {}).value();
  for (i64 r : {0, 5, 36})
    CHECK(same_bits(linear(Var<float>(x.rows(r, r + 1)), Var<float>(w), {}).value(), all.rows(r, r + 1).clone()));
}

TEST_CASE("wrong shapes are refused by name, and no rows give no rows") {
  Var<float> a(randn<float>({2, 3})), b(randn<float>({2, 4})), v(randn<float>({3}));
  check_message([&] { matmul(a, b); }, {"matmul", "a is [2, 3]", "b is [2, 4]", "cols of a == rows of b"});
  check_message([&] { matmul(a, b, {.transpose_b = true}); }, {"matmul", "b is [2, 4] transposed"});
  check_message([&] { matmul(a, v); }, {"matmul", "two matrices", "a [2, 3]", "b [3]"});
  check_message([&] { linear(a, b, {}); }, {"linear", "x is [2, 3]", "w is [2, 4]"});
  check_message([&] { linear(a, Var<float>(randn<float>({4, 3})), v); }, {"linear", "bias is [3]", "w is [4, 3]"});
  CHECK(linear(Var<float>(Tensor<float>({0, 3})), Var<float>(randn<float>({4, 3})), {}).shape() == Shape{0, 4});
}
