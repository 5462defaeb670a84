// Contrastive losses over a matrix of scores, in which negatives are chosen and weighed as the options say.
//
//   scores [B, M] cosines, relation [B, M] (losses/relations.hpp) -> scalar: the mean over rows with a positive of
//   L_i = mean over the row's positives p of  log D_ip - x_ip,   x = scores / temperature
//
//   Denominator::all    D_ip = N_i + sum over p' of e^{x_ip'}    supervised contrastive (Khosla et al., 2020)
//   Denominator::own    D_ip = N_i + e^{x_ip}                    VINCE (Gordon et al., 2020)
//   Denominator::none   D_ip = N_i                               decoupled (Yeh et al., 2022)
//
// N_i, the mass of the row's negatives, is sum_k e^{x_ik} unless an option changes it: contrast_row.hpp has the formulas.
// With one positive a row, `all` and `own` are NT-Xent on view_relations, MoCo's loss on queue_relations and CPC's on
// pair_relations. losses/nt_xent.hpp and info_nce.hpp compute the first two without the scores.
// Backward keeps the derivative by the scores, [B, M]. Throws nacre::Error. Tested in tests/losses/contrast.cpp.
#pragma once

#include <nacre/autograd/var.hpp>
#include <nacre/backend/cpu/map.hpp>
#include <nacre/losses/contrast_row.hpp>
#include <nacre/losses/relations.hpp>

namespace nacre::losses {

// The default is the plain loss. Choices are made in this order; they and the weights combine freely.
struct ContrastOptions {
  double temperature = 0.1;
  Denominator denominator = Denominator::all;

  double semi_hard = 0;  // only negatives less similar than every positive, by less than this cosine; 0: off
  double ring = 0;       // then without this share of the most similar: likely not negatives at all; below 1
  i64 hardest = 0;       // then only this many of the most similar; 0: all

  double beta = 0;       // weigh by e^{beta x}: hard negatives count more; Robinson et al. take 0.5 to 2
  double tau_plus = 0;   // share of negatives that are positives unknown, taken off; below 1, 0.1 for ten even classes

  bool plain() const { return semi_hard == 0 && ring == 0 && hardest == 0 && beta == 0 && tau_plus == 0; }
};

namespace detail {

inline void check_options(const ContrastOptions& o) {
  check(o.temperature > 0, "contrast",
        [&] { return "temperature " + std::to_string(o.temperature) + " is not above 0"; });
  check(o.semi_hard >= 0 && o.hardest >= 0 && o.beta >= 0 && o.ring >= 0 && o.ring < 1 && o.tau_plus >= 0 &&
            o.tau_plus < 1,
        "contrast", [&] {
          return "semi_hard " + std::to_string(o.semi_hard) + ", ring " + std::to_string(o.ring) + ", hardest " +
                 std::to_string(o.hardest) + ", beta " + std::to_string(o.beta) + ", tau_plus " +
                 std::to_string(o.tau_plus) + "; none may be below 0, and ring and tau_plus must be below 1";
        });
}

template <class T>
void check_scores(const char* op, const Var<T>& scores, const Relations& relation) {
  check(scores.shape().rank() == 2 && scores.shape() == relation.shape(), op, [&] {
    return "scores are " + scores.shape().str() + ", relation is " + relation.shape().str() + "; need both [B, M]";
  });
}

// What rows of one task work in.
template <class T>
struct ContrastScratch {
  Tensor<T> x, exps;
  std::vector<i64> positive, order;  // columns
  std::vector<double> xp, slope;     // of the positives
  explicit ContrastScratch(i64 cols) : x({cols}), exps({cols}) {}
};

// One row's loss; g [cols] becomes its derivative by the scores. The row has a positive.
template <class T>
double contrast_row(const T* scores, const Relation* relation, i64 cols, const ContrastOptions& o,
                    ContrastScratch<T>& w, T* g) {
  T *x = w.x.data(), inv = static_cast<T>(1 / o.temperature);
  w.xp.clear();
  for (i64 p : w.positive) w.xp.push_back(static_cast<double>(scores[p] * inv));
  w.slope.resize(w.xp.size());
  backend::simd::run([&] {
    for (i64 j = 0; j < cols; ++j) x[j] = relation[j] == Relation::negative ? scores[j] * inv : left_out<T>;
  });
  if (o.semi_hard > 0)
    keep_semi_hard(x, cols, static_cast<T>(*std::min_element(w.xp.begin(), w.xp.end())),
                   static_cast<T>(o.semi_hard) * inv);
  if (o.ring > 0 || o.hardest > 0) keep_ranks(x, cols, o.ring, o.hardest, w.order);
  i64 count = cols - std::count(x, x + cols, left_out<T>);

  std::fill(g, g + cols, T(0));
  double mass = log_mass(x, cols, count, o.beta, g, w.exps.data());
  double share = 1 / static_cast<double>(w.xp.size()), top = *std::max_element(w.xp.begin(), w.xp.end()), sum = 0;
  for (double v : w.xp) sum += std::exp(v - top);
  Debiased n = debias(mass, top + std::log(sum * share), count, o.tau_plus, o.temperature);
  RowLoss loss = row_loss(o.denominator, n.log_mass, w.xp, w.slope);

  T by_mass = static_cast<T>(loss.by_mass * n.by_mass) * inv;
  backend::simd::run([&] {
    for (i64 j = 0; j < cols; ++j) g[j] *= by_mass;
  });
  for (std::size_t p = 0; p < w.xp.size(); ++p) {
    double through_mass = loss.by_mass * n.by_positive * std::exp(w.xp[p] - top) / sum;
    g[w.positive[p]] = static_cast<T>(w.slope[p] + through_mass) * inv;
  }
  return loss.value;
}

}  // namespace detail

// A row without negatives costs nothing where it has one positive. At least one row must have a positive.
template <class T>
Var<T> contrast(const Var<T>& scores, const Relations& relation, const ContrastOptions& o) {
  detail::check_scores("contrast", scores, relation);
  detail::check_options(o);
  i64 rows = scores.dim(0), cols = scores.dim(1);
  Tensor<T> slope({scores.needs_grad() ? rows : 0, cols});
  Tensor<double> term({rows});
  Tensor<i64> counts({rows});
  parallel_for(rows, backend::detail::row_grain(cols), [&](i64 begin, i64 end) {
    detail::ContrastScratch<T> scratch(cols);
    Tensor<T> unused({slope.empty() ? cols : 0});
    for (i64 i = begin; i < end; ++i) {
      const Relation* relation_row = relation.data() + i * cols;
      T* g = slope.empty() ? unused.data() : slope.data() + i * cols;
      scratch.positive.clear();
      for (i64 j = 0; j < cols; ++j)
        if (relation_row[j] == Relation::positive) scratch.positive.push_back(j);
      counts[i] = !scratch.positive.empty();
      if (counts[i]) term[i] = detail::contrast_row(scores.value().data() + i * cols, relation_row, cols, o, scratch, g);
      else std::fill(g, g + cols, T(0));
    }
  });
  i64 count = 0;
  double sum = 0;
  for (i64 i = 0; i < rows; ++i)
    if (counts[i]) ++count, sum += term[i];
  check(count > 0, "contrast", [&] { return "no row of the relation " + relation.shape().str() + " has a positive"; });

  double share = 1 / static_cast<double>(count);
  return make_op(
      "contrast", Tensor<T>::scalar(static_cast<T>(sum * share)),
      [=, node = scores.node()](const Tensor<T>& gy) {
        auto g = gradient_of(node);
        if (!g) return;
        T scale = gy.item() * static_cast<T>(share);
        backend::map(Cpu{}, [scale](T v) { return scale * v; }, g.data(), 1, rows * cols, g.into,
                     backend::Dense<T>{slope.data(), rows * cols});
      },
      scores);
}

}  // namespace nacre::losses
