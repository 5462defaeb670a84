// Squared distances between the rows of two matrices.
//
//   squared_distances(a, b)   a [N, D], b [M, D] -> [N, M]: |a_i - b_j|^2 = |a_i|^2 + |b_j|^2 - 2 a_i . b_j
//   row_squared_distances(a, b)   a, b [N, D] -> [N]: |a_i - b_i|^2
//
// The first by a matrix product: near rows cancel, so it is exact to about 1e-7 |a|^2 in float, and may be below 0.
// Throws nacre::Error. Tested in tests/ops/distance.cpp.
#pragma once

#include <nacre/ops/matmul.hpp>
#include <nacre/ops/reduce.hpp>
#include <nacre/ops/shape.hpp>

namespace nacre {

template <class T, class D>
Var<T, D> squared_distances(const Var<T, D>& a, const Var<T, D>& b) {
  check(a.shape().rank() == 2 && b.shape().rank() == 2 && a.dim(1) == b.dim(1), "squared_distances", [&] {
    return "a is " + a.shape().str() + ", b is " + b.shape().str() + "; need two matrices with rows of one length";
  });
  Var<T, D> products = matmul(a, b, {.transpose_b = true});
  return products * -2 + reshape(sum(square(a), Axis::rows), {-1, 1}) + sum(square(b), Axis::rows);
}

template <class T, class D>
Var<T, D> row_squared_distances(const Var<T, D>& a, const Var<T, D>& b) {
  check(a.shape().rank() == 2 && a.shape() == b.shape(), "row_squared_distances", [&] {
    return "a is " + a.shape().str() + ", b is " + b.shape().str() + "; need two matrices [N, D] of one shape";
  });
  return sum(square(a - b), Axis::rows);
}

}  // namespace nacre
