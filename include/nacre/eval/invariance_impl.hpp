// Definitions of eval/invariance.hpp.
#pragma once

#include <nacre/eval/invariance.hpp>

#include <Eigen/Cholesky>

namespace nacre::eval::detail {

NACRE_INLINE RowPairs<double> with_linear_head(const Tensor<double>& a, const Tensor<double>& b, double ridge) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  i64 n = a.dim(0), d = a.dim(1), fit = n / 2;
  Matrix y = Eigen::Map<const Matrix>(a.data(), n, d), x = Eigen::Map<const Matrix>(b.data(), n, d);
  y.rowwise() -= y.topRows(fit).colwise().mean().eval();
  x.rowwise() -= x.topRows(fit).colwise().mean().eval();
  Matrix gram = x.topRows(fit).transpose() * x.topRows(fit);
  gram.diagonal().array() += std::fmax(ridge * gram.trace() / static_cast<double>(d), 1e-12);
  Matrix head = gram.ldlt().solve(x.topRows(fit).transpose() * y.topRows(fit));  // W = (X^T X + r)^-1 X^T Y
  RowPairs<double> below{Tensor<double>({n - fit, d}), Tensor<double>({n - fit, d})};
  Eigen::Map<Matrix>(below.a.data(), n - fit, d) = y.bottomRows(n - fit);
  Eigen::Map<Matrix>(below.b.data(), n - fit, d) = x.bottomRows(n - fit) * head;
  return {unit_rows(below.a), unit_rows(below.b)};
}

}  // namespace nacre::eval::detail
