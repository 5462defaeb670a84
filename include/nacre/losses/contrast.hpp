// Contrastive losses over a matrix of scores, in which negatives are chosen and weighed as the options say.
//
//   scores [B, M] cosines, relation [B, M] (losses/relations.hpp) -> scalar: the mean over rows with a positive of
//   L_i = mean over the row's positives p of  log D_ip - x_ip,   x = scores / temperature
//
//   Denominator::all    D_ip = N_i + sum over p' of e^{x_ip'}    supervised contrastive (Khosla et al., 2020)
//   Denominator::own    D_ip = N_i + e^{x_ip}                    VINCE (Gordon et al., 2020)
//   Denominator::none   D_ip = N_i                               decoupled (Yeh et al., 2022)
//
// N_i, the mass of the row's negatives, is sum_k e^{x_ik} unless an option changes it: contrast_row.hpp has the
// formulas. With one positive a row, `all` and `own` are NT-Xent on view_relations, MoCo's loss on queue_relations and
// CPC's on pair_relations; losses/contrast_batch.hpp takes the faster ways where nothing is chosen or weighed.
// Backward keeps the derivative by the scores, [B, M]. Throws nacre::Error. Tested in tests/losses/contrast.cpp.
#pragma once

#include <nacre/losses/scored_rows.hpp>

namespace nacre::losses {

// The default is the plain loss. What is chosen, how it weighs and what it is held against combine freely.
struct ContrastOptions {
  double temperature = 0.1;
  Denominator denominator = Denominator::all;
  NegativeChoice negatives = {};
  double beta = 0;      // negatives weigh e^{beta x}: the hard ones more; Robinson et al. take 0.5 to 2
  double tau_plus = 0;  // share of negatives that are unknown positives, taken off; 0.1 for ten even classes; below 1

  // Where rows have one positive: InfoNCE over all negatives.
  bool plain() const { return denominator != Denominator::none && negatives.all() && beta == 0 && tau_plus == 0; }
};

namespace detail {

inline void check_options(const char* op, const ContrastOptions& o) {
  check(o.temperature > 0, op, [&] { return "temperature " + std::to_string(o.temperature) + " is not above 0"; });
  check(o.beta >= 0 && o.tau_plus >= 0 && o.tau_plus < 1, op, [&] {
    return "beta " + std::to_string(o.beta) + ", tau_plus " + std::to_string(o.tau_plus) +
           "; none may be below 0, and tau_plus must be below 1";
  });
  check_choice(op, o.negatives);
}

}  // namespace detail

// A row without negatives costs nothing where it has one positive. At least one row must have a positive.
template <class T>
Var<T> contrast(const Var<T>& scores, const Relations& relation, const ContrastOptions& o) {
  detail::check_options("contrast", o);
  T inv = static_cast<T>(1 / o.temperature);
  auto row = [&](detail::RowWork<T>& w, const T* score, const Relation* related, T* g) -> detail::RowValue {
    w.xp.clear();
    for (i64 p : w.positive) w.xp.push_back(static_cast<double>(score[p] * inv));
    double top = *std::max_element(w.xp.begin(), w.xp.end()), sum = 0;
    for (double x : w.xp) sum += std::exp(x - top);
    double log_positive = top + std::log(sum / static_cast<double>(w.xp.size()));

    w.take_negatives(score, related, inv);
    T least = static_cast<T>(*std::min_element(w.xp.begin(), w.xp.end()));
    i64 count = detail::choose(w.x.data(), w.cols, least, inv, o.negatives, w.order);
    double mass = detail::log_mass(w.x.data(), w.cols, count, o.beta, g, w.exps.data());
    detail::Debiased n = detail::debias(mass, log_positive, count, o.tau_plus, o.temperature);
    detail::RowLoss loss = detail::row_loss(o.denominator, n.log_mass, w.xp, w.slope);

    T by_mass = static_cast<T>(loss.by_mass * n.by_mass) * inv;
    backend::simd::run([&] {
      for (i64 j = 0; j < w.cols; ++j) g[j] *= by_mass;
    });
    for (std::size_t p = 0; p < w.xp.size(); ++p) {
      double through_mass = loss.by_mass * n.by_positive * std::exp(w.xp[p] - top) / sum;
      g[w.positive[p]] = static_cast<T>(w.slope[p] + through_mass) * inv;
    }
    return {loss.value, 1};
  };
  return detail::mean_over_rows("contrast", scores, relation, row);
}

}  // namespace nacre::losses
