// Definitions of eval/spectrum.hpp: Householder reduction to a tridiagonal matrix here, its QR iteration in Eigen.
//
// Eigen's own reduction instantiates its whole product machinery: 4 s of everybody's compile time. This one is
// A <- (I - 2 v v^T) A (I - 2 v v^T) = A - v w^T - w v^T, p = 2 A v, w = p - (v^T p) v, once a column.
#pragma once

#include <nacre/eval/spectrum.hpp>

#include <cmath>
#include <limits>

#include <Eigen/Eigenvalues>

namespace nacre::eval {

namespace detail {

// a [m, m] becomes tridiagonal; row k of `reflectors` [m, m] is v_k, zero up to column k (all zero: no reflection).
inline void tridiagonalize(Tensor<double>& a, Tensor<double>& reflectors) {
  i64 m = a.dim(0);
  reflectors = Tensor<double>::zeros({m, m});
  std::vector<double> w(static_cast<std::size_t>(m));
  for (i64 k = 0; k + 2 < m; ++k) {
    double* v = reflectors.data() + k * m;
    double squares = 0, length = 0, dot = 0;
    for (i64 i = k + 1; i < m; ++i) squares += a[i * m + k] * a[i * m + k];
    if (squares == 0) continue;
    for (i64 i = k + 1; i < m; ++i) v[i] = a[i * m + k];
    v[k + 1] += std::copysign(std::sqrt(squares), v[k + 1]);
    for (i64 i = k + 1; i < m; ++i) length += v[i] * v[i];
    for (i64 i = k + 1; i < m; ++i) v[i] /= std::sqrt(length);
    for (i64 i = k; i < m; ++i) {
      double sum = 0;
      for (i64 j = k + 1; j < m; ++j) sum += a[i * m + j] * v[j];
      w[static_cast<std::size_t>(i)] = 2 * sum;
      dot += 2 * sum * v[i];
    }
    for (i64 i = k; i < m; ++i) w[static_cast<std::size_t>(i)] -= dot * v[i];
    for (i64 i = k; i < m; ++i)
      for (i64 j = k; j < m; ++j)
        a[i * m + j] -= v[i] * w[static_cast<std::size_t>(j)] + w[static_cast<std::size_t>(i)] * v[j];
  }
}

inline Spectrum spectrum(const Tensor<double>& a, bool vectors) {
  check(a.rank() == 2 && a.dim(0) == a.dim(1), "symmetric_spectrum",
        [&] { return "needs a square matrix, got " + a.shape().str(); });
  i64 m = a.dim(0);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  Spectrum s{std::vector<double>(static_cast<std::size_t>(m), nan), {}};
  if (vectors) s.vectors = Tensor<double>::full({m, m}, nan);
  for (double x : a.span())
    if (!std::isfinite(x)) return s;
  if (m == 0) return s;

  Tensor<double> t = a.clone(), reflectors;
  tridiagonalize(t, reflectors);
  Eigen::VectorXd diagonal(m), below(m - 1);
  for (i64 i = 0; i < m; ++i) diagonal[i] = t[i * m + i];
  for (i64 i = 0; i + 1 < m; ++i) below[i] = t[(i + 1) * m + i];
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver;
  solver.computeFromTridiagonal(diagonal, below, vectors ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly);
  if (solver.info() != Eigen::Success) return s;

  for (i64 k = 0; k < m; ++k) {
    s.values[static_cast<std::size_t>(k)] = solver.eigenvalues()[m - 1 - k];  // Eigen's ascend
    if (!vectors) continue;
    double* x = s.vectors.data() + k * m;
    for (i64 i = 0; i < m; ++i) x[i] = solver.eigenvectors()(i, m - 1 - k);
    for (i64 r = m - 3; r >= 0; --r) {  // back through the reflections
      const double* v = reflectors.data() + r * m;
      double dot = 0;
      for (i64 i = r + 1; i < m; ++i) dot += v[i] * x[i];
      for (i64 i = r + 1; i < m; ++i) x[i] -= 2 * dot * v[i];
    }
    i64 largest = 0;
    for (i64 i = 1; i < m; ++i)
      if (std::fabs(x[i]) > std::fabs(x[largest])) largest = i;
    if (x[largest] < 0)
      for (i64 i = 0; i < m; ++i) x[i] = -x[i];
  }
  return s;
}

}  // namespace detail

NACRE_INLINE Spectrum symmetric_spectrum(const Tensor<double>& a) { return detail::spectrum(a, true); }
NACRE_INLINE std::vector<double> symmetric_eigenvalues(const Tensor<double>& a) {
  return detail::spectrum(a, false).values;
}

}  // namespace nacre::eval
