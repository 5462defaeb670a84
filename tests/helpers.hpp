// What the tests share: data, comparisons, and `check_op`, everything that must hold for an op.
//
//   check_op(op_case("softmax", [](const auto& x) { return softmax(x[0]); }, {randn({3, 5})}));
//
// demands: the gradient agrees with finite differences; it also does where the op is used twice (gradients add);
// the check fails when any step of the tape, or the gradient of any one input, is wrong by 1 %; the float version
// gives the value and gradients of the double one. For ops of one input the thread count changes no bit.
#pragma once

#include <nacre/autograd/gradcheck.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/ops/elementwise.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>

namespace nacre::test {

// Normal numbers named by the seed.
template <class T = double>
Tensor<T> randn(const Shape& shape, u64 seed = 1) {
  Tensor<T> t(shape);
  Random r(Key{seed});
  for (T& x : t.span()) x = static_cast<T>(r.normal());
  return t;
}
// Numbers in [lo, hi).
template <class T = double>
Tensor<T> uniform(const Shape& shape, double lo, double hi, u64 seed = 1) {
  Tensor<T> t(shape);
  Random r(Key{seed});
  for (T& x : t.span()) x = static_cast<T>(lo + (hi - lo) * static_cast<double>(r.uniform()));
  return t;
}
// A shuffle of numbers 0.05 apart, none nearer to 0 than 0.025: no finite difference crosses a kink or a tie.
template <class T = double>
Tensor<T> spread(const Shape& shape, u64 seed = 1) {
  Tensor<T> t(shape);
  auto n = static_cast<u64>(t.size());
  for (u64 i = 0; i < n; ++i)
    t[static_cast<i64>(i)] =
        static_cast<T>(0.05 * (static_cast<double>(permute(Key{seed}, i, n)) - static_cast<double>(n / 2)) + 0.025);
  return t;
}
template <class To, class From>
Tensor<To> converted(const Tensor<From>& x) {
  Tensor<To> t(x.shape());
  for (i64 i = 0; i < t.size(); ++i) t[i] = static_cast<To>(x[i]);
  return t;
}

// Largest difference, relative to the largest element of b (at least 1e-3); infinite if shapes or NaNs differ.
template <class A, class B>
double difference(const Tensor<A>& a, const Tensor<B>& b) {
  if (a.shape() != b.shape()) return std::numeric_limits<double>::infinity();
  double worst = 0, scale = 1e-3;
  for (i64 i = 0; i < a.size(); ++i) {
    double d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (d != d) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, d);
    scale = std::max(scale, std::abs(static_cast<double>(b[i])));
  }
  return worst / scale;
}
template <class T>
bool same_bits(const Tensor<T>& a, const Tensor<T>& b) {
  return a.shape() == b.shape() &&
         (a.empty() || std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(T)) == 0);
}

// The text of the nacre::Error that f throws; "" if it throws none.
template <class F>
std::string message(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
// A wrong call must say all of `parts`: the op, the arguments by name, their shapes, the rule.
template <class F>
void check_message(F&& f, std::initializer_list<const char*> parts) {
  std::string text = message(f);
  CAPTURE(text);
  for (const char* part : parts) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

// Runs f with another thread count or instruction set and puts the old one back.
template <class F>
auto with_threads(int n, F&& f) {
  struct Back {
    int before = threads();
    ~Back() { set_threads(before); }
  } back;
  set_threads(n);
  return f();
}
template <class F>
auto with_isa(backend::Isa isa, F&& f) {
  struct Back {
    backend::Isa before = backend::isa();
    ~Back() { backend::set_isa(before); }
  } back;
  backend::set_isa(isa);
  return f();
}

template <class T>
using Op = std::function<Var<T>(const std::vector<Var<T>>&)>;

struct OpCase {
  std::string name;
  Op<double> in_double;
  Op<float> in_float;
  std::vector<Tensor<double>> inputs;
  Mode mode = Mode::train;
};
template <class F>
OpCase op_case(std::string name, F f, std::vector<Tensor<double>> inputs, Mode mode = Mode::train) {
  return {std::move(name), Op<double>(f), Op<float>(f), std::move(inputs), mode};
}

// The same value, with a gradient that is wrong by 1 %.
inline Var<double> wrong(const Var<double>& x) {
  return make_op("wrong", x.value(), [n = x.node()](const Tensor<double>& gy) {
    if (auto g = gradient_of(n))
      for (i64 i = 0; i < gy.size(); ++i) g.data()[i] = 1.01 * gy[i] + (g.into == Into::add ? g.data()[i] : 0.0);
  }, x);
}

// Value and gradients of sum(w y) for fixed w.
template <class T>
std::vector<Tensor<T>> value_and_gradients(const Op<T>& f, const std::vector<Tensor<double>>& inputs,
                                           Mode mode = Mode::train) {
  Tape tape(mode, Key{7});
  std::vector<Var<T>> x;
  for (auto& t : inputs) x.push_back(variable(tape, converted<T>(t)));
  Var<T> y = f(x);
  std::vector<Tensor<T>> all{y.value().clone()};
  auto g = gradient_of(y);
  g.tensor.copy_from(converted<T>(uniform(y.shape(), 0.5, 1.5, 11)));
  tape.run_backward();
  for (auto& v : x) all.push_back(v.grad());
  return all;
}

// Value and gradients of `fast` in T are those of its reference in double.
template <class T, class Fast, class Reference>
void check_agrees(const Fast& fast, const Reference& reference, const std::vector<Tensor<double>>& inputs,
                  double tolerance) {
  auto got = value_and_gradients<T>(fast, inputs);
  auto want = value_and_gradients<double>(reference, inputs);
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(difference(got[i], want[i]) < tolerance);
}

inline void check_op(const OpCase& c, double float_tolerance = 1e-5) {
  CAPTURE(c.name);
  GradReport report = gradcheck(c.in_double, c.inputs, {.mode = c.mode});
  CHECK_MESSAGE(report.ok(), c.name << ": " << report.str());
  REQUIRE(report.steps > 0);

  Op<double> twice = [&](const std::vector<Var<double>>& x) { return c.in_double(x) + 2 * c.in_double(x); };
  GradReport added = gradcheck(twice, c.inputs, {.mode = c.mode});
  CHECK_MESSAGE(added.ok(), c.name << ", used twice: " << added.str());

  for (std::size_t step = 0; step < report.steps; ++step) {
    GradReport broken = gradcheck(c.in_double, c.inputs, {.mode = c.mode, .break_step = step});
    CHECK_MESSAGE(!broken.ok(1e-3), c.name << ": the check did not notice that step " << step << " was broken");
  }
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    Op<double> broken = [&](std::vector<Var<double>> x) {
      x[i] = wrong(x[i]);
      return c.in_double(x);
    };
    CHECK_MESSAGE(!gradcheck(broken, c.inputs, {.mode = c.mode}).ok(1e-3),
                  c.name << ": the check did not notice input " << i);
  }

  auto exact = value_and_gradients(c.in_double, c.inputs, c.mode);
  auto single = value_and_gradients(c.in_float, c.inputs, c.mode);
  for (std::size_t i = 0; i < exact.size(); ++i)
    CHECK_MESSAGE(difference(single[i], exact[i]) <= float_tolerance,
                  c.name << ": float differs from double by " << difference(single[i], exact[i]) << " in result " << i);
}

// Value and gradients in float are the same bits for 1, 2, 3 and 7 threads.
inline void check_threads(const OpCase& c) {
  auto run = [&] { return value_and_gradients(c.in_float, c.inputs, c.mode); };
  auto expected = with_threads(1, run);
  for (int n : {2, 3, 7}) {
    auto got = with_threads(n, run);
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK_MESSAGE(same_bits(got[i], expected[i]), c.name << ": " << n << " threads change result " << i);
  }
}

}  // namespace nacre::test
