// Eigen and nacre see the same memory; an op of one's own is two Eigen expressions.
//
//   as_matrix(t)         [rows, cols], row-major; rows is everything but the last extent
//   as_array(t)          all elements as one column, for coefficient-wise expressions
//   accumulate(x, expr)  inside a backward: writes or adds dL/dx, and evaluates nothing where no gradient is wanted
//
//   return make_op("square", y, [x](const Tensor<T>& gy) { accumulate(x, 2 * as_array(gy) * as_array(x.value())); },
//   x);
//
// A map is valid as long as the tensor's memory. The only header with Eigen in its signatures; nothing in
// nacre includes it. Throws nacre::Error. Tested in tests/ops/eigen.cpp and by examples/04_my_loss.cpp.
#pragma once

#include <nacre/autograd/var.hpp>

#include <Eigen/Core>

namespace nacre {

template <class T>
using EigenMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using EigenArray = Eigen::Array<T, Eigen::Dynamic, 1>;

template <class T>
Eigen::Map<EigenMatrix<T>> as_matrix(Tensor<T>& t) {
  return {t.data(), t.shape().rows(), t.shape().cols()};
}
template <class T>
Eigen::Map<const EigenMatrix<T>> as_matrix(const Tensor<T>& t) {
  return {t.data(), t.shape().rows(), t.shape().cols()};
}
template <class T>
Eigen::Map<EigenArray<T>> as_array(Tensor<T>& t) {
  return {t.data(), t.size()};
}
template <class T>
Eigen::Map<const EigenArray<T>> as_array(const Tensor<T>& t) {
  return {t.data(), t.size()};
}

// An Eigen expression as a tensor: a matrix keeps its rows and cols, an array becomes one extent.
template <class E>
Tensor<typename E::Scalar> to_tensor(const Eigen::MatrixBase<E>& expr) {
  Tensor<typename E::Scalar> t({expr.rows(), expr.cols()});
  as_matrix(t) = expr;
  return t;
}
template <class E>
Tensor<typename E::Scalar> to_tensor(const Eigen::ArrayBase<E>& expr) {
  Tensor<typename E::Scalar> t({expr.size()});
  as_array(t) = expr;
  return t;
}

namespace detail {

template <class To, class E>
void assign_or_add(Into into, To to, const E& expr) {
  check(to.rows() == expr.rows() && to.cols() == expr.cols(), "accumulate", [&] {
    auto size = [](Eigen::Index r, Eigen::Index c) { return "[" + std::to_string(r) + ", " + std::to_string(c) + "]"; };
    return "x has " + size(to.rows(), to.cols()) + " elements, the expression " + size(expr.rows(), expr.cols()) +
           "; need as many (as_array for arrays, as_matrix for matrices)";
  });
  if (into == Into::assign) to = expr;
  else to += expr;
}

}  // namespace detail

template <class T, class E>
void accumulate(const Var<T>& x, const Eigen::ArrayBase<E>& expr) {
  if (auto g = gradient_of(x)) detail::assign_or_add(g.into, as_array(g.tensor), expr.derived());
}
template <class T, class E>
void accumulate(const Var<T>& x, const Eigen::MatrixBase<E>& expr) {
  if (auto g = gradient_of(x)) detail::assign_or_add(g.into, as_matrix(g.tensor), expr.derived());
}

}  // namespace nacre
