// ops/batchnorm_conv.hpp: the op that makes relu's value again against the ops it stands for.
#include "../helpers.hpp"

#include <nacre/ops/batchnorm_conv.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

constexpr ConvOptions strided{.stride = 2, .padding = 1};

// v = x, weight, bias, kernel; statistics of its own for every call.
auto layer(ConvOptions c) {
  return [c](const auto& v) {
    using T = typename std::decay_t<decltype(v[0])>::value_type;
    i64 cols = v[0].shape().cols();
    State<T> mean(randn<T>({cols}, 8)), var(uniform<T>({cols}, 0.5, 2, 9));
    return batch_norm_relu_conv2d(v[0], v[1], v[2], mean, var, v[3], c);
  };
}

// The first draw in which no finite difference crosses the kink of the relu.
std::vector<Tensor<double>> inputs(const Shape& x, const Shape& kernel, bool smooth, Mode mode = Mode::train) {
  i64 cols = x.cols();
  for (u64 seed = 1;; ++seed) {
    std::vector<Tensor<double>> in{randn(x, seed), uniform({cols}, 0.5, 2, 2), randn({cols}, 3), randn(kernel, 4)};
    Tape tape(mode);
    State<double> mean(randn({cols}, 8)), var(uniform({cols}, 0.5, 2, 9));
    auto y = batch_norm(constant(tape, in[0]), constant(tape, in[1]), constant(tape, in[2]), mean, var);
    bool near = false;
    for (double each : y.value().span()) near |= std::abs(each) < 0.02;
    if (!near || !smooth) return in;
  }
}

template <class T>
std::vector<Tensor<T>> results(bool reference, Mode mode, ConvOptions c, const std::vector<Tensor<double>>& in) {
  Tape tape(mode);
  std::vector<Var<T>> v;
  for (const auto& t : in) v.push_back(variable(tape, converted<T>(t)));
  State<T> mean(randn<T>({in[1].size()}, 8)), var(uniform<T>({in[1].size()}, 0.5, 2, 9));
  Var<T> x = v[0] * 1.5;
  auto once = [&] {
    return reference ? batch_norm_relu_conv2d_reference(x, v[1], v[2], mean, var, v[3], c)
                     : batch_norm_relu_conv2d(x, v[1], v[2], mean, var, v[3], c);
  };
  Var<T> y = once(), z = (y + once()) * y;
  auto g = gradient_of(z);
  g.tensor.copy_from(converted<T>(uniform(z.shape(), 0.5, 1.5, 11)));
  tape.run_backward();
  std::vector<Tensor<T>> all{z.value(), mean.value(), var.value()};
  for (auto& each : v) all.push_back(each.grad());
  return all;
}

template <class T>
void same_as_reference(const Shape& x, const Shape& kernel, ConvOptions c) {
  for (Mode mode : {Mode::train, Mode::infer}) {
    auto in = inputs(x, kernel, false);
    in[1][0] = 0, in[2][0] = 1;  // every pixel is 1 after the relu, but for those of the padding
    in[1][1] = -1;
    auto one = results<T>(false, mode, c, in), plain = results<T>(true, mode, c, in);
    for (std::size_t i = 0; i < one.size(); ++i)
      CHECK_MESSAGE(same_bits(one[i], plain[i]), x.str() << ": result " << i << " differs");
  }
}

}  // namespace

TEST_CASE("batch_norm_relu_conv2d has the gradients it says") {
  check_op(op_case("batch_norm_relu_conv2d", layer(strided), inputs({2, 3, 4, 2}, {3, 3, 3, 2}, true)), 2e-5);
  check_op(op_case("batch_norm_relu_conv2d", layer({.groups = 2}), inputs({2, 2, 3, 4}, {2, 1, 1, 2}, true)), 2e-5);
  check_op(op_case("batch_norm_relu_conv2d", layer(strided), inputs({2, 3, 4, 2}, {3, 3, 3, 2}, true, Mode::infer),
                   Mode::infer));
}

TEST_CASE("batch_norm_relu_conv2d is batch_norm, relu and conv2d in every bit: value, statistics, gradients") {
  same_as_reference<float>({3, 9, 7, 16}, {32, 3, 3, 16}, strided);
  same_as_reference<double>({3, 9, 7, 16}, {32, 3, 3, 16}, strided);
  same_as_reference<float>({2, 5, 5, 3}, {5, 3, 3, 3}, strided);
  same_as_reference<double>({2, 5, 5, 3}, {5, 3, 3, 3}, strided);
  same_as_reference<float>({3, 9, 7, 48}, {32, 3, 3, 48}, {.padding = 1});  // Winograd's from here on
  same_as_reference<float>({2, 8, 6, 16}, {16, 3, 3, 16}, {.padding = 2});
  same_as_reference<float>({2, 9, 8, 128}, {32, 3, 3, 128}, strided);
}

TEST_CASE("relu's value is not kept") {
  Tape tape;
  Shape shape{4, 64, 64, 16};
  auto x = variable(tape, randn<float>(shape)), w = constant(tape, Tensor<float>::full({16}, 1)),
       b = constant(tape, Tensor<float>::zeros({16})), kernel = variable(tape, randn<float>({16, 1, 1, 16}));
  State<float> mean(Tensor<float>::zeros({16})), var(Tensor<float>::full({16}, 1));
  u64 bytes = static_cast<u64>(shape.size()) * sizeof(float), before = pool::stats().bytes_in_use;
  auto y = batch_norm_relu_conv2d(x, w, b, mean, var, kernel);
  CHECK(pool::stats().bytes_in_use - before < bytes + bytes / 4);  // y, and what is small
  auto z = batch_norm_relu_conv2d_reference(x, w, b, mean, var, kernel);
  CHECK(pool::stats().bytes_in_use - before > 3 * bytes);
}

TEST_CASE("the thread count changes no bit") {
  check_threads(op_case("batch_norm_relu_conv2d", layer(strided), inputs({3, 24, 24, 16}, {16, 3, 3, 16}, false)));
}

TEST_CASE("wrong shapes are refused by name") {
  Tape tape;
  auto x = variable(tape, randn<float>({2, 4, 4, 3})), w = variable(tape, randn<float>({3})),
       four = variable(tape, randn<float>({4})), kernel = variable(tape, randn<float>({2, 3, 3, 3})),
       wide = variable(tape, randn<float>({2, 3, 3, 4}));
  State<float> m(Tensor<float>::zeros({3})), v(Tensor<float>::full({3}, 1));
  check_message([&] { batch_norm_relu_conv2d(x, four, w, m, v, kernel); },
                {"batch_norm_relu_conv2d", "weight [4]", "channels"});
  check_message([&] { batch_norm_relu_conv2d(x, w, w, m, v, wide); },
                {"batch_norm_relu_conv2d", "[2, 4, 4, 3]", "[2, 3, 3, 4]"});
}
