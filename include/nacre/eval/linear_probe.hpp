// Linear probe: how well a linear classifier reads the class off frozen features.
//
//   x^ = (x - mean_c) / sqrt(var_c + 1e-5)   per channel c over training rows and cells: batch norm without affine
//   p = softmax(W x^ + b),  W [K, D], from zero;  loss = mean -log p_y + weight_decay / 2 |W|^2
//   SGD, Nesterov momentum, cosine from lr to 0 over all steps; batches in the order keyed by the epoch
//
// Features are [N, D] with D = cells * channels, channels last, in float or bf16 (half the memory; they are made float
// a batch at a time). No tape: one product forward, one back. Misra & van der Maaten, 2020; Goyal et al., "Scaling and
// benchmarking self-supervised visual representation learning", 2019 (the batch norm).
// Tested in tests/eval/linear_probe.cpp.
#pragma once

#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/random.hpp>
#include <nacre/eval/knn.hpp>

namespace nacre::eval {

struct LinearOptions {
  i64 epochs = 20;
  i64 batch = 256;
  double lr = 0;  // at the start; 0: 24 / D, at most 0.1, since the curvature of the loss grows with D
  double momentum = 0.9;
  double weight_decay = 5e-4;  // not on b
  Key key{};
};

struct LinearResult {
  double top1 = 0;          // percent of the test rows, after the last epoch
  double train_top1 = 0;    // percent of the training rows, over the last epoch
  Tensor<i64> predictions;  // [Q]
};

namespace detail {

struct Standardize {
  std::vector<float> mean, scale;  // [channels]
};

// out[r] = standardised row index[r] of x; T is float, double or bf16.
template <class T>
void standardize_rows(const Tensor<T>& x, const Standardize& s, const i64* index, i64 rows, float* out) {
  i64 d = x.size() / x.dim(0), channels = static_cast<i64>(s.mean.size());
  parallel_for(rows, (1 << 15) / (d + 1) + 1, [&](i64 begin, i64 end) {
    backend::simd::run([&] {
      for (i64 r = begin; r < end; ++r)
        for (i64 cell = 0; cell < d; cell += channels) {
          const T* from = x.data() + index[r] * d + cell;
          float* to = out + r * d + cell;
          for (i64 c = 0; c < channels; ++c)
            to[c] = (static_cast<float>(from[c]) - s.mean.data()[c]) * s.scale.data()[c];
        }
    });
  });
}

template <class T>
Standardize statistics(const Tensor<T>& x, i64 channels) {
  i64 rows = x.size() / channels;
  std::vector<double> sum(static_cast<std::size_t>(channels)), squares(sum);
  // In chunks of rows, added in order; relative to the first row, so that a large mean cancels little.
  constexpr i64 chunk = 1 << 14;
  i64 chunks = (rows + chunk - 1) / chunk;
  std::vector<double> part(static_cast<std::size_t>(2 * channels * chunks));
  parallel_for(rows, chunk, [&](i64 begin, i64 end) {
    double* p = part.data() + begin / chunk * 2 * channels;
    for (i64 r = begin; r < end; ++r)
      for (i64 c = 0; c < channels; ++c) {
        double v = static_cast<double>(static_cast<acc_t<T>>(x[r * channels + c])) -
                   static_cast<double>(static_cast<acc_t<T>>(x[c]));
        p[c] += v;
        p[channels + c] += v * v;
      }
  });
  Standardize s;
  for (i64 c = 0; c < channels; ++c) {
    double first = 0, second = 0;
    for (i64 k = 0; k < chunks; ++k) {
      first += part[static_cast<std::size_t>(2 * channels * k + c)];
      second += part[static_cast<std::size_t>(2 * channels * k + channels + c)];
    }
    first /= static_cast<double>(rows);
    double variance = std::fmax(second / static_cast<double>(rows) - first * first, 0.0);
    check<NonFiniteError>(std::isfinite(first + variance), "linear_probe",
                          [&] { return "channel " + std::to_string(c) + " of the training features is not finite"; });
    s.mean.push_back(static_cast<float>(first + static_cast<double>(static_cast<acc_t<T>>(x[c]))));
    s.scale.push_back(static_cast<float>(1 / std::sqrt(variance + 1e-5)));
  }
  return s;
}

// The classifier and its optimizer; features as rows of floats.
struct LinearModel {
  i64 classes, d;
  Tensor<float> weight, velocity, gradient;  // [K, D]
  std::vector<double> bias, bias_velocity;   // [K]
  Tensor<float> scores;                      // [batch, K]

  NACRE_INLINE LinearModel(i64 classes, i64 d, i64 batch);
  // scores of n rows
  NACRE_INLINE void forward(const float* x, i64 n);
  // one update; returns how many rows were right before it
  NACRE_INLINE i64 step(const float* x, const i64* y, i64 n, double lr, const LinearOptions& options);
  NACRE_INLINE i64 prediction(i64 row) const;
};

}  // namespace detail

// train [N, D], test [Q, D]; D a multiple of channels (0: every number is a channel of its own).
template <class T>
LinearResult linear_probe(const Tensor<T>& train, const Tensor<i64>& train_labels, const Tensor<T>& test,
                          const Tensor<i64>& test_labels, i64 channels = 0, const LinearOptions& options = {}) {
  check<DataError>(train.rank() > 1 && test.rank() > 1 && train.dim(0) > 0 && test.dim(0) > 0, "linear_probe", [&] {
    return "needs training and test rows, got " + train.shape().str() + " and " + test.shape().str();
  });
  i64 n = train.dim(0), count = test.dim(0), d = train.size() / n;
  if (channels == 0) channels = d;
  check(d > 0 && test.size() / count == d && channels > 0 && d % channels == 0, "linear_probe", [&] {
    return "train is " + train.shape().str() + ", test is " + test.shape().str() + ", channels " +
           std::to_string(channels) + "; need rows of one size, a multiple of the channels";
  });
  check(options.epochs >= 1 && options.batch >= 1 && options.lr >= 0, "linear_probe",
        [] { return std::string("epochs and batch must be positive, lr not negative"); });
  i64 classes = class_count(train_labels, n, "linear_probe");
  class_count(test_labels, count, "linear_probe");

  detail::Standardize s = detail::statistics(train, channels);
  i64 batch = std::min(options.batch, n), steps = options.epochs * ((n + batch - 1) / batch), step = 0, right = 0;
  double base = options.lr > 0 ? options.lr : std::min(0.1, 24 / static_cast<double>(d));
  detail::LinearModel model(classes, d, batch);
  Tensor<float> x({batch, d});
  std::vector<i64> rows(static_cast<std::size_t>(batch)), y(rows);
  for (i64 epoch = 0; epoch < options.epochs; ++epoch) {
    Key order = options.key.fold("probe").fold(static_cast<u64>(epoch));
    right = 0;
    for (i64 first = 0; first < n; first += batch, ++step) {
      i64 size = std::min(batch, n - first);
      for (i64 r = 0; r < size; ++r) {
        i64 row = static_cast<i64>(permute(order, static_cast<u64>(first + r), static_cast<u64>(n)));
        rows[static_cast<std::size_t>(r)] = row;
        y[static_cast<std::size_t>(r)] = train_labels[row];
      }
      detail::standardize_rows(train, s, rows.data(), size, x.data());
      double lr =
          base * .5 * (1 + std::cos(3.14159265358979323846 * static_cast<double>(step) / static_cast<double>(steps)));
      right += model.step(x.data(), y.data(), size, lr, options);
    }
  }
  LinearResult result{0, 100.0 * static_cast<double>(right) / static_cast<double>(n), Tensor<i64>({count})};
  right = 0;
  for (i64 first = 0; first < count; first += batch) {
    i64 size = std::min(batch, count - first);
    for (i64 r = 0; r < size; ++r) rows[static_cast<std::size_t>(r)] = first + r;
    detail::standardize_rows(test, s, rows.data(), size, x.data());
    model.forward(x.data(), size);
    for (i64 r = 0; r < size; ++r) {
      result.predictions[first + r] = model.prediction(r);
      right += result.predictions[first + r] == test_labels[first + r];
    }
  }
  result.top1 = 100.0 * static_cast<double>(right) / static_cast<double>(count);
  return result;
}

NACRE_INSTANCE(LinearResult linear_probe(const Tensor<float>&, const Tensor<i64>&, const Tensor<float>&,
                                         const Tensor<i64>&, i64, const LinearOptions&))
NACRE_INSTANCE(LinearResult linear_probe(const Tensor<bf16>&, const Tensor<i64>&, const Tensor<bf16>&,
                                         const Tensor<i64>&, i64, const LinearOptions&))

}  // namespace nacre::eval

#if NACRE_DEFINITIONS
#include <nacre/eval/linear_probe_impl.hpp>
#endif
