// Has the encoder collapsed? Measures of a batch of embeddings z [N, d], on unit rows u = z / |z| unless it says raw.
//
//   alignment       mean_i |u_i - v_i|^alpha of two views             0 .. 2^alpha; random 2 (alpha 2)
//   uniformity      log mean_{i<j} exp(-t |u_i - u_j|^2)              collapsed 0; random, d 128: -3.94 (t 2)
//   spread          mean over dimensions of the standard deviation    collapsed 0; healthy 1 / sqrt(d)
//   effective_rank  exp(-sum p log p), p = s / sum s + 1e-7, s the singular values of raw z      1 .. min(N, d)
//   participation   (sum l)^2 / sum l^2, l the eigenvalues of the covariance of raw z            1 .. min(N - 1, d)
//   mean_cosine     mean_{i != j} <u_i, u_j>                          collapsed 1; healthy about 0
//
// Wang & Isola, "Understanding contrastive representation learning through alignment and uniformity", 2020; Chen & He,
// "Exploring simple siamese representation learning", 2021 (std); Garrido et al., "RankMe", 2023. Spectra are taken
// from the smaller Gram matrix in double. Tested in tests/eval/metrics.cpp.
#pragma once

#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/eval/rows.hpp>

#include <algorithm>

namespace nacre::eval {

namespace detail {

template <class T>
void check_rows(const Tensor<T>& z, i64 least, std::string_view op) {
  check(z.rank() == 2 && z.dim(0) >= least && z.dim(1) > 0, op, [&] {
    return "embeddings are " + z.shape().str() + "; need [N, d] with N >= " + std::to_string(least) + " and d >= 1";
  });
}

template <class T>
Tensor<double> as_double(const Tensor<T>& x) {
  Tensor<double> y(x.shape());
  for (i64 i = 0; i < x.size(); ++i) y[i] = static_cast<double>(x[i]);
  return y;
}

// Subtracts the mean row; with `deviation` [d], also the standard deviations (divisor N - 1).
NACRE_INLINE void center(Tensor<double>& x, double* deviation = nullptr);
// x^T x or x x^T, whichever is smaller: [m, m], m = min(N, d).
NACRE_INLINE Tensor<double> gram(const Tensor<double>& x);
NACRE_INLINE double effective_rank(const Tensor<double>& x);
NACRE_INLINE double participation(Tensor<double>& x);  // centers x

}  // namespace detail

// Two views of the same pictures, [N, d] each.
template <class T>
double alignment(const Tensor<T>& a, const Tensor<T>& b, double alpha = 2) {
  detail::check_rows(a, 1, "alignment");
  check(a.shape() == b.shape(), "alignment",
        [&] { return "the views are " + a.shape().str() + " and " + b.shape().str() + "; need equal shapes"; });
  Tensor<T> u = unit_rows(a), v = unit_rows(b);
  i64 n = u.dim(0), d = u.dim(1);
  double sum = 0;
  for (i64 i = 0; i < n; ++i) {
    double squares = 0;
    for (i64 j = i * d; j < (i + 1) * d; ++j) {
      double difference = static_cast<double>(u[j]) - static_cast<double>(v[j]);
      squares += difference * difference;
    }
    sum += alpha == 2 ? squares : std::pow(squares, alpha / 2);
  }
  return sum / static_cast<double>(n);
}

// Over all pairs of rows of z [N, d], N >= 2. O(N^2 d) by tiles; the sum is kept relative to its largest term.
template <class T>
double uniformity(const Tensor<T>& z, double t = 2) {
  detail::check_rows(z, 2, "uniformity");
  Tensor<T> u = unit_rows(z);
  i64 n = u.dim(0), d = u.dim(1);
  constexpr i64 height = 128;
  Tensor<T> scores({std::min(height, n), n});
  std::vector<double> best(static_cast<std::size_t>(n), -2.0), sum(static_cast<std::size_t>(n));  // of each row
  for (i64 first = 0; first + 1 < n; first += height) {  // rows first .. against themselves and all later ones
    i64 rows = std::min(height, n - first), cols = n - first;
    backend::gemm(Cpu{}, false, true, rows, cols, d, u.data() + first * d, d, u.data() + first * d, d, scores.data(),
                  cols, Into::assign);
    parallel_for(rows, 4, [&](i64 begin, i64 end) {
      for (i64 r = begin; r < end; ++r) {
        const T* s = scores.data() + r * cols;
        double top = -2, total = 0;
        for (i64 c = r + 1; c < cols; ++c) top = std::fmax(top, static_cast<double>(s[c]));
        for (i64 c = r + 1; c < cols; ++c) total += std::exp(2 * t * (static_cast<double>(s[c]) - top));
        best[static_cast<std::size_t>(first + r)] = top;
        sum[static_cast<std::size_t>(first + r)] = total;
      }
    });
  }
  double top = *std::max_element(best.begin(), best.end()), total = 0;
  for (std::size_t i = 0; i < best.size(); ++i) total += sum[i] * std::exp(2 * t * (best[i] - top));
  double pairs = static_cast<double>(n) * static_cast<double>(n - 1) / 2;
  return 2 * t * (top - 1) + std::log(total / pairs);  // |u - v|^2 = 2 - 2 <u, v>
}

// Mean over dimensions of the standard deviation (divisor N - 1) of unit rows; N >= 2.
template <class T>
double spread(const Tensor<T>& z) {
  detail::check_rows(z, 2, "spread");
  Tensor<double> u = detail::as_double(unit_rows(z));
  std::vector<double> deviation(static_cast<std::size_t>(u.dim(1)));
  detail::center(u, deviation.data());
  double sum = 0;
  for (double s : deviation) sum += s;
  return sum / static_cast<double>(u.dim(1));
}

// RankMe of raw rows.
template <class T>
double effective_rank(const Tensor<T>& z) {
  detail::check_rows(z, 1, "effective_rank");
  return detail::effective_rank(detail::as_double(z));
}

// From the traces of the covariance and of its square; needs no spectrum. 0 when all rows are equal; N >= 2.
template <class T>
double participation(const Tensor<T>& z) {
  detail::check_rows(z, 2, "participation");
  Tensor<double> x = detail::as_double(z);
  return detail::participation(x);
}

// (|sum u|^2 - sum |u|^2) / (N (N - 1)); N >= 2.
template <class T>
double mean_cosine(const Tensor<T>& z) {
  detail::check_rows(z, 2, "mean_cosine");
  Tensor<T> u = unit_rows(z);
  i64 n = u.dim(0), d = u.dim(1);
  std::vector<double> sum(static_cast<std::size_t>(d));
  double own = 0, all = 0;
  for (i64 i = 0; i < u.size(); ++i) {
    double x = static_cast<double>(u[i]);
    sum[static_cast<std::size_t>(i % d)] += x;
    own += x * x;
  }
  for (double s : sum) all += s * s;
  return (all - own) / (static_cast<double>(n) * static_cast<double>(n - 1));
}

// What a training run writes at each log step. gauge is 1 when healthy, 0 when collapsed.
struct Monitors {
  double std = 0, alignment = 0, uniformity = 0, effective_rank = 0;
  double gauge = 0;  // std * sqrt(d)
};

// z and the other view (or the patches' embedding) of the same pictures, [N, d] each, N >= 2.
template <class T>
Monitors monitors(const Tensor<T>& z, const Tensor<T>& other) {
  double s = spread(z);
  return {s, alignment(z, other), uniformity(z), effective_rank(z), s * std::sqrt(static_cast<double>(z.dim(1)))};
}

}  // namespace nacre::eval

#if NACRE_DEFINITIONS
#include <nacre/eval/metrics_impl.hpp>
#endif
