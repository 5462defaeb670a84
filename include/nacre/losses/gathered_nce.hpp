// The contrastive term of losses/nce.hpp with negatives of its own for each sample, picked out of a memory bank.
//
//   gathered_nce({z..}, bank, own, negatives, o)   z [B, D] one or two heads, bank [N, D], own [B], negatives [B, K]
//                                                  -> one scalar a head, the mean over b of the term with
//                                                     s+ = z[b] . bank[own[b]],  s_k = z[b] . bank[negatives[b, k]]
//
//   = nce(row_dot(z, own rows), gathered_dot(z, bank, negatives), o) for each z, by reading each row once (nce_paper:
//   twice) for all heads, with no score kept: the gradient is summed up while the row is at hand.
// Backward keeps that gradient, [B, D] a head. Nothing flows into the bank. A sample's result does not depend on
// the batch around it. Throws nacre::Error. Tested in tests/losses/gathered_nce.cpp.
#pragma once

#include <nacre/losses/nce_pass.hpp>
#include <nacre/ops/similarity.hpp>

namespace nacre::losses {

namespace detail {

// One pass of `heads` samples z over the rows index[begin .. end) of k.
template <int heads, class T>
[[gnu::always_inline]] inline void gathered_pass(NcePass pass, const T* const* z, const T* bank, const i64* index,
                                                 i64 begin, i64 end, i64 k, i64 dim, T inv_temperature,
                                                 NceSample<T>* sample) {
  constexpr int block = backend::detail::row_block;
  T* sum[heads];
  for (int h = 0; h < heads; ++h) sum[h] = sample[h].sum[pass];
  for (; begin < end; begin += block) {
    const T* row[2 * block];
    alignas(64) T s[heads][block];
    i64 n = backend::detail::take_block(bank, index, begin, k, dim, row);
    backend::detail::dot_block<heads>(z, row, dim, s);
    for (int h = 0; h < heads; ++h) {
      for (int j = 0; j < block; ++j) s[h][j] = j < n ? s[h][j] * inv_temperature : -scalar::infinity<T>;
      T factor = sample[h].weigh(pass, s[h], block);
      if (factor != 1)
        for (i64 d = 0; d < dim; ++d) sum[h][d] *= factor;
    }
    backend::detail::add_block<heads>(s, row, dim, sum);
  }
}

template <int heads, class T>
void gathered_terms(const T* const* z, const Tensor<T>& bank, const Tensor<i64>& own, const Tensor<i64>& negatives,
                    const NceOptions& o, NceTerms<T>* out) {
  i64 batch = negatives.dim(0), k = negatives.dim(1), dim = bank.dim(1), row_bytes = dim * i64{sizeof(T)};
  ConstantLevel constant(o, k);
  T inv = static_cast<T>(1 / o.temperature);
  struct Sample {
    const T* z[heads];
    NceSample<T> head[heads];
  };
  std::vector<Sample> samples(static_cast<std::size_t>(batch));
  Tensor<T> sums = Tensor<T>::zeros({batch, heads, 2, dim});
  parallel_for(batch, 1, [&](i64 b, i64) {
    for (int h = 0; h < heads; ++h) {
      Sample& s = samples[static_cast<std::size_t>(b)];
      s.z[h] = z[h] + b * dim;
      s.head[h].dot_positive(s.z[h], bank.data() + own[b] * dim, dim, inv);
      for (int pass = 0; pass < 2; ++pass) s.head[h].sum[pass] = sums.data() + ((b * heads + h) * 2 + pass) * dim;
    }
  });
  for (NcePass pass : {softmax_pass, sigmoid_pass}) {
    for (Sample& s : samples)
      for (auto& head : s.head) head.start(pass, o, constant);
    if (!needs(o.form, pass)) continue;
    backend::each_part(negatives.data(), batch, k, bank.dim(0), row_bytes, [&](i64 b, i64 begin, i64 end) {
      Sample& s = samples[static_cast<std::size_t>(b)];
      backend::simd::fused([&] {
        gathered_pass<heads>(pass, s.z, bank.data(), negatives.data() + b * k, begin, end, k, dim, inv, s.head);
      });
    });
  }
  parallel_for(batch, 1, [&](i64 b, i64) {
    for (int h = 0; h < heads; ++h) {
      NceSample<T>& head = samples[static_cast<std::size_t>(b)].head[h];
      out[h].positive[b] = head.positive;
      out[h].level[b] = head.level(o, constant);
      out[h].term[b] = head.finish(o, constant, bank.data() + own[b] * dim, out[h].slope.data() + b * dim, dim);
    }
  });
}

}  // namespace detail

// With nce_constant and o.z <= 0, o.z becomes Z of the first head's scores.
template <class T>
std::vector<Var<T>> gathered_nce(const std::vector<Var<T>>& heads, const Tensor<T>& bank, const Tensor<i64>& own,
                                 const Tensor<i64>& negatives, NceOptions& o) {
  const char* op = "gathered_nce";
  check(heads.size() == 1 || heads.size() == 2, op,
        [&] { return "takes one or two heads, got " + std::to_string(heads.size()); });
  i64 batch = own.size(), dim = bank.rank() == 2 ? bank.dim(1) : 0;
  for (const Var<T>& z : heads)
    check(bank.rank() == 2 && negatives.rank() == 2 && z.shape() == Shape{batch, dim} && negatives.dim(0) == batch &&
              batch >= 1 && negatives.dim(1) >= 1,
          op, [&] {
            return "z is " + z.shape().str() + ", bank is " + bank.shape().str() + ", own is " + own.shape().str() +
                   ", negatives are " + negatives.shape().str() +
                   "; need z [B, D], bank [N, D], own [B], negatives [B, K] with B, K at least 1";
          });
  nacre::detail::check_rows(op, "own", own, bank);
  nacre::detail::check_rows(op, "negatives", negatives, bank);
  std::vector<detail::NceTerms<T>> terms;
  const T* z[2] = {};
  for (std::size_t h = 0; h < heads.size(); ++h) {
    terms.emplace_back(batch, dim);
    z[h] = heads[h].value().data();
  }
  if (o.form == NceForm::nce_constant && o.z <= 0) {
    detail::gathered_terms<1>(z, bank, own, negatives, {.temperature = o.temperature}, terms.data());
    o.z = detail::z_of(terms[0], negatives.dim(1), bank.dim(0));
  }
  detail::check_options(o);
  if (heads.size() == 1) detail::gathered_terms<1>(z, bank, own, negatives, o, terms.data());
  else detail::gathered_terms<2>(z, bank, own, negatives, o, terms.data());
  std::vector<Var<T>> means;
  for (std::size_t h = 0; h < heads.size(); ++h)
    means.push_back(detail::nce_mean(op, heads[h], terms[h]));
  return means;
}

}  // namespace nacre::losses
