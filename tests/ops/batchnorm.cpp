// ops/batchnorm.hpp: training and inference, running statistics.
#include "../helpers.hpp"

#include <nacre/ops/batchnorm.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

// batch_norm with statistics of its own for every call, so that repeated passes see the same.
auto with_statistics(BatchNormOptions o = {}) {
  return [o](const auto& v) {
    using T = typename std::decay_t<decltype(v[0])>::value_type;
    State<T> mean(randn<T>({v[0].shape().cols()}, 8)), var(uniform<T>({v[0].shape().cols()}, 0.5, 2, 9));
    return batch_norm(v[0], v[1], v[2], mean, var, o);
  };
}

}  // namespace

TEST_CASE("batch_norm has the gradients it says, in training") {
  for (const Shape& shape : {Shape{3, 1}, Shape{4, 17}, Shape{2, 3, 3, 5}}) {
    auto w = uniform({shape.cols()}, 0.5, 2, 2), b = randn({shape.cols()}, 3);
    check_op(op_case("batch_norm", with_statistics(), {randn(shape), w, b}), 2e-5);
  }
}

TEST_CASE("batch_norm has the gradients it says, with running statistics") {
  check_op(op_case("batch_norm", with_statistics(), {randn({4, 17}), uniform({17}, 0.5, 2, 2), randn({17}, 3)},
                   Mode::infer));
}

TEST_CASE("training normalises the batch and moves the running statistics by PyTorch's rule") {
  Tape tape;
  auto t = Tensor<double>::of({4, 1}, {1, 2, 3, 6});  // mean 3, biased variance 3.5, unbiased 14 / 3
  State<double> mean(Tensor<double>::full({1}, 10)), var(Tensor<double>::full({1}, 1));
  auto one = variable(tape, Tensor<double>::full({1}, 1)), zero = variable(tape, Tensor<double>::zeros({1}));
  auto y = batch_norm(constant(tape, t), one, zero, mean, var, {.momentum = 0.25, .eps = 0});
  for (i64 i = 0; i < 4; ++i) CHECK(y.value()[i] == doctest::Approx((t[i] - 3) / std::sqrt(3.5)));
  CHECK(mean.value()[0] == doctest::Approx(0.75 * 10 + 0.25 * 3));
  CHECK(var.value()[0] == doctest::Approx(0.75 + 0.25 * 14 / 3));

  auto rows = batch_norm(Var<double>(t), one.detach(), zero.detach(), mean, var, {.eps = 0});  // no tape: inference
  CHECK(rows.value()[2] == doctest::Approx((3 - 8.25) / std::sqrt(0.75 + 0.25 * 14 / 3)));
  CHECK(mean.value()[0] == doctest::Approx(8.25));
}

TEST_CASE("a mean far from 0 costs no digits") {
  Tape tape;
  auto t = randn<float>({1000, 3});
  Tensor<float> far(t.shape());
  for (i64 i = 0; i < t.size(); ++i) far[i] = t[i] + 4096;
  auto one = variable(tape, Tensor<float>::full({3}, 1)), zero = variable(tape, Tensor<float>::zeros({3}));
  State<float> m(Tensor<float>::zeros({3})), v(Tensor<float>::zeros({3}));
  auto near_y = batch_norm(constant(tape, t), one, zero, m, v).value(),
       far_y = batch_norm(constant(tape, far), one, zero, m, v).value();
  CHECK(difference(far_y, near_y) < 1e-3);  // what rounding to a spacing of 5e-4 leaves
}

TEST_CASE("the thread count changes no bit") {
  check_threads(
      op_case("batch_norm", with_statistics(), {randn({3, 40, 40, 19}), uniform({19}, 0.5, 2, 2), randn({19}, 3)}));
}

TEST_CASE("wrong shapes and a batch of one value are refused by name") {
  Tape tape;
  auto x = variable(tape, randn<float>({2, 3})), w = variable(tape, randn<float>({3})),
       four = variable(tape, randn<float>({4}));
  State<float> m(Tensor<float>::zeros({3})), v(Tensor<float>::full({3}, 1)), long_var(Tensor<float>::full({4}, 1));
  check_message([&] { batch_norm(x, w, w, m, long_var); }, {"batch_norm", "running_mean [3], running_var [4]"});
  check_message([&] { batch_norm(x, four, w, m, v); }, {"batch_norm", "x is [2, 3]", "weight [4]", "channels"});
  check_message(
      [&] {
        batch_norm(variable(tape, randn<float>({1, 3})), w, w, m, v);
      },
      {"batch_norm", "x is [1, 3]", "more than one value"});
}
