// ops/pool2d.hpp: max, average, grid and global pooling.
#include "../helpers.hpp"

#include <nacre/ops/pool2d.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("poolings have the gradients they say") {
  for (PoolOptions o :
       {PoolOptions{.kernel = 1}, PoolOptions{.kernel = 2}, PoolOptions{.kernel = 3, .stride = 2, .padding = 1},
        PoolOptions{.kernel = 3, .stride = 1, .padding = 1, .count_include_pad = false}})
    for (const Shape& shape : {Shape{1, 3, 3, 1}, Shape{2, 5, 4, 17}}) {
      check_op(op_case("avg_pool2d", [=](const auto& v) { return avg_pool2d(v[0], o); }, {randn(shape)}));
      check_op(op_case("max_pool2d", [=](const auto& v) { return max_pool2d(v[0], o); }, {spread(shape)}));
    }
  for (i64 grid : {1, 2, 3, 7})
    check_op(
        op_case("grid_avg_pool2d", [=](const auto& v) { return grid_avg_pool2d(v[0], grid); }, {randn({2, 5, 6, 3})}));
  check_op(op_case("global_avg_pool", [](const auto& v) { return global_avg_pool(v[0]); }, {randn({2, 3, 5, 17})}));
}

TEST_CASE("the first of equal maxima wins, and NaN wins over all") {
  Tape tape;
  auto x = variable(tape, Tensor<float>::of({1, 2, 2, 1}, {3, 5, 5, 1}));
  auto y = max_pool2d(x);
  gradient_of(y).tensor.fill(1);
  tape.run_backward();
  CHECK(same_bits(x.grad(), Tensor<float>::of({1, 2, 2, 1}, {0, 1, 0, 0})));
  float inf = std::numeric_limits<float>::infinity();
  CHECK(max_pool2d(Var<float>(Tensor<float>::full({1, 2, 2, 1}, -inf))).value()[0] == -inf);
  for (i64 i = 0; i < 4; ++i) {
    auto t = Tensor<float>::full({1, 2, 2, 1}, 1);
    t[i] = std::nanf("");
    CHECK(std::isnan(max_pool2d(Var<float>(t)).value()[0]));
  }
}

TEST_CASE("padding takes no part in a maximum and counts in an average as asked") {
  Var<double> x(Tensor<double>::full({1, 2, 2, 1}, -4));
  CHECK(max_pool2d(x, {.kernel = 3, .stride = 2, .padding = 1}).value()[0] == -4);
  CHECK(avg_pool2d(x, {.kernel = 3, .stride = 2, .padding = 1}).value()[0] == doctest::Approx(-16.0 / 9));
  CHECK(avg_pool2d(x, {.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false}).value()[0] == -4);
}

TEST_CASE("a grid covers the picture as adaptive average pooling does") {
  Var<double> x(Tensor<double>::of({1, 1, 5, 1}, {1, 2, 3, 4, 5}));
  auto y = grid_avg_pool2d(x, 2).value();  // columns [0, 3) and [2, 5)
  CHECK(same_bits(y, Tensor<double>::of({1, 2, 2, 1}, {2, 4, 2, 4})));
  CHECK(global_avg_pool(x).value()[0] == 3);
  CHECK(global_avg_pool(x).shape() == Shape{1, 1});
}

TEST_CASE("the thread count changes no bit") {
  PoolOptions o{.kernel = 3, .stride = 2, .padding = 1};
  check_threads(op_case("max_pool2d", [=](const auto& v) { return max_pool2d(v[0], o); }, {randn({5, 41, 37, 33})}));
  check_threads(op_case("avg_pool2d", [=](const auto& v) { return avg_pool2d(v[0], o); }, {randn({5, 41, 37, 33})}));
}

TEST_CASE("wrong shapes and windows are refused by name, and no images give none") {
  Var<float> x(randn<float>({1, 4, 4, 3})), flat(randn<float>({4, 3}));
  check_message([&] { max_pool2d(flat); }, {"max_pool2d", "x is [4, 3]", "[N, H, W, C]"});
  check_message([&] { avg_pool2d(flat); }, {"avg_pool2d", "x is [4, 3]"});
  check_message([&] { global_avg_pool(flat); }, {"global_avg_pool", "x is [4, 3]"});
  check_message([&] { grid_avg_pool2d(flat, 2); }, {"grid_avg_pool2d", "x is [4, 3]"});
  check_message([&] { grid_avg_pool2d(x, 0); }, {"grid_avg_pool2d", "grid is 0"});
  check_message([&] { max_pool2d(x, {.kernel = 5}); },
                {"max_pool2d", "x is [1, 4, 4, 3]", "kernel 5", "kernel <= H + 2 padding"});
  check_message([&] { max_pool2d(x, {.kernel = 2, .padding = 2}); }, {"max_pool2d", "padding 2", "half the kernel"});
  check_message([&] { avg_pool2d(x, {.kernel = 0}); }, {"avg_pool2d", "kernel 0"});
  Var<float> none(Tensor<float>({0, 4, 4, 3}));
  CHECK(max_pool2d(none).shape() == Shape{0, 2, 2, 3});
  CHECK(global_avg_pool(none).shape() == Shape{0, 3});
}
