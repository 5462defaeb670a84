// The contrastive term of losses/nce.hpp with one set of negatives for the whole batch.
//
//   info_nce(q, key, queue, o)                          q, key [B, D], queue [K, D]: MoCo's loss
//   shared_nce({z..}, bank, own, negatives, self, o)    z [B, D] one head or more, bank [N, D], own [B], negatives [K]
//                                                       -> one scalar a head: PIRL with shared negatives
//
// Each is the mean over b of the term with s+ = z_b . positive_b and s_k = z_b . negative_k, that is
// nce(row_dot(z, positives), matmul(z, negatives^T), o), without the scores [B, K]: blocks of 256 x 256 are computed,
// used for the gradient and forgotten. Unless `self` is set, negatives that are the sample's own row are left out.
// The negatives are cut into at most 16 chunks whose sums are merged in order: a result depends on K, not on the
// threads nor on the rest of the batch.
// Backward keeps the gradient, [B, D] a head. Nothing flows into keys, queue and bank.
// He et al., "Momentum contrast for unsupervised visual representation learning", 2020.
// Throws nacre::Error. Tested in tests/losses/info_nce.cpp.
#pragma once

#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/losses/nce_pass.hpp>
#include <nacre/ops/similarity.hpp>

namespace nacre::losses {

namespace detail {

// Negative k is row k of `rows` or, with an index, row index[k]; with `own`, sample b does not see row own[b].
template <class T>
struct SharedNegatives {
  const T* rows;
  i64 count;
  const i64 *index = nullptr, *own = nullptr;
};

// scores [count, pitch] of `count` samples, the first at `sample`, and negatives [begin, begin + cols) to weights; sums
// [count, D] to their new scale. own: of the first sample.
template <class T>
void weigh_block(NcePass pass, T* scores, i64 pitch, i64 cols, const i64* index, const i64* own, T inv_temperature,
                 NceSample<T>* sample, T* sums, i64 count, i64 dim) {
  constexpr T none = -scalar::infinity<T>;
  backend::simd::run([&] {
    for (i64 r = 0; r < count; ++r) {
      T *s = scores + r * pitch, *sum = sums + r * dim;
      for (i64 c = 0; c < cols; ++c) s[c] *= inv_temperature;
      for (i64 c = cols; c < pitch; ++c) s[c] = none;
      if (own)
        for (i64 c = 0; c < cols; ++c) s[c] = index[c] == own[r] ? none : s[c];
      T factor = sample[r].weigh(pass, s, pitch);
      if (factor != 1)
        for (i64 d = 0; d < dim; ++d) sum[d] *= factor;
    }
  });
}

// One pass over all negatives. samples: [heads, B]; z: [B, D] a head.
template <class T>
void shared_pass(NcePass pass, const std::vector<const T*>& z, i64 batch, i64 dim, const SharedNegatives<T>& n,
                 T inv_temperature, std::vector<NceSample<T>>& samples) {
  constexpr i64 block = 256;
  const i64 all = static_cast<i64>(samples.size()), pieces = (batch + block - 1) / block;
  const i64 chunk = (n.count + 16 * block - 1) / (16 * block) * block, chunks = (n.count + chunk - 1) / chunk;
  std::vector<std::vector<NceSample<T>>> parts(static_cast<std::size_t>(chunks), samples);
  Tensor<T> sums = Tensor<T>::zeros({chunks, all, dim});

  parallel_for(chunks * pieces, 1, [&](i64 task, i64) {
    const i64 part = task / pieces, b = task % pieces * block, count = std::min(block, batch - b);
    Tensor<T> scores({count, block}), gathered({n.index ? block : 0, dim});
    for (i64 k = part * chunk; k < std::min(n.count, (part + 1) * chunk); k += block) {
      const i64 cols = std::min(block, n.count - k), pitch = (cols + 15) / 16 * 16;
      const i64* index = n.index ? n.index + k : nullptr;
      for (i64 c = 0; index && c < cols; ++c)
        std::copy_n(n.rows + index[c] * dim, dim, gathered.data() + c * dim);
      const T* rows = index ? gathered.data() : n.rows + k * dim;
      for (i64 h = 0; h < all / batch; ++h) {
        const i64 first = h * batch + b;
        T* sum = sums.data() + (part * all + first) * dim;
        backend::gemm(Cpu{}, false, true, count, cols, dim, z[static_cast<std::size_t>(h)] + b * dim, dim, rows, dim,
                      scores.data(), pitch, Into::assign);
        weigh_block(pass, scores.data(), pitch, cols, index, n.own ? n.own + b : nullptr, inv_temperature,
                    parts[static_cast<std::size_t>(part)].data() + first, sum, count, dim);
        backend::gemm(Cpu{}, false, false, count, dim, cols, scores.data(), pitch, rows, dim, sum, dim, Into::add);
      }
    }
  });

  parallel_for(all, 16, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i)
      for (i64 part = 0; part < chunks; ++part) {
        NceSample<T>& sample = samples[static_cast<std::size_t>(i)];
        T *out = sample.sum[pass], *sum = sums.data() + (part * all + i) * dim;
        auto [mine, theirs] =
            sample.merge(pass, parts[static_cast<std::size_t>(part)][static_cast<std::size_t>(i)]);
        for (i64 d = 0; d < dim; ++d) out[d] = mine * out[d] + theirs * sum[d];
      }
  });
}

// positive_of(b): the row of sample b's positive.
template <class T, class PositiveOf>
std::vector<NceTerms<T>> shared_terms(const std::vector<const T*>& z, i64 batch, i64 dim, const SharedNegatives<T>& n,
                                      const PositiveOf& positive_of, const NceOptions& o) {
  const i64 all = static_cast<i64>(z.size()) * batch;
  ConstantLevel constant(o, n.count);
  const T inv = static_cast<T>(1 / o.temperature);
  Tensor<T> sums = Tensor<T>::zeros({2, all, dim});
  std::vector<NceSample<T>> samples(static_cast<std::size_t>(all));
  for (i64 i = 0; i < all; ++i) {
    NceSample<T>& s = samples[static_cast<std::size_t>(i)];
    s.dot_positive(z[static_cast<std::size_t>(i / batch)] + i % batch * dim, positive_of(i % batch), dim, inv);
    for (int pass = 0; pass < 2; ++pass) s.sum[pass] = sums.data() + (pass * all + i) * dim;
  }
  for (NcePass pass : {softmax_pass, sigmoid_pass}) {
    for (auto& s : samples) s.start(pass, o, constant);
    if (needs(o.form, pass)) shared_pass(pass, z, batch, dim, n, inv, samples);
  }
  std::vector<NceTerms<T>> out;
  for (i64 i = 0; i < all; ++i) {
    if (i % batch == 0) out.emplace_back(batch, dim);
    NceSample<T>& s = samples[static_cast<std::size_t>(i)];
    NceTerms<T>& t = out.back();
    const i64 b = i % batch;
    t.positive[b] = s.positive;
    t.level[b] = s.level(o, constant);
    t.term[b] = s.finish(o, constant, positive_of(b), t.slope.data() + b * dim, dim);
  }
  return out;
}

}  // namespace detail

template <class T>
Var<T> info_nce(const Var<T>& q, const Tensor<T>& key, const Tensor<T>& queue, const NceOptions& o) {
  check(q.shape().rank() == 2 && q.shape() == key.shape() && queue.rank() == 2 && queue.dim(1) == q.dim(1) &&
            q.dim(0) >= 1 && queue.dim(0) >= 1,
        "info_nce", [&] {
          return "q is " + q.shape().str() + ", key is " + key.shape().str() + ", queue is " + queue.shape().str() +
                 "; need q and key [B, D], queue [K, D] with B, K at least 1";
        });
  detail::check_options(o);
  i64 dim = q.dim(1);
  detail::SharedNegatives<T> n{queue.data(), queue.dim(0)};
  auto positive_of = [&](i64 b) { return key.data() + b * dim; };
  auto terms = detail::shared_terms<T>({q.value().data()}, q.dim(0), dim, n, positive_of, o);
  return detail::nce_mean("info_nce", q, terms[0]);
}

// With nce_constant and o.z <= 0, o.z becomes Z of the first head's scores.
template <class T>
std::vector<Var<T>> shared_nce(const std::vector<Var<T>>& heads, const Tensor<T>& bank, const Tensor<i64>& own,
                               const Tensor<i64>& negatives, bool self, NceOptions& o) {
  const char* op = "shared_nce";
  i64 batch = own.size(), dim = bank.rank() == 2 ? bank.dim(1) : 0;
  check(!heads.empty(), op, [] { return std::string("takes at least one head"); });
  std::vector<const T*> z;
  for (const Var<T>& v : heads) {
    check(bank.rank() == 2 && v.shape() == Shape{batch, dim} && negatives.rank() == 1 && batch >= 1 &&
              negatives.size() >= 1,
          op, [&] {
            return "z is " + v.shape().str() + ", bank is " + bank.shape().str() + ", own is " + own.shape().str() +
                   ", negatives are " + negatives.shape().str() +
                   "; need z [B, D], bank [N, D], own [B], negatives [K] with B, K at least 1";
          });
    z.push_back(v.value().data());
  }
  nacre::detail::check_rows(op, "own", own, bank);
  nacre::detail::check_rows(op, "negatives", negatives, bank);
  detail::SharedNegatives<T> n{bank.data(), negatives.size(), negatives.data(), self ? nullptr : own.data()};
  auto positive_of = [&](i64 b) { return bank.data() + own[b] * dim; };
  if (o.form == NceForm::nce_constant && o.z <= 0) {
    detail::SharedNegatives<T> all{n.rows, n.count, n.index};
    auto scores = detail::shared_terms<T>({z[0]}, batch, dim, all, positive_of, {.temperature = o.temperature});
    o.z = detail::z_of(scores[0], n.count, bank.dim(0));
  }
  detail::check_options(o);
  auto terms = detail::shared_terms(z, batch, dim, n, positive_of, o);
  std::vector<Var<T>> means;
  for (std::size_t h = 0; h < heads.size(); ++h) means.push_back(detail::nce_mean(op, heads[h], terms[h]));
  return means;
}

}  // namespace nacre::losses
