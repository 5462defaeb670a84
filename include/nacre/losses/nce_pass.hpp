// The two passes over the negatives of a sample that every form of losses/nce.hpp is made of. Scores come a block at
// a time, are turned into weights of the rows they belong to, and are forgotten.
//
//   softmax   M = log sum_k e^{s_k},          P = sum_k e^{s_k - M} row_k
//   sigmoid   C = sum_k softplus(s_k - M),    R = sum_k h_k row_k,   H = sum_k h_k,   h_k = 1 / (1 + e^{M - s_k})
//
//   form           passes                       term                        temperature dterm/dz
//   info_nce       softmax                      softplus(M - s+)            a P - a own
//   nce_paper      softmax, sigmoid at its M    softplus(M - s+) + C        R + (a - H) P - a own
//   nce_constant   sigmoid at a fixed M         softplus(M - s+) + C        R - a own
//
// with a = 1 / (1 + e^{s+ - M}). softmax keeps a running maximum, so no temperature overflows. Sums over scores run in
// 16 lanes, in double. Tested in tests/losses/gathered_nce.cpp and info_nce.cpp.
#pragma once

#include <nacre/backend/cpu/map.hpp>
#include <nacre/losses/nce.hpp>

#include <utility>
#include <vector>

namespace nacre::losses::detail {

inline double sum_lanes(const double* lane) {  // in a fixed tree
  double s[16];
  std::copy(lane, lane + 16, s);
  for (int width = 8; width > 0; width /= 2)
    for (int j = 0; j < width; ++j) s[j] += s[j + width];
  return s[0];
}

// A pass is called with n scores over the temperature, n a multiple of 16, and leaves the weights in their place. It
// returns what the sum of rows so far must be multiplied by. A score of -inf gets no weight.
template <class T>
struct SoftmaxPass {
  T top = -scalar::infinity<T>;
  double sum[16] = {};

  [[gnu::always_inline]] T operator()(T* s, i64 n) {
    T most[16];
    for (int j = 0; j < 16; ++j) most[j] = top;
    for (i64 i = 0; i < n; i += 16)
      for (int j = 0; j < 16; ++j) most[j] = s[i + j] > most[j] ? s[i + j] : most[j];
#pragma GCC unroll 4
    for (int width = 8; width > 0; width /= 2)
      for (int j = 0; j < width; ++j) most[j] = most[j + width] > most[j] ? most[j + width] : most[j];
    T factor = rebase(most[0]), shift = top == -scalar::infinity<T> ? T(0) : top;
    for (i64 i = 0; i < n; i += 16)
#pragma GCC ivdep
      for (int j = 0; j < 16; ++j) {
        T e = scalar::exp(s[i + j] - shift);
        s[i + j] = e;
        sum[j] += static_cast<double>(e);
      }
    return factor;
  }
  // Weights are e^{s - most} from here on.
  [[gnu::always_inline]] T rebase(T most) {
    if (!(most > top)) return 1;
    T factor = scalar::exp(top - most);
    for (double& lane : sum) lane *= static_cast<double>(factor);
    top = most;
    return factor;
  }
  // Takes in a pass over other scores; what its sum of rows and the other's must be multiplied by to be added.
  std::pair<T, T> merge(const SoftmaxPass& o) {
    T mine = rebase(o.top), theirs = o.top == -scalar::infinity<T> ? T(0) : scalar::exp(o.top - top);
    for (int j = 0; j < 16; ++j) sum[j] += o.sum[j] * static_cast<double>(theirs);
    return {mine, theirs};
  }
  double total() const { return sum_lanes(sum); }
  T level() const { return static_cast<T>(static_cast<double>(top) + std::log(total())); }
};

template <class T>
struct SigmoidPass {
  T level = 0;
  double h[16] = {}, above[16] = {}, product[16], logs = 0;
  i64 factors = 0;  // in each product

  SigmoidPass() { std::fill(product, product + 16, 1.0); }

  // softplus(x) = max(x, 0) + log(1 + e^{-|x|}): one logarithm for a product of up to 512 such numbers <= 2.
  [[gnu::always_inline]] T operator()(T* s, i64 n) {
    for (i64 i = 0; i < n; i += 16) {
      T e[16], over[16];
#pragma GCC ivdep
      for (int j = 0; j < 16; ++j) {
        T x = s[i + j] - level;
        e[j] = scalar::exp(-scalar::abs(x));
        over[j] = x > 0 ? x : T(0);
        s[i + j] = (x >= 0 ? T(1) : e[j]) / (1 + e[j]);
      }
#pragma GCC ivdep
      for (int j = 0; j < 16; ++j) {
        h[j] += static_cast<double>(s[i + j]);
        above[j] += static_cast<double>(over[j]);
        product[j] *= 1 + static_cast<double>(e[j]);
      }
      if (++factors == 512) take_logs();
    }
    return 1;
  }
  void take_logs() {
    for (double& p : product) logs += std::log(std::exchange(p, 1.0));
    factors = 0;
  }
  std::pair<T, T> merge(SigmoidPass o) {
    o.take_logs();
    logs += o.logs;
    for (int j = 0; j < 16; ++j) {
      h[j] += o.h[j];
      above[j] += o.above[j];
    }
    return {T(1), T(1)};
  }
  double softplus_sum() {
    take_logs();
    return sum_lanes(above) + logs;
  }
  double h_sum() const { return sum_lanes(h); }
};

enum NcePass { softmax_pass, sigmoid_pass };
inline bool needs(NceForm form, NcePass pass) {
  return form != (pass == softmax_pass ? NceForm::nce_constant : NceForm::info_nce);
}

// One head of one sample. A pass that its form does not need stays empty and adds nothing.
template <class T>
struct NceSample {
  T positive = 0;  // s+
  SoftmaxPass<T> softmax;
  SigmoidPass<T> sigmoid;
  T* sum[2] = {};  // of rows [D], one a pass, from zero: P e^M and R

  void dot_positive(const T* z, const T* own, i64 dim, T inv_temperature) {
    for (i64 d = 0; d < dim; ++d) positive += z[d] * own[d];
    positive *= inv_temperature;
  }
  [[gnu::always_inline]] T weigh(NcePass pass, T* s, i64 n) {
    return pass == softmax_pass ? softmax(s, n) : sigmoid(s, n);
  }
  std::pair<T, T> merge(NcePass pass, const NceSample& o) {
    return pass == softmax_pass ? softmax.merge(o.softmax) : sigmoid.merge(o.sigmoid);
  }
  T level(const NceOptions& o, const ConstantLevel& constant) const {
    return o.form == NceForm::nce_constant ? static_cast<T>(constant.level) : softmax.level();
  }
  void start(NcePass pass, const NceOptions& o, const ConstantLevel& constant) {
    if (pass == softmax_pass) return;
    T m = level(o, constant);
    sigmoid.level = m == -scalar::infinity<T> ? -m : m;  // no negatives: none is above M
  }

  // The table: returns the term, leaves dterm/dz in slope [D]. own: the positive's row.
  T finish(const NceOptions& o, const ConstantLevel& constant, const T* own, T* slope, i64 dim) {
    T m = level(o, constant), a = scalar::sigmoid(m - positive), inv = static_cast<T>(1 / o.temperature);
    double total = softmax.total(), h = sigmoid.h_sum();
    T from_p = total == 0 ? T(0) : static_cast<T>((static_cast<double>(a) - h) / total);
    for (i64 d = 0; d < dim; ++d) slope[d] = inv * (from_p * sum[0][d] + sum[1][d] - a * own[d]);
    return softplus(m - positive) + static_cast<T>(sigmoid.softplus_sum() + constant.extra);
  }
};

// One head over the batch.
template <class T>
struct NceTerms {
  Tensor<T> positive, level, term;  // s+, M and the term [B]
  Tensor<T> slope;                  // dterm/dz [B, D]
  NceTerms(i64 batch, i64 dim) : positive({batch}), level({batch}), term({batch}), slope({batch, dim}) {}
};

// nce_z, by way of M = log sum_k e^{s_k}.
template <class T>
double z_of(const NceTerms<T>& t, i64 k, i64 bank_rows) {
  double sum = 0;
  for (T s : t.positive.span()) sum += std::exp(static_cast<double>(s));
  for (T m : t.level.span()) sum += std::exp(static_cast<double>(m));
  return static_cast<double>(bank_rows) * sum / static_cast<double>(t.term.size() * (k + 1));
}

// The mean of its terms, on the tape; backward keeps the slope.
template <class T>
Var<T> nce_mean(const char* name, const Var<T>& z, const NceTerms<T>& terms) {
  T mean = 0;
  for (T t : terms.term.span()) mean += t / static_cast<T>(terms.term.size());
  return make_op(
      name, Tensor<T>::scalar(mean),
      [slope = terms.slope, n = z.node()](const Tensor<T>& gy) {
        if (auto g = gradient_of(n)) {
          T scale = gy.item() / static_cast<T>(slope.dim(0));
          backend::map(Cpu{}, [scale](T s) { return scale * s; }, g.data(), 1, slope.size(), g.into,
                       backend::Dense<T>{slope.data(), slope.size()});
        }
      },
      z);
}

}  // namespace nacre::losses::detail
