// Definitions of eval/metrics.hpp.
#pragma once

#include <nacre/eval/metrics.hpp>
#include <nacre/eval/spectrum.hpp>

namespace nacre::eval::detail {

NACRE_INLINE void center(Tensor<double>& x, double* deviation) {
  i64 n = x.dim(0), d = x.dim(1);
  std::vector<double> mean(static_cast<std::size_t>(d)), squares(static_cast<std::size_t>(d));
  for (i64 i = 0; i < n; ++i)
    for (i64 j = 0; j < d; ++j) mean[static_cast<std::size_t>(j)] += x[i * d + j];
  for (double& m : mean) m /= static_cast<double>(n);
  for (i64 i = 0; i < n; ++i)
    for (i64 j = 0; j < d; ++j) {
      double& value = x[i * d + j];
      value -= mean[static_cast<std::size_t>(j)];
      squares[static_cast<std::size_t>(j)] += value * value;
    }
  if (!deviation) return;
  for (i64 j = 0; j < d; ++j)
    deviation[j] = std::sqrt(squares[static_cast<std::size_t>(j)] / static_cast<double>(n - 1));
}

NACRE_INLINE Tensor<double> gram(const Tensor<double>& x) {
  i64 n = x.dim(0), d = x.dim(1), m = std::min(n, d);
  Tensor<double> g({m, m});
  backend::gemm(Cpu{}, d <= n, d > n, m, m, d <= n ? n : d, x.data(), d, x.data(), d, g.data(), m, Into::assign);
  return g;
}

NACRE_INLINE double effective_rank(const Tensor<double>& x) {
  std::vector<double> s = symmetric_eigenvalues(gram(x));
  double total = 0, entropy = 0;
  for (double& l : s) {
    l = l > 0 ? std::sqrt(l) : l < 0 ? 0 : l;  // NaN stays NaN
    total += l;
  }
  if (!(total > 0)) return total == 0 ? 1 : total;  // all zero: one point
  for (double l : s) {
    double p = l / total + 1e-7;
    entropy -= p * std::log(p);
  }
  return std::exp(entropy);
}

NACRE_INLINE double participation(Tensor<double>& x) {
  center(x);
  Tensor<double> g = gram(x);
  double trace = 0, squares = 0;
  for (i64 i = 0; i < g.dim(0); ++i) trace += g[i * g.dim(0) + i];
  for (i64 i = 0; i < g.size(); ++i) squares += g[i] * g[i];
  return squares == 0 ? 0 : trace * trace / squares;
}

}  // namespace nacre::eval::detail
