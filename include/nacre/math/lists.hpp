// The lists from which ops, tests and CUDA kernels are made: X(Functor, op_name).
// Tested in tests/math/elementwise.cpp and reduce.cpp, which run over them.
#pragma once

#include <nacre/math/elementwise.hpp>
#include <nacre/math/reduce.hpp>

#define NACRE_UNARY(X)    \
  X(Neg, neg)             \
  X(Scale, scale)         \
  X(Shift, shift)         \
  X(Relu, relu)           \
  X(LeakyRelu, leaky_relu) \
  X(Gelu, gelu)           \
  X(Silu, silu)           \
  X(Tanh, tanh)           \
  X(Sigmoid, sigmoid)     \
  X(Softplus, softplus)   \
  X(Exp, exp)             \
  X(Log, log)             \
  X(Sqrt, sqrt)           \
  X(Square, square)       \
  X(Abs, abs)             \
  X(Clamp, clamp)

#define NACRE_BINARY(X) \
  X(Add, add)           \
  X(Sub, sub)           \
  X(Mul, mul)           \
  X(Div, div)

#define NACRE_REDUCERS(X) \
  X(Sum, sum)             \
  X(Mean, mean)           \
  X(Max, max)             \
  X(LogSumExp, log_sum_exp)
