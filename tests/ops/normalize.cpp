// ops/normalize.hpp: l2_normalize, layer_norm, group_norm.
#include "../helpers.hpp"

#include <nacre/ops/normalize.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("normalisations have the gradients they say") {
  for (const Shape& shape : {Shape{1, 3}, Shape{4, 17}, Shape{2, 2, 33}}) {
    auto x = randn(shape), w = uniform({shape.cols()}, 0.5, 2, 2), b = randn({shape.cols()}, 3);
    check_op(op_case("l2_normalize", [](const auto& v) { return l2_normalize(v[0]); }, {x}));
    check_op(op_case("layer_norm", [](const auto& v) { return layer_norm(v[0], v[1], v[2]); }, {x, w, b}), 2e-5);
  }
  for (i64 groups : {1, 3, 6})
    for (const Shape& shape : {Shape{2, 3, 3, 6}, Shape{1, 4, 18}}) {
      auto w = uniform({shape.cols()}, 0.5, 2, 2), b = randn({shape.cols()}, 3);
      check_op(op_case("group_norm", [=](const auto& v) { return group_norm(v[0], v[1], v[2], groups); },
                       {randn(shape), w, b}),
               2e-5);
    }
}

TEST_CASE("l2_normalize gives unit rows; a zero row stays zero and its gradient is gy / eps") {
  Tape tape;
  auto t = randn({3, 5});
  for (i64 i = 0; i < 5; ++i) t[i] = 0;
  auto x = variable(tape, t);
  auto y = l2_normalize(x);
  for (i64 r = 0; r < 3; ++r) {
    double s = 0;
    for (i64 i = 0; i < 5; ++i) s += y.value()[5 * r + i] * y.value()[5 * r + i];
    CHECK(std::abs(s - (r == 0 ? 0 : 1)) < 1e-14);
  }
  gradient_of(y).tensor.fill(1);
  tape.run_backward();
  for (i64 i = 0; i < 5; ++i) CHECK(x.grad()[i] == doctest::Approx(1e12));
}

TEST_CASE("layer_norm is group_norm of one group and one pixel; group_norm normalises each group") {
  auto x = randn({3, 8}, 4), w = randn({8}, 5), b = randn({8}, 6);
  Var<double> vx(x), vw(w), vb(b), vx4(x.reshape({3, 1, 1, 8}));
  auto layer = layer_norm(vx, vw, vb).value();
  CHECK(difference(group_norm(vx4, vw, vb, 1).value().reshape({3, 8}), layer) < 1e-13);
  Var<double> one(Tensor<double>::full({8}, 1)), zero(Tensor<double>::zeros({8}));
  auto y = group_norm(Var<double>(randn({2, 5, 5, 8})), one, zero, 4, 0).value();
  for (i64 n = 0; n < 2; ++n)
    for (i64 g = 0; g < 4; ++g) {
      double s = 0, q = 0;
      for (i64 p = 0; p < 25; ++p)
        for (i64 c = 2 * g; c < 2 * g + 2; ++c) {
          double v = y[(n * 25 + p) * 8 + c];
          s += v;
          q += v * v;
        }
      CHECK(std::abs(s) < 1e-12);
      CHECK(q == doctest::Approx(50));
    }
}

TEST_CASE("group_norm_relu has the bits of the ops it stands for, and their gradients, with and without a residual") {
  auto w = uniform({6}, 0.5, 2, 2), b = randn({6}, 3), x = randn({2, 2, 3, 6}), r = randn({2, 2, 3, 6}, 4);
  auto fast = [](const auto& v) {
    return group_norm_relu(v[0], v[1], v[2], 2, v.size() > 3 ? v[3] : decltype(v[0] + v[0])());
  };
  auto slow = [](const auto& v) {
    return group_norm_relu_reference(v[0], v[1], v[2], 2, v.size() > 3 ? v[3] : decltype(v[0] + v[0])());
  };
  auto own_residual = [](const auto& v) { return group_norm_relu(v[0], v[1], v[2], 2, v[0]); };  // as an identity block
  for (auto inputs : {std::vector{x, w, b}, std::vector{x, w, b, r}}) {
    check_op(op_case("group_norm_relu", fast, inputs));
    auto got = value_and_gradients(Op<float>(fast), inputs), want = value_and_gradients(Op<float>(slow), inputs);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(same_bits(got[i], want[i]));
  }
  check_op(op_case("group_norm_relu of x and x", own_residual, {x, w, b}));
  check_message([&] { group_norm_relu(Var<double>(x), Var<double>(w), Var<double>(b), 2, Var<double>(w)); },
                {"group_norm_relu", "residual [6]", "a residual like x"});
}

TEST_CASE("the thread count changes no bit") {
  auto w = uniform({32}, 0.5, 2, 2), b = randn({32}, 3);
  check_threads(op_case("group_norm", [](const auto& v) { return group_norm(v[0], v[1], v[2], 4); },
                        {randn({5, 20, 20, 32}), w, b}));
  check_threads(op_case("group_norm_relu", [](const auto& v) { return group_norm_relu(v[0], v[1], v[2], 4, v[3]); },
                        {randn({5, 20, 20, 32}), w, b, randn({5, 20, 20, 32}, 8)}));
  check_threads(
      op_case("layer_norm", [](const auto& v) { return layer_norm(v[0], v[1], v[2]); }, {randn({3000, 32}), w, b}));
  check_threads(op_case("l2_normalize", [](const auto& v) { return l2_normalize(v[0]); }, {randn({3000, 32})}));
}

TEST_CASE("wrong shapes are refused by name, and no rows give no rows") {
  Var<float> x(randn<float>({2, 6})), w(randn<float>({6})), five(randn<float>({5})), scalar(Tensor<float>::scalar(1));
  check_message([&] { l2_normalize(scalar); }, {"l2_normalize", "x is a scalar"});
  check_message([&] { layer_norm(x, five, w); },
                {"layer_norm", "x is [2, 6]", "weight [5]", "bias [6]", "last extent"});
  check_message([&] { group_norm(x, w, five, 2); }, {"group_norm", "x is [2, 6]", "bias [5]"});
  check_message([&] { group_norm(x, w, w, 4); }, {"group_norm", "groups 4", "multiple"});
  Var<float> none(Tensor<float>({0, 6}));
  CHECK(l2_normalize(none).shape() == Shape{0, 6});
  CHECK(layer_norm(none, w, w).shape() == Shape{0, 6});
  CHECK(group_norm(none, w, w, 2).shape() == Shape{0, 6});
}
