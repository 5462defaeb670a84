// One line in a .cu file puts a functor on the GPU as the ops use it: value and derivatives, float and double.
//
//   NACRE_CUDA_UNARY(F)     y = f(x)                       NACRE_CUDA_BINARY(F)   y = f(a, b), b seen by any view
//   NACRE_CUDA_REDUCER(R)   y = R over rows, columns, all
//
// At namespace scope, outside of any namespace; a name of one's own is written in full (my::Functor).
// Tested through tests/parity/cuda.cpp.
#pragma once

#include <nacre/cuda/map.cuh>
#include <nacre/cuda/reduce.cuh>
#include <nacre/math/lists.hpp>

// clang-format off
#define NACRE_CUDA_UNARY_OF(T, F)                                                                                      \
  namespace nacre::backend {                                                                                           \
  template void map(Cuda, const F&, T*, i64, i64, Into, const Dense<T>&);                                              \
  template void map(Cuda, const math::GradOf<F>&, T*, i64, i64, Into, const Dense<T>&, const Dense<T>&);               \
  }
#define NACRE_CUDA_UNARY(F) NACRE_CUDA_UNARY_OF(float, F) NACRE_CUDA_UNARY_OF(double, F)

#define NACRE_CUDA_BINARY_WITH(T, F, View)                                                                             \
  template void map(Cuda, const F&, T*, i64, i64, Into, const Dense<T>&, const View<T>&);                              \
  template void map(Cuda, const math::GradA<F>&, T*, i64, i64, Into, const Dense<T>&, const View<T>&, const Dense<T>&);
#define NACRE_CUDA_BINARY_OF(T, F)                                                                                     \
  namespace nacre::backend {                                                                                           \
  NACRE_CUDA_BINARY_WITH(T, F, Dense)                                                                                  \
  NACRE_CUDA_BINARY_WITH(T, F, PerCol)                                                                                 \
  NACRE_CUDA_BINARY_WITH(T, F, PerRow)                                                                                 \
  NACRE_CUDA_BINARY_WITH(T, F, Scalar)                                                                                 \
  template void map(Cuda, const math::GradB<F>&, T*, i64, i64, Into,                                                   \
                    const Dense<T>&, const Dense<T>&, const Dense<T>&);                                               \
  template void reduce_cols(Cuda, math::Sum, const math::GradB<F>&, T*, i64, i64, Into,                                \
                            const Dense<T>&, const PerCol<T>&, const Dense<T>&);                                       \
  template void reduce_rows(Cuda, math::Sum, const math::GradB<F>&, T*, i64, i64, Into,                                \
                            const Dense<T>&, const PerRow<T>&, const Dense<T>&);                                       \
  template void reduce_all(Cuda, math::Sum, const math::GradB<F>&, T*, i64, Into,                                      \
                           const Dense<T>&, const Scalar<T>&, const Dense<T>&);                                        \
  }
#define NACRE_CUDA_BINARY(F) NACRE_CUDA_BINARY_OF(float, F) NACRE_CUDA_BINARY_OF(double, F)

#define NACRE_CUDA_REDUCE_GRAD(T, R, View)                                                                             \
  template void map(Cuda, const math::ReduceGrad<R>&, T*, i64, i64, Into,                                              \
                    const Dense<T>&, const View<T>&, const View<T>&);
#define NACRE_CUDA_REDUCER_OF(T, R)                                                                                    \
  namespace nacre::backend {                                                                                           \
  template void reduce_rows(Cuda, R, const Identity&, T*, i64, i64, Into, const Dense<T>&);                            \
  template void reduce_cols(Cuda, R, const Identity&, T*, i64, i64, Into, const Dense<T>&);                            \
  template void reduce_all(Cuda, R, const Identity&, T*, i64, Into, const Dense<T>&);                                  \
  NACRE_CUDA_REDUCE_GRAD(T, R, PerRow)                                                                                 \
  NACRE_CUDA_REDUCE_GRAD(T, R, PerCol)                                                                                 \
  NACRE_CUDA_REDUCE_GRAD(T, R, Scalar)                                                                                 \
  }
#define NACRE_CUDA_REDUCER(R) NACRE_CUDA_REDUCER_OF(float, R) NACRE_CUDA_REDUCER_OF(double, R)
// clang-format on
