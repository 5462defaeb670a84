// Alignment and uniformity as losses: related rows together, all rows spread evenly over the sphere.
//
//   alignment(a, b, alpha)   mean_i |a_i - b_i|^alpha                      a, b [N, D]
//   uniformity(z, t)         log mean_{i != j} e^{-t |z_i - z_j|^2}        z [N, D]
//   align_uniform(a, b, o)   weight_align alignment(a, b) + weight_uniform (uniformity(a) + uniformity(b)) / 2
//
// Rows are taken as they come: normalise them first. eval/metrics.hpp measures the same without a gradient and without
// all distances at once. The two terms are what InfoNCE becomes with many negatives.
// Wang & Isola, "Understanding contrastive representation learning through alignment and uniformity", 2020.
// Backward keeps distances [N, N]. Throws nacre::Error. Tested in tests/losses/align_uniform.cpp.
#pragma once

#include <nacre/ops/distance.hpp>

namespace nacre::losses {

struct AlignUniformOptions {
  double alpha = 2, t = 2;                      // the paper's
  double weight_align = 1, weight_uniform = 1;  // the authors' for STL-10
};

namespace detail {

struct Power {  // y = x^exponent, x >= 0; at 0 the derivative of an exponent below 1 is taken as 0
  static constexpr const char* name = "power";
  static constexpr Keep keep = Keep::input;
  double exponent = 1;
  template <class A> NACRE_HD A operator()(A x) const { return scalar::exp(A(exponent) * scalar::log(x)); }
  template <class A> NACRE_HD A grad(A x, A gy) const { return x == 0 ? A(0) : gy * A(exponent) * (*this)(x) / x; }
};

}  // namespace detail

template <class T>
Var<T> alignment(const Var<T>& a, const Var<T>& b, double alpha = 2) {
  check(alpha > 0, "alignment", [&] { return "alpha " + std::to_string(alpha) + " is not above 0"; });
  Var<T> squared = row_squared_distances(a, b);
  return mean(alpha == 2 ? squared : unary(detail::Power{alpha / 2}, squared));
}

template <class T>
Var<T> uniformity(const Var<T>& z, double t = 2) {
  check(z.shape().rank() == 2 && z.dim(0) >= 2, "uniformity",
        [&] { return "z is " + z.shape().str() + "; need [N, D] with N >= 2"; });
  i64 n = z.dim(0);
  Tensor<T> self = Tensor<T>::zeros({n, n});
  for (i64 i = 0; i < n; ++i) self[i * n + i] = -scalar::infinity<T>;
  double pairs = static_cast<double>(n) * static_cast<double>(n - 1);
  return log_sum_exp(squared_distances(z, z) * -t + Var<T>(self)) - std::log(pairs);
}

template <class T>
Var<T> align_uniform(const Var<T>& a, const Var<T>& b, const AlignUniformOptions& o = {}) {
  Var<T> even = (uniformity(a, o.t) + uniformity(b, o.t)) / 2;
  return o.weight_align * alignment(a, b, o.alpha) + o.weight_uniform * even;
}

}  // namespace nacre::losses
