// One row of losses/contrast.hpp: which of its negatives count, how much they weigh, and what they are held against.
//
//   keep_semi_hard   x_+ - band < x < x_+        less similar than the positive x_+, and not far below it
//   keep_ranks       the most similar negatives without the very first: ring and hardest-k
//   log_mass         N = sum_k e^{x_k},  or with beta  N = sum_k w_k e^{x_k} / mean(w),  w_k = e^{beta x_k}
//   debias           N' = max((N - tau_plus m mean_p e^{x_p}) / (1 - tau_plus), m e^{-1 / temperature})
//   row_loss         mean over p of log D_p - x_p,  D_p = N + the positives that the denominator takes
//
// x are scores over the temperature; negatives that do not count are -inf, m of them do. Masses are kept as log N,
// relative to the largest x: no temperature overflows. The choice is a constant of the derivative, the weights are not:
// dw/dx is taken, as in Robinson et al.'s code.
// Schroff et al., "FaceNet", 2015 (semi-hard); Wu et al., "Conditional negative sampling", 2021 (ring); Robinson et
// al., "Contrastive learning with hard negative samples", 2021; Chuang et al., "Debiased contrastive learning", 2020.
// Tested in tests/losses/contrast.cpp.
#pragma once

#include <nacre/backend/cpu/softmax.hpp>
#include <nacre/core/error.hpp>
#include <nacre/math/elementwise.hpp>

#include <algorithm>
#include <vector>

namespace nacre::losses {

// Which negatives count: all, unless it says otherwise; one choice after the other.
struct NegativeChoice {
  double semi_hard = 0;  // only those less similar than the (least similar) positive, by less than this; 0: off
  double ring = 0;       // then without this share of the most similar, likely no negatives at all; below 1
  i64 hardest = 0;       // then only this many of the most similar; 0: all

  bool all() const { return semi_hard == 0 && ring == 0 && hardest == 0; }
};

enum class Denominator { all, own, none };  // which positives stand in the denominator of a positive

namespace detail {

template <class T>
inline constexpr T left_out = -scalar::infinity<T>;

// NaN stays: it must reach the loss.
template <class T>
void keep_semi_hard(T* x, i64 m, T positive, T band) {
  for (i64 j = 0; j < m; ++j)
    if (x[j] >= positive || x[j] <= positive - band) x[j] = left_out<T>;
}

// Leaves out the first round-down(ring n) of n in the order of similarity, and all after the next `hardest` (0: none).
// Of equals the one with the lower index comes first.
template <class T>
void keep_ranks(T* x, i64 m, double ring, i64 hardest, std::vector<i64>& order) {
  order.clear();
  for (i64 j = 0; j < m; ++j) {
    if (x[j] != x[j]) return;  // no order among NaN
    if (x[j] != left_out<T>) order.push_back(j);
  }
  i64 n = static_cast<i64>(order.size()), skip = static_cast<i64>(ring * static_cast<double>(n));
  i64 end = hardest > 0 ? std::min(n, skip + hardest) : n;
  auto closer = [x](i64 a, i64 b) { return x[a] != x[b] ? x[a] > x[b] : a < b; };
  auto first = order.begin();
  if (skip > 0) std::nth_element(first, first + skip, order.end(), closer);
  if (end < n) std::nth_element(first + skip, first + end, order.end(), closer);
  for (i64 r = 0; r < n; ++r)
    if (r < skip || r >= end) x[order[static_cast<std::size_t>(r)]] = left_out<T>;
}

// x [m]: scores times `scale`, -inf where they are no negatives. Returns how many count.
template <class T>
i64 choose(T* x, i64 m, T positive, T scale, const NegativeChoice& c, std::vector<i64>& order) {
  if (c.semi_hard > 0) keep_semi_hard(x, m, positive, static_cast<T>(c.semi_hard) * scale);
  if (c.ring > 0 || c.hardest > 0) keep_ranks(x, m, c.ring, c.hardest, order);
  return m - std::count(x, x + m, left_out<T>);
}

inline void check_choice(const char* op, const NegativeChoice& c) {
  check(c.semi_hard >= 0 && c.hardest >= 0 && c.ring >= 0 && c.ring < 1, op, [&] {
    return "semi_hard " + std::to_string(c.semi_hard) + ", ring " + std::to_string(c.ring) + ", hardest " +
           std::to_string(c.hardest) + "; none may be below 0, and ring must be below 1";
  });
}

// log sum_k e^{f x_k}, and slope_k += sign d/dx_k of it. some x is not -inf. scratch: [m]
template <class T>
double log_sum_exp(const T* x, i64 m, T f, T sign, T* slope, T* scratch) {
  T top = 0;
  double sum = 0;
  backend::simd::run([&] {
    for (i64 j = 0; j < m; ++j) scratch[j] = f * x[j];
    top = backend::detail::row_max(scratch, m);
    sum = backend::detail::row_exp_sum<true>(scratch, m, top, scratch);
    T scale = sign * f / static_cast<T>(sum);
    for (i64 j = 0; j < m; ++j) slope[j] += scale * scratch[j];
  });
  return static_cast<double>(top) + std::log(sum);
}

// log N of `count` negatives; slope_k (zeros before) = d/dx_k of it.
template <class T>
double log_mass(const T* x, i64 m, i64 count, double beta, T* slope, T* scratch) {
  if (count == 0) return left_out<double>;
  T b = static_cast<T>(beta);
  double mass = log_sum_exp(x, m, 1 + b, T(1), slope, scratch);
  if (beta > 0) mass += std::log(static_cast<double>(count)) - log_sum_exp(x, m, b, T(-1), slope, scratch);
  return mass;
}

// log N' and its derivatives by log N and by the log of mean_p e^{x_p}.
struct Debiased {
  double log_mass, by_mass = 1, by_positive = 0;
};
inline Debiased debias(double log_mass, double log_positive, i64 count, double tau_plus, double temperature) {
  if (tau_plus == 0 || count == 0) return {log_mass};
  double log_count = std::log(static_cast<double>(count)), floor = log_count - 1 / temperature;
  double top = std::max(log_mass, log_positive + log_count);
  double n = std::exp(log_mass - top) / (1 - tau_plus);
  double p = std::exp(log_positive + log_count - top) * tau_plus / (1 - tau_plus);
  if (n - p <= std::exp(floor - top)) return {floor, 0, 0};
  return {top + std::log(n - p), n / (n - p), -p / (n - p)};
}

// The loss of positives x [n], n >= 1, and its derivatives: by log N, and by x, which slope [n] becomes.
struct RowLoss {
  double value, by_mass;
};
inline RowLoss row_loss(Denominator denominator, double log_mass, const std::vector<double>& x,
                        std::vector<double>& slope) {
  slope.resize(x.size());
  double share = 1 / static_cast<double>(x.size()), value = 0, by_mass = 0;
  if (denominator == Denominator::own) {
    for (std::size_t p = 0; p < x.size(); ++p) {
      double miss = scalar::sigmoid(log_mass - x[p]);
      value += share * math::Softplus{}(log_mass - x[p]);
      by_mass += share * miss;
      slope[p] = -share * miss;
    }
    return {value, by_mass};
  }
  if (denominator == Denominator::none && log_mass == left_out<double>) {  // nothing to be held against
    std::fill(slope.begin(), slope.end(), 0.0);
    return {0, 0};
  }
  bool all = denominator == Denominator::all;
  double top = log_mass, sum = 0, mean = 0;
  for (double v : x) {
    if (all) top = std::max(top, v);
    mean += share * v;
  }
  by_mass = std::exp(log_mass - top);
  for (std::size_t p = 0; p < x.size(); ++p) sum += slope[p] = all ? std::exp(x[p] - top) : 0;
  sum += by_mass;
  for (double& s : slope) s = s / sum - share;
  return {top + std::log(sum) - mean, by_mass / sum};
}

}  // namespace detail
}  // namespace nacre::losses
