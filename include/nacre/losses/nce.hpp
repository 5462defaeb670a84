// The contrastive terms over one positive and K negative scores, in the three forms PIRL is known by.
//
//   s+ = positive / temperature [B],  s_k = negatives / temperature [B, K],  M a level to be beaten
//   info_nce      softplus(M - s+),                             M = log sum_k e^{s_k}
//   nce_paper     softplus(M - s+) + sum_k softplus(s_k - M),   M = log sum_k e^{s_k}
//   nce_constant  softplus(M - s+) + sum_k softplus(s_k - M),   M = log((K / N + eps) Z), Z frozen
//
// each averaged over the batch. The first is cross entropy over K + 1 columns; the second is -log h(s+)
// - sum log(1 - h(s_k)) of Misra & van der Maaten (2020) with h = e^s / (e^s + sum_k e^{s_k}); the third is
// VISSL's released code, which replaces that sum by a constant (eps is float's). softplus keeps e^{1/0.07} finite.
// Backward keeps the scores and M. Tested in tests/losses/nce.cpp.
#pragma once

#include <nacre/backend/cpu/softmax.hpp>
#include <nacre/autograd/var.hpp>
#include <nacre/math/elementwise.hpp>

namespace nacre::losses {

enum class NceForm { info_nce, nce_paper, nce_constant };

struct NceOptions {
  NceForm form = NceForm::info_nce;
  double temperature = 0.07;
  double z = 0;        // nce_constant: Z of `nce_z`
  i64 bank_rows = 0;   // nce_constant: N
};

namespace detail {

// A copy of one row of scores over the temperature; what is masked becomes -inf.
template <class T>
void scaled_row(const T* scores, i64 k, T inv_temperature, T* s, const i64* index, i64 own) {
  backend::simd::run([&] {
    for (i64 i = 0; i < k; ++i) s[i] = scores[i] * inv_temperature;
  });
  if (index)
    for (i64 i = 0; i < k; ++i)
      if (index[i] == own) s[i] = -std::numeric_limits<T>::infinity();
}

template <class T>
T log_sum_exp_row(const T* s, i64 k) {
  T m = 0;
  double sum = 0;
  backend::simd::run([&] {
    m = backend::detail::row_max(s, k);
    sum = backend::detail::row_exp_sum<false>(s, k, m, static_cast<T*>(nullptr));
  });
  return m + static_cast<T>(std::log(sum));
}

template <class T>
T softplus(T x) {
  return math::Softplus{}(x);
}

inline void check_options(const NceOptions& o) {
  check(o.temperature > 0, "nce", [&] { return "temperature " + std::to_string(o.temperature) + " is not above 0"; });
  check(o.form != NceForm::nce_constant || (!(o.z <= 0) && o.bank_rows > 0), "nce",
        [] { return std::string("the form nce_constant needs z (see nce_z) and bank_rows"); });
}

// nce_constant with K negatives: M, and what eps adds to the term whatever the scores.
struct ConstantLevel {
  double level = 0, extra = 0;
  ConstantLevel(const NceOptions& o, i64 k) {
    if (o.form != NceForm::nce_constant) return;
    double ratio = static_cast<double>(k) / static_cast<double>(o.bank_rows), eps = 0x1p-23;
    level = std::log((ratio + eps) * o.z);
    extra = static_cast<double>(k) * std::log1p(eps / ratio);
  }
};

}  // namespace detail

// The frozen Z of nce_constant: N times the mean of e^{s / temperature} over all B (K + 1) scores, as VISSL's
// first batch sets it. positive [B], negatives [B, K].
template <class T>
double nce_z(const Tensor<T>& positive, const Tensor<T>& negatives, double temperature, i64 bank_rows) {
  double sum = 0;
  for (T s : positive.span()) sum += std::exp(static_cast<double>(s) / temperature);
  for (T s : negatives.span()) sum += std::exp(static_cast<double>(s) / temperature);
  return static_cast<double>(bank_rows) * sum / static_cast<double>(positive.size() + negatives.size());
}

// positive [B] and negatives [B, K]: cosine scores -> scalar, mean over the batch.
// With shared_index [K] and own [B], the columns whose index is the sample's own row are left out.
template <class T, class D>
Var<T, D> nce(const Var<T, D>& positive, const Var<T, D>& negatives, NceOptions o, Tensor<i64> shared_index = {},
              Tensor<i64> own = {}) {
  const Shape &ps = positive.shape(), &n = negatives.shape();
  check(n.rank() == 2 && positive.value().size() == n[0] && n[0] >= 1 && n[1] >= 1, "nce", [&] {
    return "positive is " + ps.str() + ", negatives are " + n.str() + "; need [B] and [B, K] with B, K at least 1";
  });
  detail::check_options(o);
  check(shared_index.empty() || (shared_index.size() == n[1] && own.size() == n[0]), "nce", [&] {
    return "shared_index " + shared_index.shape().str() + ", own " + own.shape().str() + "; need [K] and [B] of " +
           n.str();
  });

  i64 batch = n[0], k = n[1];
  T inv = static_cast<T>(1 / o.temperature);
  bool constant_z = o.form == NceForm::nce_constant;
  detail::ConstantLevel constant(o, k);
  T fixed = static_cast<T>(constant.level), extra = static_cast<T>(constant.extra);
  auto mask = [shared_index](i64) { return shared_index.empty() ? nullptr : shared_index.data(); };
  auto own_of = [own](i64 b) { return own.empty() ? i64{-1} : own[b]; };

  Tensor<T, D> level({batch}), term({batch});
  const T *pos = positive.value().data(), *neg = negatives.value().data();
  parallel_for(batch, 1, [&](i64 begin, i64 end) {
    Tensor<T> s({k});
    for (i64 b = begin; b < end; ++b) {
      detail::scaled_row(neg + b * k, k, inv, s.data(), mask(b), own_of(b));
      T m = constant_z ? fixed : detail::log_sum_exp_row(s.data(), k);
      T sum = detail::softplus(m - pos[b] * inv) + extra;
      if (o.form != NceForm::info_nce && m > -scalar::infinity<T>)  // -inf: every column is masked
        for (i64 i = 0; i < k; ++i) sum += detail::softplus(s[i] - m);
      level[b] = m;
      term[b] = sum;
    }
  });
  T mean = 0;
  for (T t : term.span()) mean += t / static_cast<T>(batch);

  return make_op(
      "nce", Tensor<T, D>::scalar(mean),
      [=, np = positive.node(), nn = negatives.node(), vp = positive.value(),
       vn = negatives.value()](const Tensor<T, D>& gy) {
        auto gp = gradient_of(np);
        auto gn = gradient_of(nn);
        T scale = gy.item() * inv / static_cast<T>(batch);
        const T *p = vp.data(), *neg_scores = vn.data(), *lv = level.data();
        T* gpd = gp ? gp.data() : nullptr;
        T* gnd = gn ? gn.data() : nullptr;
        parallel_for(batch, 1, [&](i64 begin, i64 end) {
          Tensor<T> s({k});
          for (i64 b = begin; b < end; ++b) {
            T m = lv[b], a = scalar::sigmoid(m - p[b] * inv);  // dL/ds+ = -a, dL/dM = a - sum_k sigmoid(s_k - M)
            if (gpd) gpd[b] = (gp.into == Into::add ? gpd[b] : T(0)) - scale * a;
            if (!gnd) continue;
            detail::scaled_row(neg_scores + b * k, k, inv, s.data(), mask(b), own_of(b));
            T* g = gnd + b * k;
            if (gn.into == Into::assign) std::memset(g, 0, static_cast<std::size_t>(k) * sizeof(T));
            if (m == -scalar::infinity<T>) continue;
            T dm = constant_z ? T(0) : a;
            if (o.form != NceForm::info_nce)
              for (i64 i = 0; i < k; ++i) {
                T h = scalar::sigmoid(s[i] - m);
                g[i] += scale * h;
                if (!constant_z) dm -= h;
              }
            if (constant_z) continue;
            T* sp = s.data();
            backend::simd::run([=] {
              for (i64 i = 0; i < k; ++i) g[i] += scale * dm * scalar::exp(sp[i] - m);  // dM/ds_k = e^{s_k - M}
            });
          }
        });
      },
      positive, negatives);
}

}  // namespace nacre::losses
