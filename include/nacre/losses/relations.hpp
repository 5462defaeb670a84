// Who is related to whom: for each row of a matrix of scores, which columns are positives, negatives, or neither.
//
//   view_relations(2N)              [2N, 2N]    rows N apart are views of one picture; a row and itself: ignored
//   label_relations(y)              [B, B]      equal labels are related (supervised contrastive); itself ignored
//   label_relations(rows, cols)     [B, M]      the same between two sets
//   pair_relations(B)               [B, B]      row i and column i, nothing else: predictions and what came (CPC)
//   frame_relations(clip, time, r)  [B, B]      near in time: positive; nearly near: ignored; the rest: negative
//   frame_relations(.., r)          [B, M]      the same between two sets
//   queue_relations(B, K)           [B, 1 + K]  the key, then the queue
//   bank_relations(own, index)      [B, K]      rows of a bank, all negative; the sample's own row: ignored
//   beside(a, b)                    [B, M + K]  the columns of a, then those of b
//   random_negatives(r, k, key)     [B, M]      k negatives a row, drawn without replacement; the others ignored
//
// Throws nacre::Error. Tested in tests/losses/relations.cpp.
#pragma once

#include <nacre/core/random.hpp>
#include <nacre/core/tensor.hpp>

#include <algorithm>
#include <vector>

namespace nacre::losses {

enum class Relation : u8 { negative, positive, ignored };

using Relations = Tensor<Relation>;

namespace detail {

// f(i, j) for each row i and column j
template <class F>
Relations relations(i64 rows, i64 cols, const F& f) {
  Relations r({rows, cols});
  for (i64 i = 0; i < rows; ++i)
    for (i64 j = 0; j < cols; ++j) r[i * cols + j] = f(i, j);
  return r;
}

inline Relation related_if(bool yes) { return yes ? Relation::positive : Relation::negative; }

}  // namespace detail

// Row v N + i is view v of sample i.
inline Relations view_relations(i64 rows, i64 views = 2) {
  check(views >= 2 && rows >= views && rows % views == 0, "view_relations", [&] {
    return std::to_string(rows) + " rows, " + std::to_string(views) + " views; need at least 2 views, all of one size";
  });
  i64 n = rows / views;
  return detail::relations(rows, rows, [n](i64 i, i64 j) {
    return i == j ? Relation::ignored : detail::related_if(i % n == j % n);
  });
}

// rows [B], cols [M]
inline Relations label_relations(const Tensor<i64>& rows, const Tensor<i64>& cols) {
  return detail::relations(rows.size(), cols.size(),
                           [&](i64 i, i64 j) { return detail::related_if(rows[i] == cols[j]); });
}
inline Relations label_relations(const Tensor<i64>& labels) {
  Relations r = label_relations(labels, labels);
  for (i64 i = 0; i < labels.size(); ++i) r[i * labels.size() + i] = Relation::ignored;
  return r;
}

inline Relations pair_relations(i64 rows) {
  return detail::relations(rows, rows, [](i64 i, i64 j) { return detail::related_if(i == j); });
}

struct FrameRadii {
  i64 positive = 1;  // frames of one clip at most this far apart are related: by default neighbours
  i64 negative = 2;  // from here on they are not; what lies between is neither
};

// clip [B], time [B] in frames; clip2 [M], time2 [M]. Frames of other clips are negatives at any time.
inline Relations frame_relations(const Tensor<i64>& clip, const Tensor<i64>& time, const Tensor<i64>& clip2,
                                 const Tensor<i64>& time2, FrameRadii radii) {
  check(clip.size() == time.size() && clip2.size() == time2.size() && 0 <= radii.positive &&
            radii.positive < radii.negative,
        "frame_relations", [&] {
          return "clip " + clip.shape().str() + ", time " + time.shape().str() + ", clip2 " + clip2.shape().str() +
                 ", time2 " + time2.shape().str() + ", radii " + std::to_string(radii.positive) + " and " +
                 std::to_string(radii.negative) + "; need a time for each clip, and 0 <= positive < negative";
        });
  return detail::relations(clip.size(), clip2.size(), [&](i64 i, i64 j) {
    i64 apart = time[i] > time2[j] ? time[i] - time2[j] : time2[j] - time[i];
    if (clip[i] != clip2[j] || apart >= radii.negative) return Relation::negative;
    return apart <= radii.positive ? Relation::positive : Relation::ignored;
  });
}
inline Relations frame_relations(const Tensor<i64>& clip, const Tensor<i64>& time, FrameRadii radii) {
  Relations r = frame_relations(clip, time, clip, time, radii);
  for (i64 i = 0; i < clip.size(); ++i) r[i * clip.size() + i] = Relation::ignored;
  return r;
}

inline Relations queue_relations(i64 rows, i64 queue) {
  return detail::relations(rows, 1 + queue, [](i64, i64 j) { return detail::related_if(j == 0); });
}

// own [B]: the samples' rows in the bank; index [K]: the rows that are drawn
inline Relations bank_relations(const Tensor<i64>& own, const Tensor<i64>& index) {
  return detail::relations(own.size(), index.size(), [&](i64 i, i64 j) {
    return index[j] == own[i] ? Relation::ignored : Relation::negative;
  });
}

inline Relations beside(const Relations& a, const Relations& b) {
  check(a.rank() == 2 && b.rank() == 2 && a.dim(0) == b.dim(0), "beside",
        [&] { return a.shape().str() + " and " + b.shape().str() + "; need two matrices of as many rows"; });
  i64 m = a.dim(1), k = b.dim(1);
  return detail::relations(a.dim(0), m + k, [&](i64 i, i64 j) { return j < m ? a[i * m + j] : b[i * k + j - m]; });
}

// All of a row's negatives if it has no more than k.
inline Relations random_negatives(const Relations& relation, i64 k, Key key) {
  check(relation.rank() == 2 && k >= 1, "random_negatives",
        [&] { return relation.shape().str() + ", " + std::to_string(k) + " a row; need a matrix, and at least 1"; });
  Relations r = relation.clone();
  i64 cols = r.dim(1);
  std::vector<i64> where;
  for (i64 i = 0; i < r.dim(0); ++i) {
    where.clear();
    for (i64 j = i * cols; j < (i + 1) * cols; ++j)
      if (r[j] == Relation::negative) where.push_back(j);
    Random random(key.fold(static_cast<u64>(i)));
    shuffle(where.data(), static_cast<u32>(where.size()), random);
    for (std::size_t n = static_cast<std::size_t>(k); n < where.size(); ++n) r[where[n]] = Relation::ignored;
  }
  return r;
}

}  // namespace nacre::losses
