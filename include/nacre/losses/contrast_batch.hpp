// The everyday batches of losses/contrast.hpp, from rows: each takes the loss that keeps no scores where it can.
//
//   contrast_views(z, o)                     z [2N, D] unit rows of two views: SimCLR's loss
//   contrast_pairs(q, key, o)                q, key [B, D]: MoCo v3's, the other rows' keys are the negatives
//   contrast_queue(q, key, queue, o, extra)  q, key [B, D], queue [K, D]: MoCo's; extra [B, S, D] are more negatives,
//                                            each sample's own: MoCHi's mixes (bank/mochi.hpp)
//   contrast_bank(z, bank, own, negatives, o)
//                                            z [B, D], bank [N, D], own [B], negatives [B, K], or [K] for all: PIRL's
//
// Plain options give losses/nt_xent.hpp, info_nce.hpp and, for pairs, cross_entropy; others, and banks always, make all
// scores (losses/pirl.hpp and cross_nce.hpp have a bank's plain loss). Nothing flows into key, queue, extra and bank.
// Throws nacre::Error. Tested in tests/losses/contrast.cpp, cross_nce.cpp, tests/methods/pirl.cpp, moco.cpp.
#pragma once

#include <nacre/losses/contrast.hpp>
#include <nacre/losses/info_nce.hpp>
#include <nacre/losses/nt_xent.hpp>
#include <nacre/ops/matmul.hpp>
#include <nacre/ops/shape.hpp>
#include <nacre/ops/softmax.hpp>

#include <numeric>

namespace nacre::losses {

template <class T>
Var<T> contrast_views(const Var<T>& z, const ContrastOptions& o) {
  if (o.plain()) return nt_xent(z, o.temperature);
  return contrast(matmul(z, z, {.transpose_b = true}), view_relations(z.dim(0)), o);
}

template <class T>
Var<T> contrast_pairs(const Var<T>& q, const Tensor<T>& key, const ContrastOptions& o) {
  check(q.shape() == key.shape(), "contrast_pairs", [&] {
    return "q is " + q.shape().str() + ", key is " + key.shape().str() + "; need equal shapes [B, D]";
  });
  Var<T> scores = matmul(q, Var<T>(key), {.transpose_b = true});
  i64 rows = q.dim(0);
  if (!o.plain()) return contrast(scores, pair_relations(rows), o);
  Tensor<i64> own({rows});
  std::iota(own.data(), own.data() + rows, 0);
  return cross_entropy(scores * (1 / o.temperature), own);
}

template <class T>
Var<T> contrast_queue(const Var<T>& q, const Tensor<T>& key, const Tensor<T>& queue, const ContrastOptions& o,
                      const Tensor<T>& extra = {}) {
  if (o.plain() && extra.empty()) return info_nce(q, key, queue, {.temperature = o.temperature});
  i64 rows = q.dim(0), negatives = queue.dim(0);
  std::vector<Var<T>> scores{reshape(row_dot(q, Var<T>(key)), {rows, 1}),
                             matmul(q, Var<T>(queue), {.transpose_b = true})};
  if (!extra.empty()) {
    check(extra.rank() == 3 && extra.dim(0) == rows, "contrast_queue", [&] {
      return "q is " + q.shape().str() + ", extra is " + extra.shape().str() + "; need extra [B, S, D]";
    });
    i64 own = extra.dim(1);
    Tensor<i64> index({rows, own});
    for (i64 i = 0; i < index.size(); ++i) index[i] = i;
    scores.push_back(gathered_dot(q, extra.reshape({rows * own, extra.dim(2)}), index));
    negatives += own;
  }
  return contrast(concat(scores, 1), queue_relations(rows, negatives), o);
}

// What stands in for an NCE loss of that form and temperature where negatives are chosen or weighed.
inline ContrastOptions in_place_of(const char* op, NceForm form, double temperature, ContrastOptions o) {
  check(form == NceForm::info_nce, op, [] { return std::string("a choice of negatives needs the form info_nce"); });
  o.temperature = temperature;
  return o;
}

// Of negatives [K] those that are a sample's own row are ignored; negatives [B, K] are taken as they are.
template <class T>
Var<T> contrast_bank(const Var<T>& z, const Tensor<T>& bank, const Tensor<i64>& own, const Tensor<i64>& negatives,
                     const ContrastOptions& o) {
  Var<T> rows(bank);
  i64 batch = own.size();
  Var<T> with_own = reshape(row_dot(z, gather_rows(rows, own)), {batch, 1});
  if (negatives.rank() == 2) {
    Var<T> scores = gathered_dot(z, bank, negatives);
    return contrast(concat<T, Cpu>({with_own, scores}, 1), queue_relations(batch, negatives.dim(1)), o);
  }
  Var<T> scores = matmul(z, gather_rows(rows, negatives), {.transpose_b = true});
  return contrast(concat<T, Cpu>({with_own, scores}, 1),
                  beside(queue_relations(batch, 0), bank_relations(own, negatives)), o);
}

}  // namespace nacre::losses
