// Nearest neighbours by cosine, and the weighted vote that says how good features are without training anything.
//
//   s_qi = <q / |q|, x_i / |x_i|>            queries [Q, d], bank [N, d]
//   vote_q(c) = sum over the k largest s_qi with label c of exp(s_qi / T);  the prediction is the largest vote
//
// Scores are made in tiles, so memory does not grow with Q N. Equal scores: the lower index is nearer; equal
// votes: the lower class wins; so the answer is a pure function of the features.
// Wu et al., "Unsupervised feature learning via non-parametric instance discrimination", 2018 (k 200).
// Tested in tests/eval/knn.cpp.
#pragma once

#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/eval/rows.hpp>

#include <algorithm>

namespace nacre::eval {

template <class T>
struct Neighbors {
  Tensor<i64> index;  // [Q, k], nearest first
  Tensor<T> score;    // [Q, k], cosine
};

namespace detail {

// The k best of a stream of (score, index) with ascending index: full buffers are cut to their best k.
template <class T>
class Best {
 public:
  struct Item {
    T score;
    i64 index;
    bool operator<(const Item& o) const { return score > o.score || (score == o.score && index < o.index); }
  };

  explicit Best(i64 k) : k_(static_cast<std::size_t>(k)) {}

  void push(T score, i64 index) {
    if (score <= floor_) return;
    items_.push_back({score, index});
    if (items_.size() >= 4 * k_) cut();
  }
  const std::vector<Item>& sorted() {
    if (items_.size() > k_) cut();
    std::sort(items_.begin(), items_.end());
    return items_;
  }

 private:
  void cut() {
    std::nth_element(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(k_) - 1, items_.end());
    items_.resize(k_);
    floor_ = items_.back().score;
  }

  std::size_t k_;
  std::vector<Item> items_;
  T floor_ = T(-2);  // below every cosine
};

}  // namespace detail

// The min(k, N) nearest rows of the bank for each query: queries [Q, ...], bank [N, ...], as many numbers a row.
template <class T>
Neighbors<T> nearest(const Tensor<T>& queries, const Tensor<T>& bank, i64 k) {
  Tensor<T> q = unit_rows(queries), x = unit_rows(bank);
  i64 n = x.dim(0), count = q.dim(0), d = x.dim(1);
  check(n > 0 && d > 0 && k > 0 && q.dim(1) == d, "nearest", [&] {
    return "queries are " + queries.shape().str() + ", bank is " + bank.shape().str() + ", k is " + std::to_string(k) +
           "; need k >= 1, a bank that is not empty, and rows of one size";
  });
  k = std::min(k, n);
  Neighbors<T> found{Tensor<i64>({count, k}), Tensor<T>({count, k})};
  constexpr i64 height = 512, width = 4096;  // of a tile of scores
  Tensor<T> scores({std::min(height, count), std::min(width, n)});
  for (i64 first = 0; first < count; first += height) {
    i64 rows = std::min(height, count - first);
    std::vector<detail::Best<T>> best(static_cast<std::size_t>(rows), detail::Best<T>(k));
    for (i64 column = 0; column < n; column += width) {
      i64 cols = std::min(width, n - column);
      backend::gemm(Cpu{}, false, true, rows, cols, d, q.data() + first * d, d, x.data() + column * d, d, scores.data(),
                    cols, Into::assign);
      parallel_for(rows, 8, [&](i64 begin, i64 end) {
        for (i64 r = begin; r < end; ++r) {
          const T* s = scores.data() + r * cols;
          detail::Best<T>& b = best[static_cast<std::size_t>(r)];
          for (i64 c = 0; c < cols; ++c) b.push(s[c], column + c);
        }
      });
    }
    parallel_for(rows, 8, [&](i64 begin, i64 end) {
      for (i64 r = begin; r < end; ++r) {
        i64 at = (first + r) * k;
        for (const auto& item : best[static_cast<std::size_t>(r)].sorted()) {
          found.index[at] = item.index;
          found.score[at++] = item.score;
        }
      }
    });
  }
  return found;
}

struct KnnOptions {
  i64 k = 200;
  double temperature = 0.1;
};

struct KnnResult {
  double top1 = 0;          // percent
  Tensor<i64> predictions;  // [Q]
  i64 k = 0;                // as used: at most the size of the bank
};

// Checks labels of n rows; the number of classes is the largest label + 1. Throws DataError.
NACRE_INLINE i64 class_count(const Tensor<i64>& labels, i64 n, std::string_view op);

// Weighted vote of the nearest training rows; any features, pixels too. Labels are 0, 1, 2, ...
template <class T>
KnnResult knn(const Tensor<T>& train, const Tensor<i64>& train_labels, const Tensor<T>& test,
              const Tensor<i64>& test_labels, KnnOptions options = {}) {
  check(options.temperature > 0, "knn", [] { return std::string("the temperature must be positive"); });
  check<DataError>(train.rank() > 0 && test.rank() > 0 && train.dim(0) > 0 && test.dim(0) > 0, "knn", [&] {
    return "needs training and test rows, got " + train.shape().str() + " and " + test.shape().str();
  });
  i64 count = test.dim(0), classes = class_count(train_labels, train.dim(0), "knn");
  class_count(test_labels, count, "knn");
  Neighbors<T> near = nearest(test, train, options.k);
  KnnResult result{0, Tensor<i64>({count}), near.index.dim(1)};
  i64 right = 0;
  std::vector<double> votes(static_cast<std::size_t>(classes));
  for (i64 q = 0; q < count; ++q) {
    std::fill(votes.begin(), votes.end(), 0.0);
    for (i64 j = q * result.k; j < (q + 1) * result.k; ++j)  // relative to the best score: cannot overflow
      votes[static_cast<std::size_t>(train_labels[near.index[j]])] +=
          std::exp(static_cast<double>(near.score[j] - near.score[q * result.k]) / options.temperature);
    result.predictions[q] = std::max_element(votes.begin(), votes.end()) - votes.begin();
    right += result.predictions[q] == test_labels[q];
  }
  result.top1 = 100.0 * static_cast<double>(right) / static_cast<double>(count);
  return result;
}

NACRE_INSTANCE(KnnResult knn(const Tensor<float>&, const Tensor<i64>&, const Tensor<float>&, const Tensor<i64>&,
                             KnnOptions))

}  // namespace nacre::eval

#if NACRE_DEFINITIONS
#include <nacre/eval/knn_impl.hpp>
#endif
