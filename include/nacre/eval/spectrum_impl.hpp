// Definitions of eval/spectrum.hpp.
#pragma once

#include <nacre/eval/spectrum.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <Eigen/Eigenvalues>

namespace nacre::eval {

namespace detail {

using Square = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;

// Ascending, as Eigen has it. Both public functions use this one solver, so it is compiled once.
inline Eigen::SelfAdjointEigenSolver<Square> solve(const Tensor<double>& a, bool vectors) {
  check(a.rank() == 2 && a.dim(0) == a.dim(1), "symmetric_spectrum",
        [&] { return "needs a square matrix, got " + a.shape().str(); });
  Square full = Eigen::Map<const Square>(a.data(), a.dim(0), a.dim(0)).transpose();  // row-major in, lower triangle read
  return Eigen::SelfAdjointEigenSolver<Square>(full, vectors ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly);
}

inline bool all_finite(const Tensor<double>& a) {
  for (i64 i = 0; i < a.size(); ++i)
    if (!std::isfinite(a[i])) return false;
  return true;
}

inline Spectrum spectrum(const Tensor<double>& a, bool vectors) {
  i64 m = a.rank() > 0 ? a.dim(0) : 0;
  Spectrum s;
  double nan = std::numeric_limits<double>::quiet_NaN();
  bool finite = all_finite(a);
  if (vectors) s.vectors = Tensor<double>::full({m, m}, nan);
  s.values.assign(static_cast<std::size_t>(m), nan);
  if (m == 0 || !finite) return s;
  auto solver = solve(a, vectors);
  if (solver.info() != Eigen::Success) return s;
  for (i64 k = 0; k < m; ++k) {
    s.values[static_cast<std::size_t>(k)] = solver.eigenvalues()[m - 1 - k];
    if (!vectors) continue;
    auto v = solver.eigenvectors().col(m - 1 - k);
    Eigen::Index at = 0;
    v.cwiseAbs().maxCoeff(&at);
    double sign = v[at] < 0 ? -1 : 1;
    for (i64 i = 0; i < m; ++i) s.vectors[k * m + i] = sign * v[i];
  }
  return s;
}

}  // namespace detail

NACRE_INLINE Spectrum symmetric_spectrum(const Tensor<double>& a) { return detail::spectrum(a, true); }
NACRE_INLINE std::vector<double> symmetric_eigenvalues(const Tensor<double>& a) { return detail::spectrum(a, false).values; }

}  // namespace nacre::eval
