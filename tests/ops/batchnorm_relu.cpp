// ops/batchnorm_relu.hpp: the fused end of a layer against the ops it stands for.
#include "../helpers.hpp"

#include <nacre/ops/batchnorm_relu.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

template <class V>
using Number = typename std::decay_t<V>::value_type::value_type;

// v = x, weight, bias and perhaps a residual; statistics of its own for every call: repeated passes see the same.
auto ends_layer() {
  return [](const auto& v) {
    using T = Number<decltype(v)>;
    i64 cols = v[0].shape().cols();
    State<T> mean(randn<T>({cols}, 8)), var(uniform<T>({cols}, 0.5, 2, 9));
    return batch_norm_relu(v[0], v[1], v[2], mean, var, v.size() > 3 ? v[3] : Var<T>());
  };
}

std::vector<Tensor<double>> inputs(const Shape& shape, bool residual, u64 seed = 1) {
  std::vector<Tensor<double>> all{randn(shape, seed), uniform({shape.cols()}, 0.5, 2, 2), randn({shape.cols()}, 3)};
  if (residual) all.push_back(randn(shape, seed + 100));
  return all;
}

// The first draw in which no finite difference crosses the kink of the relu.
std::vector<Tensor<double>> smooth_inputs(const Shape& shape, bool residual, Mode mode = Mode::train) {
  for (u64 seed = 1;; ++seed) {
    auto in = inputs(shape, residual, seed);
    Tape tape(mode);
    std::vector<Var<double>> v;
    for (auto& t : in) v.push_back(constant(tape, t));
    State<double> mean(randn({shape.cols()}, 8)), var(uniform({shape.cols()}, 0.5, 2, 9));
    Var<double> y = batch_norm(v[0], v[1], v[2], mean, var);
    if (residual) y = y + v[3];
    bool near = false;
    for (double each : y.value().span()) near |= std::abs(each) < 0.02;
    if (!near) return in;
  }
}

// Value, gradients and moved statistics. The op is used twice and ends inside a larger graph: its gradient belongs to
// nobody else and may be written over, and gradients add.
template <class T>
std::vector<Tensor<T>> results(bool reference, Mode mode, const std::vector<Tensor<double>>& in, bool itself) {
  Tape tape(mode);
  std::vector<Var<T>> v;
  for (const auto& t : in) v.push_back(variable(tape, converted<T>(t)));
  State<T> mean(randn<T>({in[1].size()}, 8)), var(uniform<T>({in[1].size()}, 0.5, 2, 9));
  Var<T> x = v[0] * 1.5, r = itself ? x : in.size() > 3 ? v[3] * 0.5 : Var<T>();
  auto once = [&] {
    return reference ? batch_norm_relu_reference(x, v[1], v[2], mean, var, r)
                     : batch_norm_relu(x, v[1], v[2], mean, var, r);
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
void same_as_reference(const Shape& shape) {
  CAPTURE(shape.str());
  for (Mode mode : {Mode::train, Mode::infer})
    for (int residual : {0, 1, 2}) {  // 2: x itself
      auto in = inputs(shape, residual == 1);
      auto fused = results<T>(false, mode, in, residual == 2), plain = results<T>(true, mode, in, residual == 2);
      REQUIRE(fused.size() == plain.size());
      for (std::size_t i = 0; i < fused.size(); ++i)
        CHECK_MESSAGE(same_bits(fused[i], plain[i]),
                      "residual " << residual << ": result " << i << " differs by " << difference(fused[i], plain[i]));
    }
}

}  // namespace

TEST_CASE("batch_norm_relu has the gradients it says, with and without a residual") {
  for (const Shape& shape : {Shape{4, 17}, Shape{2, 3, 3, 5}})
    for (bool residual : {false, true})
      check_op(op_case("batch_norm_relu", ends_layer(), smooth_inputs(shape, residual)), 2e-5);
}

TEST_CASE("batch_norm_relu has the gradients it says, with running statistics") {
  for (bool residual : {false, true})
    check_op(op_case("batch_norm_relu", ends_layer(), smooth_inputs({4, 17}, residual, Mode::infer), Mode::infer));
}

TEST_CASE("batch_norm_relu is batch_norm, add and relu in every bit: value, statistics, gradients") {
  for (const Shape& shape : {Shape{2, 1}, Shape{5, 17}, Shape{7, 9, 11, 64}, Shape{3, 40, 40, 19}}) {
    same_as_reference<float>(shape);
    same_as_reference<double>(shape);
  }
}

TEST_CASE("a gradient that somebody else reads is left as it is") {
  Tape tape;
  auto x = variable(tape, randn({6, 3})), w = variable(tape, uniform({3}, 0.5, 2, 2)),
       b = variable(tape, randn({3}, 3));
  State<double> mean(Tensor<double>::zeros({3})), var(Tensor<double>::full({3}, 1));
  auto y = batch_norm_relu(x, w, b, mean, var);
  Tensor<double> mine = gradient_of(y).tensor;
  mine.fill(1);
  tape.run_backward();
  CHECK(same_bits(mine, Tensor<double>::full({6, 3}, 1)));
}

TEST_CASE("a NaN is not hidden by the relu, and stops the running statistics") {
  Tape tape;
  auto t = randn<float>({6, 3});
  t[4] = std::nanf("");
  State<float> mean(Tensor<float>::zeros({3})), var(Tensor<float>::full({3}, 1));
  auto w = constant(tape, Tensor<float>::full({3}, 1)), b = constant(tape, Tensor<float>::zeros({3}));
  auto y = batch_norm_relu(constant(tape, t), w, b, mean, var).value();
  for (i64 r = 0; r < 6; ++r) CHECK(std::isnan(y[3 * r + 1]));
  CHECK(mean.value()[1] == 0);
}

TEST_CASE("the thread count changes no bit") {
  for (bool residual : {false, true})
    check_threads(op_case("batch_norm_relu", ends_layer(), inputs({3, 40, 40, 19}, residual)));
}

TEST_CASE("wrong shapes are refused by name") {
  Tape tape;
  auto x = variable(tape, randn<float>({2, 3})), w = variable(tape, randn<float>({3})),
       four = variable(tape, randn<float>({2, 4}));
  State<float> m(Tensor<float>::zeros({3})), v(Tensor<float>::full({3}, 1));
  check_message([&] { batch_norm_relu(x, w, w, m, v, four); },
                {"batch_norm_relu", "x is [2, 3]", "residual [2, 4]", "equal shapes"});
  check_message([&] { batch_norm_relu(four, w, w, m, v); }, {"batch_norm_relu", "x is [2, 4]", "channels"});
}
