// The two everyday batches of losses/contrast.hpp, from rows: each takes the loss that keeps no scores where it can.
//
//   contrast_views(z, o)                     z [2N, D] unit rows of two views: SimCLR's loss
//   contrast_queue(q, key, queue, o, extra)  q, key [B, D], queue [K, D]: MoCo's; extra [B, S, D] are more negatives,
//                                            each sample's own: MoCHi's mixes (bank/mochi.hpp)
//
// Plain options give losses/nt_xent.hpp and info_nce.hpp; others make all scores. Nothing flows into key, queue and
// extra. Throws nacre::Error. Tested in tests/losses/contrast.cpp.
#pragma once

#include <nacre/losses/contrast.hpp>
#include <nacre/losses/info_nce.hpp>
#include <nacre/losses/nt_xent.hpp>
#include <nacre/ops/matmul.hpp>
#include <nacre/ops/shape.hpp>

namespace nacre::losses {

template <class T>
Var<T> contrast_views(const Var<T>& z, const ContrastOptions& o) {
  if (o.plain()) return nt_xent(z, o.temperature);
  return contrast(matmul(z, z, {.transpose_b = true}), view_relations(z.dim(0)), o);
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

}  // namespace nacre::losses
