// MoCHi: harder negatives than there are, mixed from the hardest there are.
//
//   hard_b     the `hardest` rows n of negatives [K, D] with the largest q_b . n
//   mixes      h = a n_i + (1 - a) n_j,  a in [0, 1),    n_i, n_j from hard_b: between two hard negatives
//   with q     h = c q_b + (1 - c) n_i,  c in [0, 0.5),  n_i from hard_b: nearer to the query, never mostly the query
//
// each made a unit row again -> [B, mixes + query_mixes, D], the mixes first. They are constants: hand them to
// losses::contrast_queue as `extra`. Every draw is a pure function of the key, the query's position and the mix's.
// Kalantidis et al., "Hard negative mixing for contrastive learning", 2020: (1024, 1024, 128) of a queue of 65,536,
// from epoch 15 on; the defaults are the same shares of a queue of 4,096. O(B K D).
// Throws nacre::Error. Tested in tests/bank/mochi.cpp.
#pragma once

#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/random.hpp>
#include <nacre/core/tensor.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace nacre {

struct MochiOptions {
  i64 hardest = 64;     // N
  i64 mixes = 64;       // s
  i64 query_mixes = 8;  // s'
};

// queries [B, D] and negatives [K, D]: unit rows. hardest may exceed K: then all are taken.
template <class T>
Tensor<T> mochi(const Tensor<T>& queries, const Tensor<T>& negatives, const MochiOptions& o, Key key) {
  check(queries.rank() == 2 && negatives.rank() == 2 && queries.dim(1) == negatives.dim(1) && negatives.dim(0) >= 1,
        "mochi", [&] {
          return "queries are " + queries.shape().str() + ", negatives " + negatives.shape().str() +
                 "; need [B, D] and [K, D] with K at least 1";
        });
  check(o.hardest >= 1 && o.mixes >= 0 && o.query_mixes >= 0, "mochi", [&] {
    return "hardest " + std::to_string(o.hardest) + ", mixes " + std::to_string(o.mixes) + ", query_mixes " +
           std::to_string(o.query_mixes) + "; need hardest at least 1 and the others not below 0";
  });
  i64 batch = queries.dim(0), dim = queries.dim(1), k = negatives.dim(0), hardest = std::min(o.hardest, k);
  i64 made = o.mixes + o.query_mixes;
  Tensor<T> scores({batch, k}), out({batch, made, dim});
  backend::gemm(Cpu{}, false, true, batch, k, dim, queries.data(), dim, negatives.data(), dim, scores.data(), k,
                Into::assign);
  parallel_for(batch, 1, [&](i64 begin, i64 end) {
    std::vector<i64> order(static_cast<std::size_t>(k));
    for (i64 b = begin; b < end; ++b) {
      const T* s = scores.data() + b * k;
      std::iota(order.begin(), order.end(), i64{0});
      auto value = [s](i64 i) { return s[i] == s[i] ? s[i] : std::numeric_limits<T>::infinity(); };  // NaN has no order
      auto closer = [value](i64 i, i64 j) { return value(i) != value(j) ? value(i) > value(j) : i < j; };
      std::partial_sort(order.begin(), order.begin() + hardest, order.end(), closer);
      for (i64 m = 0; m < made; ++m) {
        Random random(key.fold(static_cast<u64>(b)).fold(static_cast<u64>(m)));
        auto draw = [&] { return negatives.data() + order[random.below(static_cast<u32>(hardest))] * dim; };
        bool with_query = m >= o.mixes;
        const T *to = draw(), *from = with_query ? queries.data() + b * dim : draw();
        T share = static_cast<T>(random.uniform() * (with_query ? 0.5f : 1.f)), squares = 0;
        T* h = out.data() + (b * made + m) * dim;
        for (i64 d = 0; d < dim; ++d) {
          h[d] = share * from[d] + (1 - share) * to[d];
          squares += h[d] * h[d];
        }
        T scale = 1 / std::max(std::sqrt(squares), T(1e-12));  // opposite rows may cancel
        for (i64 d = 0; d < dim; ++d) h[d] *= scale;
      }
    }
  });
  return out;
}

}  // namespace nacre
