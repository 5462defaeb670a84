// Principal components: the directions in which features differ most, for the scatter plot of the report.
//
//   p = (x - mean) V,  x [N, d],  V [d, k] the first eigenvectors of the covariance,  p [N, k]
//
// explained[k] is the share of the variance along component k. Signs are fixed: the largest weight of a direction is
// positive. Tested in tests/eval/pca.cpp.
#pragma once

#include <nacre/eval/metrics.hpp>
#include <nacre/eval/spectrum.hpp>

namespace nacre::eval {

struct Pca {
  Tensor<double> points;          // [N, k]
  std::vector<double> explained;  // [k], each 0 .. 1
};

// Rows [N, ...], N >= 2, k at most d. O(N d^2 + d^3): for features of up to some thousand numbers.
template <class T>
Pca pca(const Tensor<T>& features, i64 k = 2) {
  Tensor<double> x = detail::as_double(as_rows(features));
  detail::check_rows(x, 2, "pca");
  i64 n = x.dim(0), d = x.dim(1);
  check(k >= 1 && k <= d, "pca",
        [&] { return std::to_string(k) + " components of " + std::to_string(d) + " dimensions"; });
  detail::center(x);
  Tensor<double> covariance({d, d});
  backend::gemm(Cpu{}, true, false, d, d, n, x.data(), d, x.data(), d, covariance.data(), d, Into::assign);
  Spectrum s = symmetric_spectrum(covariance);
  Pca result{Tensor<double>({n, k}), {}};
  backend::gemm(Cpu{}, false, true, n, k, d, x.data(), d, s.vectors.data(), d, result.points.data(), k, Into::assign);
  double total = 0;
  for (double l : s.values) total += std::max(l, 0.0);
  for (i64 i = 0; i < k; ++i)
    result.explained.push_back(total > 0 ? std::max(s.values[static_cast<std::size_t>(i)], 0.0) / total : 0);
  return result;
}

}  // namespace nacre::eval
