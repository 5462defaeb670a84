// Elementwise formulas, each with its derivative: the only place where they are written.
//
//   unary   y = f(x)        f.grad(kept, gy) = dL/dx, where kept is x or y as F::keep says
//   binary  y = f(a, b)     f.grad_a(a, b, gy), f.grad_b(a, b, gy); F::keeps: whether they read a and b
//
// One line in math/lists.hpp makes an op, its gradient test and its CUDA kernel.
// Tested in tests/math/elementwise.cpp (every derivative by finite differences in double).
#pragma once

#include <nacre/math/scalar.hpp>

namespace nacre {

enum class Keep { nothing, input, output };  // what the derivative reads

namespace math {

struct Neg {
  static constexpr const char* name = "neg";
  static constexpr Keep keep = Keep::nothing;
  template <class A> NACRE_HD A operator()(A x) const { return -x; }
  template <class A> NACRE_HD A grad(A, A gy) const { return -gy; }
};

struct Scale {  // y = factor x
  static constexpr const char* name = "scale";
  static constexpr Keep keep = Keep::nothing;
  double factor = 2;
  template <class A> NACRE_HD A operator()(A x) const { return A(factor) * x; }
  template <class A> NACRE_HD A grad(A, A gy) const { return A(factor) * gy; }
};

struct Shift {  // y = x + offset
  static constexpr const char* name = "shift";
  static constexpr Keep keep = Keep::nothing;
  double offset = 1;
  template <class A> NACRE_HD A operator()(A x) const { return x + A(offset); }
  template <class A> NACRE_HD A grad(A, A gy) const { return gy; }
};

struct Relu {
  static constexpr const char* name = "relu";
  static constexpr Keep keep = Keep::output;
  template <class A> NACRE_HD A operator()(A x) const { return x < 0 ? A(0) : x; }  // NaN stays NaN
  template <class A> NACRE_HD A grad(A y, A gy) const { return y > 0 ? gy : A(0); }
};

struct LeakyRelu {
  static constexpr const char* name = "leaky_relu";
  static constexpr Keep keep = Keep::input;
  double slope = 0.01;
  template <class A> NACRE_HD A operator()(A x) const { return x * (x < 0 ? A(slope) : A(1)); }
  template <class A> NACRE_HD A grad(A x, A gy) const { return gy * (x < 0 ? A(slope) : A(1)); }
};

struct Gelu {  // x Phi(x), Phi the normal distribution function (Hendrycks & Gimpel, 2016)
  static constexpr const char* name = "gelu";
  static constexpr Keep keep = Keep::input;
  template <class A> NACRE_HD static A cdf(A x) { return A(0.5) * (1 + scalar::erf(x * A(0.7071067811865476))); }
  template <class A> NACRE_HD A operator()(A x) const { return x * cdf(x); }
  template <class A> NACRE_HD A grad(A x, A gy) const {
    A density = A(0.3989422804014327) * scalar::exp(A(-0.5) * x * x);
    return gy * (cdf(x) + x * density);
  }
};

struct Silu {  // x sigmoid(x)
  static constexpr const char* name = "silu";
  static constexpr Keep keep = Keep::input;
  template <class A> NACRE_HD A operator()(A x) const { return x * scalar::sigmoid(x); }
  template <class A> NACRE_HD A grad(A x, A gy) const {
    A s = scalar::sigmoid(x);
    return gy * (s + x * s * (1 - s));
  }
};

struct Tanh {
  static constexpr const char* name = "tanh";
  static constexpr Keep keep = Keep::output;
  template <class A> NACRE_HD A operator()(A x) const { return scalar::tanh(x); }
  template <class A> NACRE_HD A grad(A y, A gy) const { return gy * (1 - y * y); }
};

struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  static constexpr Keep keep = Keep::output;
  template <class A> NACRE_HD A operator()(A x) const { return scalar::sigmoid(x); }
  template <class A> NACRE_HD A grad(A y, A gy) const { return gy * y * (1 - y); }
};

struct Softplus {  // log(1 + e^x)
  static constexpr const char* name = "softplus";
  static constexpr Keep keep = Keep::input;
  template <class A> NACRE_HD A operator()(A x) const {
    return (x > 0 ? x : A(0)) + scalar::log1p(scalar::exp(-scalar::abs(x)));
  }
  template <class A> NACRE_HD A grad(A x, A gy) const { return gy * scalar::sigmoid(x); }
};

struct Exp {
  static constexpr const char* name = "exp";
  static constexpr Keep keep = Keep::output;
  template <class A> NACRE_HD A operator()(A x) const { return scalar::exp(x); }
  template <class A> NACRE_HD A grad(A y, A gy) const { return gy * y; }
};

struct Log {
  static constexpr const char* name = "log";
  static constexpr Keep keep = Keep::input;
  template <class A> NACRE_HD A operator()(A x) const { return scalar::log(x); }
  template <class A> NACRE_HD A grad(A x, A gy) const { return gy / x; }
};

struct Sqrt {
  static constexpr const char* name = "sqrt";
  static constexpr Keep keep = Keep::output;
  template <class A> NACRE_HD A operator()(A x) const { return scalar::sqrt(x); }
  template <class A> NACRE_HD A grad(A y, A gy) const { return gy / (2 * y); }
};

struct Square {
  static constexpr const char* name = "square";
  static constexpr Keep keep = Keep::input;
  template <class A> NACRE_HD A operator()(A x) const { return x * x; }
  template <class A> NACRE_HD A grad(A x, A gy) const { return gy * 2 * x; }
};

struct Abs {
  static constexpr const char* name = "abs";
  static constexpr Keep keep = Keep::input;
  template <class A> NACRE_HD A operator()(A x) const { return scalar::abs(x); }
  template <class A> NACRE_HD A grad(A x, A gy) const { return x > 0 ? gy : (x < 0 ? -gy : A(0)); }
};

struct Clamp {
  static constexpr const char* name = "clamp";
  static constexpr Keep keep = Keep::input;
  double lo = -1, hi = 1;
  template <class A> NACRE_HD A operator()(A x) const { return x < A(lo) ? A(lo) : (x > A(hi) ? A(hi) : x); }
  template <class A> NACRE_HD A grad(A x, A gy) const { return x < A(lo) || x > A(hi) ? A(0) : gy; }
};

struct Add {
  static constexpr const char* name = "add";
  static constexpr bool keeps = false;
  template <class A> NACRE_HD A operator()(A a, A b) const { return a + b; }
  template <class A> NACRE_HD A grad_a(A, A, A gy) const { return gy; }
  template <class A> NACRE_HD A grad_b(A, A, A gy) const { return gy; }
};

struct Sub {
  static constexpr const char* name = "sub";
  static constexpr bool keeps = false;
  template <class A> NACRE_HD A operator()(A a, A b) const { return a - b; }
  template <class A> NACRE_HD A grad_a(A, A, A gy) const { return gy; }
  template <class A> NACRE_HD A grad_b(A, A, A gy) const { return -gy; }
};

struct Mul {
  static constexpr const char* name = "mul";
  static constexpr bool keeps = true;
  template <class A> NACRE_HD A operator()(A a, A b) const { return a * b; }
  template <class A> NACRE_HD A grad_a(A, A b, A gy) const { return gy * b; }
  template <class A> NACRE_HD A grad_b(A a, A, A gy) const { return gy * a; }
};

struct Div {
  static constexpr const char* name = "div";
  static constexpr bool keeps = true;
  template <class A> NACRE_HD A operator()(A a, A b) const { return a / b; }
  template <class A> NACRE_HD A grad_a(A, A b, A gy) const { return gy / b; }
  template <class A> NACRE_HD A grad_b(A a, A b, A gy) const { return -gy * a / (b * b); }
};

// The derivatives as functions of their own, for `map`.
template <class F>
struct GradOf {
  F f;
  template <class A> NACRE_HD A operator()(A kept, A gy) const { return f.grad(kept, gy); }
};
template <class F>
struct GradA {
  F f;
  template <class A> NACRE_HD A operator()(A a, A b, A gy) const { return f.grad_a(a, b, gy); }
};
template <class F>
struct GradB {
  F f;
  template <class A> NACRE_HD A operator()(A a, A b, A gy) const { return f.grad_b(a, b, gy); }
};

}  // namespace math
}  // namespace nacre
