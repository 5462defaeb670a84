// Losses that are a mean over rows of scores: what losses/contrast.hpp and losses/margin.hpp have in common.
//
//   scores [B, M], relation [B, M], row(..) -> scalar = sum of the rows' values / sum of their counts
//
// row(work, scores, relation, g) gets one row that has a positive, its g zeroed; it writes dvalue/dscores to g and
// returns {value, count}. Rows run in parallel over a grid of the shape and are summed in order.
// Backward keeps the derivative by the scores, [B, M]. Tested in tests/losses/contrast.cpp.
#pragma once

#include <nacre/autograd/var.hpp>
#include <nacre/backend/cpu/map.hpp>
#include <nacre/losses/contrast_row.hpp>
#include <nacre/losses/relations.hpp>

namespace nacre::losses::detail {

// What the rows of one task work in.
template <class T>
struct RowWork {
  i64 cols;
  Tensor<T> x, exps;
  std::vector<i64> positive, order;  // columns
  std::vector<double> xp, slope;     // of the positives
  explicit RowWork(i64 n) : cols(n), x({n}), exps({n}) {}

  // x = the negatives' scores times `scale`, -inf in the other columns
  void take_negatives(const T* scores, const Relation* relation, T scale) {
    T* to = x.data();
    backend::simd::run([&] {
      for (i64 j = 0; j < cols; ++j) to[j] = relation[j] == Relation::negative ? scores[j] * scale : left_out<T>;
    });
  }
};

struct RowValue {
  double value = 0;
  i64 count = 0;
};

template <class T, class F>
Var<T> mean_over_rows(const char* op, const Var<T>& scores, const Relations& relation, const F& row) {
  check(scores.shape().rank() == 2 && scores.shape() == relation.shape(), op, [&] {
    return "scores are " + scores.shape().str() + ", relation is " + relation.shape().str() + "; need both [B, M]";
  });
  i64 rows = scores.dim(0), cols = scores.dim(1);
  bool wanted = scores.needs_grad();
  Tensor<T> slope({wanted ? rows : 0, cols});
  std::vector<RowValue> values(static_cast<std::size_t>(rows));
  parallel_for(rows, backend::detail::row_grain(cols), [&](i64 begin, i64 end) {
    RowWork<T> work(cols);
    Tensor<T> unused({wanted ? 0 : cols});
    for (i64 i = begin; i < end; ++i) {
      const Relation* related = relation.data() + i * cols;
      T* g = wanted ? slope.data() + i * cols : unused.data();
      std::fill(g, g + cols, T(0));
      work.positive.clear();
      for (i64 j = 0; j < cols; ++j)
        if (related[j] == Relation::positive) work.positive.push_back(j);
      if (!work.positive.empty())
        values[static_cast<std::size_t>(i)] = row(work, scores.value().data() + i * cols, related, g);
    }
  });
  RowValue all;
  for (const RowValue& v : values) {
    all.value += v.value;
    all.count += v.count;
  }
  check(all.count > 0, op, [&] { return "no row of the relation " + relation.shape().str() + " has a positive"; });

  double share = 1 / static_cast<double>(all.count);
  return make_op(
      op, Tensor<T>::scalar(static_cast<T>(all.value * share)),
      [=, node = scores.node()](const Tensor<T>& gy) {
        auto g = gradient_of(node);
        if (!g) return;
        T scale = gy.item() * static_cast<T>(share);
        backend::map(Cpu{}, [scale](T v) { return scale * v; }, g.data(), 1, rows * cols, g.into,
                     backend::Dense<T>{slope.data(), rows * cols});
      },
      scores);
}

}  // namespace nacre::losses::detail
