// How far does shuffling a picture move its embedding? Distances of unit rows, 0 .. 2.
//
//   own_i    = |a_i - b_i|      picture i against its own transformed version
//   other_i  = |a_i - b_{i+1}|  against the next picture's: how far apart pictures are at all
//
// own alone flatters a collapsed encoder; own / other does not: 0 invariant, 1 the picture is lost. a and b are from
//   heads (PIRL)         a = f(v_I), b = g(v_I^t), the paper's figure 4, by Pirl's operator() on a copy in Mode::train
//   patch_rows           a method's own head over patches in their places (a) and over the same patches shuffled (b):
//                        where Jigsaw and PIRL ask for opposite things
//   trunk_rows           for every method: a = unit features, b = unit mean of the patches' unit features
//   with_linear_head     the same after one linear map, fitted by ridge regression: PIRL's heads are linear, Jigsaw has
//                        none that gives a picture a row, so every method is given one. Half fits, half is measured
// Patches and pictures lie apart in any trunk, so trunk_rows says little; compare trunks by with_linear_head.
// Misra & van der Maaten, 2020, section 4.4. Throws nacre::Error. Tested in tests/eval/invariance.cpp.
#pragma once

#include <nacre/data/batch.hpp>
#include <nacre/eval/metrics.hpp>
#include <nacre/ops/cast.hpp>

#include <algorithm>

namespace nacre::eval {

struct Histogram {
  std::vector<i64> count;  // bin i holds [i, i + 1) width; the last bin its upper end too
  double width = 0;
};

struct Invariance {
  double mean = 0, deviation = 0;  // of own; divisor N
  double other = 0;                // mean
  Histogram own_histogram, other_histogram;
  double ratio() const { return other > 0 ? mean / other : 0; }
};

template <class T>
struct RowPairs {
  Tensor<T> a, b;  // unit rows [N, d] each
};

// a, b [N, d] of any length, N >= 2; bins over [0, 2]. A row of zeros is at distance 1 from any other.
template <class T>
Invariance invariance(const Tensor<T>& a, const Tensor<T>& b, i64 bins = 40) {
  check(a.rank() == 2 && a.shape() == b.shape() && a.dim(0) >= 2 && bins >= 1, "invariance", [&] {
    return "rows are " + a.shape().str() + " and " + b.shape().str() + ", bins " + std::to_string(bins) +
           "; need equal shapes [N, d] with N at least 2, and bins at least 1";
  });
  Tensor<T> u = unit_rows(a), v = unit_rows(b);
  i64 n = u.dim(0), d = u.dim(1);
  Invariance result;
  double squares = 0;
  result.own_histogram = result.other_histogram = {std::vector<i64>(static_cast<std::size_t>(bins)),
                                                   2 / static_cast<double>(bins)};
  auto distance = [&](i64 i, i64 j, Histogram& h) {
    double sum = 0;
    for (i64 c = 0; c < d; ++c) {
      double x = static_cast<double>(u[i * d + c]) - static_cast<double>(v[j * d + c]);
      sum += x * x;
    }
    double far = std::sqrt(sum);
    ++h.count[static_cast<std::size_t>(std::min(static_cast<i64>(far / h.width), bins - 1))];
    return far;
  };
  for (i64 i = 0; i < n; ++i) {
    double own = distance(i, i, result.own_histogram);
    result.mean += own / static_cast<double>(n);
    squares += own * own / static_cast<double>(n);
    result.other += distance(i, (i + 1) % n, result.other_histogram) / static_cast<double>(n);
  }
  result.deviation = std::sqrt(std::fmax(0, squares - result.mean * result.mean));
  return result;
}

// features [N * pieces, d] -> [N, d]: the unit mean of each picture's unit rows.
template <class T>
Tensor<T> mean_of_pieces(const Tensor<T>& features, i64 pieces) {
  check(features.rank() == 2 && pieces >= 1 && features.dim(0) % pieces == 0, "mean_of_pieces", [&] {
    return "features are " + features.shape().str() + "; need [N * " + std::to_string(pieces) + ", d]";
  });
  Tensor<T> u = unit_rows(features);
  i64 n = u.dim(0) / pieces, d = u.dim(1);
  Tensor<T> mean = Tensor<T>::zeros({n, d});
  for (i64 r = 0; r < u.dim(0); ++r)
    for (i64 c = 0; c < d; ++c) mean[r / pieces * d + c] += u[r * d + c];
  return unit_rows(mean);
}

// What the trunk says of batch.image [B, S, S, C] and of batch.patches [B, pieces, P, P, C] (pretext/jigsaw.hpp), each
// with its own batch statistics, as in training: one running statistic describes neither pictures nor patches. The
// encoder does not change.
template <class T = float, class Encoder>
RowPairs<T> trunk_rows(const Encoder& encoder, const Batch& batch) {
  const Shape& s = batch.patches.shape();
  check(s.rank() == 5 && batch.image.rank() == 4 && batch.image.dim(0) == s[0], "trunk_rows", [&] {
    return "image is " + batch.image.shape().str() + ", patches are " + s.str() +
           "; need [B, S, S, C] and [B, pieces, P, P, C]";
  });
  Encoder copy = encoder;
  auto features = [&](const Tensor<float>& x) {
    Tape tape(Mode::train, {}, Record::no);
    return copy(cast<T>(constant(tape, x))).value();
  };
  Tensor<T> whole = features(batch.image), pieces = features(batch.patches.reshape({s[0] * s[1], s[2], s[3], s[4]}));
  return {unit_rows(whole), mean_of_pieces(pieces, s[1])};
}

// batch.patches [B, pieces, P, P, C], patch p showing cell order[b, p] -> the patches cell by cell.
inline Tensor<float> patches_in_place(const Batch& batch) {
  const Shape& s = batch.patches.shape();
  check(s.rank() == 5 && batch.order.shape() == Shape{s[0], s[1]}, "patches_in_place", [&] {
    return "patches are " + s.str() + ", order is " + batch.order.shape().str() +
           "; need [B, pieces, P, P, C] and [B, pieces]";
  });
  Tensor<float> placed = Tensor<float>::zeros(s);
  const i64 width = s[2] * s[3] * s[4];
  for (i64 p = 0; p < s[0] * s[1]; ++p) {
    i64 cell = batch.order[p];
    check(cell >= 0 && cell < s[1], "patches_in_place", [&] { return "there is no cell " + std::to_string(cell); });
    std::copy_n(batch.patches.data() + p * width, width, placed.data() + (p / s[1] * s[1] + cell) * width);
  }
  return placed;
}

// head(patches [B, pieces, P, P, C]) -> rows [B, d].
template <class F>
RowPairs<float> patch_rows(const Batch& batch, F&& head) {
  return {unit_rows(head(patches_in_place(batch))), unit_rows(head(batch.patches))};
}

namespace detail {

// Both centred by the means of the first half.
NACRE_INLINE RowPairs<double> with_linear_head(const Tensor<double>& a, const Tensor<double>& b, double ridge);

}  // namespace detail

// rows [N, d], N >= 4 -> unit rows [N / 2, d], in double. ridge is relative to the mean variance of a column of b.
template <class T>
RowPairs<double> with_linear_head(const RowPairs<T>& rows, double ridge = 0.03) {
  check(rows.a.rank() == 2 && rows.a.shape() == rows.b.shape() && rows.a.dim(0) >= 4 && ridge > 0, "with_linear_head",
        [&] {
          return "rows are " + rows.a.shape().str() + " and " + rows.b.shape().str() + ", ridge " +
                 std::to_string(ridge) + "; need equal shapes [N, d] with N at least 4, and a positive ridge";
        });
  return detail::with_linear_head(detail::as_double(rows.a), detail::as_double(rows.b), ridge);
}

}  // namespace nacre::eval

#if NACRE_DEFINITIONS
#include <nacre/eval/invariance_impl.hpp>
#endif
