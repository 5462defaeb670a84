// Losses with a margin: related rows nearer than unrelated ones by so much, and no force beyond.
//
//   triplet(scores, relation, o)                   mean over positives p of the mean over negatives n of
//                                                  max(0, s_n - s_p + margin)             scores [B, M]: similarities
//   contrastive_margin(squared, relation, eta)     mean of d^2 where related, max(0, eta - d)^2 where not
//                                                  squared: d^2 of pairs, of any shape, relation of that shape
//
// Scores are cosines, the triplet then is max(0, D(x, x+) - D(x, x-) + margin), D = 1 - cos (Wang & Gupta,
// "Unsupervised learning of visual representations using videos", 2015: margin 0.5, at first random_negatives, later
// the 4 hardest); or -squared_distances: TCN's single view (Sermanet et al., 2018: margin 0.2, the hardest semi-hard
// one). The other is AVTS's (Korbar et al., 2018: eta 0.99; Hadsell et al., 2006). Backward keeps the derivatives.
// Throws nacre::Error. Tested in tests/losses/margin.cpp.
#pragma once

#include <nacre/losses/scored_rows.hpp>

namespace nacre::losses {

struct TripletOptions {
  double margin = 0.5;
  NegativeChoice negatives = {};  // for each positive; semi_hard = margin: those within reach of the hinge
};

// A positive without negatives costs nothing. At least one row must have a positive.
template <class T>
Var<T> triplet(const Var<T>& scores, const Relations& relation, const TripletOptions& o) {
  detail::check_choice("triplet", o.negatives);
  check(o.margin >= 0, "triplet", [&] { return "margin " + std::to_string(o.margin) + " is below 0"; });
  T margin = static_cast<T>(o.margin);
  auto row = [&](detail::RowWork<T>& w, const T* score, const Relation* related, T* g) {
    detail::RowValue sum;
    for (i64 p : w.positive) {
      w.take_negatives(score, related, T(1));
      T* x = w.x.data();
      T share = 1 / static_cast<T>(std::max<i64>(1, detail::choose(x, w.cols, score[p], T(1), o.negatives, w.order)));
      ++sum.count;
      for (i64 j = 0; j < w.cols; ++j) {
        T hinge = x[j] - score[p] + margin;
        if (hinge <= 0) continue;  // NaN goes on; -inf does not
        sum.value += static_cast<double>(share * hinge);
        g[j] += share;
        g[p] -= share;
      }
    }
    return sum;
  };
  return detail::mean_over_rows("triplet", scores, relation, row);
}

// At d = 0 an unrelated pair has no direction to be pushed in, and is not.
template <class T>
Var<T> contrastive_margin(const Var<T>& squared, const Relations& relation, double eta) {
  i64 n = relation.size(), count = n - std::count(relation.data(), relation.data() + n, Relation::ignored);
  check(squared.shape() == relation.shape() && count > 0, "contrastive_margin", [&] {
    return "squared is " + squared.shape().str() + ", relation is " + relation.shape().str() + " with " +
           std::to_string(count) + " pairs; need equal shapes and at least one pair";
  });
  check(eta > 0, "contrastive_margin", [&] { return "eta " + std::to_string(eta) + " is not above 0"; });
  Tensor<T> slope(squared.shape());
  double sum = 0;
  for (i64 i = 0; i < n; ++i) {
    T s = squared.value()[i], d = s > 0 ? std::sqrt(s) : s < 0 ? T(0) : s, short_of = static_cast<T>(eta) - d;
    bool pushed = relation[i] == Relation::negative && !(short_of <= 0);
    if (relation[i] == Relation::positive) sum += static_cast<double>(s);
    if (pushed) sum += static_cast<double>(short_of * short_of);
    slope[i] = relation[i] == Relation::positive ? T(1) : pushed && d != 0 ? -short_of / d : T(0);
  }
  double share = 1 / static_cast<double>(count);
  return make_op(
      "contrastive_margin", Tensor<T>::scalar(static_cast<T>(sum * share)),
      [=, node = squared.node()](const Tensor<T>& gy) {
        auto g = gradient_of(node);
        if (!g) return;
        T scale = gy.item() * static_cast<T>(share);
        backend::map(Cpu{}, math::Scale{static_cast<double>(scale)}, g.data(), 1, n, g.into,
                     backend::Dense<T>{slope.data(), n});
      },
      squared);
}

}  // namespace nacre::losses
