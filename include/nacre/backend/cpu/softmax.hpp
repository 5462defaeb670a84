// Rows of exponentials: the kernels of softmax and of every contrastive loss, [128, 65537] included.
//
//   reduce_rows(LogSumExp, ..)   y[row] = m + log sum e^(x - m)       one pass for m, one for the sum
//   softmax_rows                 y[row, col] = e^(x - m) / sum        y may be x
//
// The maximum comes first, so that the second pass is a plain vectorised exp. Sums run in 16 lanes over blocks
// of 1024 columns, blocks are added in order in double: the order is set by the shape alone.
// A row without a finite maximum is taken relative to 0, so that -inf and inf give what they should.
// Tested in tests/ops/softmax.cpp.
#pragma once

#include <nacre/backend/cpu/reduce.hpp>
#include <nacre/math/reduce.hpp>

namespace nacre::backend {

namespace detail {

template <class T>
[[gnu::always_inline]] inline T row_max(const T* x, i64 n) {
  constexpr T low = -std::numeric_limits<T>::infinity();
  T lane[16], m = low;
  for (int j = 0; j < 16; ++j) lane[j] = low;
  i64 c = 0;
  for (; c + 16 <= n; c += 16)
    for (int j = 0; j < 16; ++j) lane[j] = x[c + j] > lane[j] ? x[c + j] : lane[j];
  for (; c < n; ++c) m = x[c] > m ? x[c] : m;
  for (int j = 0; j < 16; ++j) m = lane[j] > m ? lane[j] : m;
  return m == low || m == -low ? T(0) : m;
}

// sum of e^(x - m), and the terms to y if `keep`
template <bool keep, class T>
[[gnu::always_inline]] inline double row_exp_sum(const T* x, i64 n, T m, T* y) {
  double sum = 0;
  for (i64 begin = 0; begin < n; begin += 1024) {
    i64 end = std::min(n, begin + 1024), c = begin;
    T lane[16] = {};
    for (; c + 16 <= end; c += 16)
#pragma GCC ivdep
      for (int j = 0; j < 16; ++j) {
        T e = scalar::exp(x[c + j] - m);
        if constexpr (keep) y[c + j] = e;
        lane[j] += e;
      }
    for (int j = 0; c < end; ++c, ++j) {
      T e = scalar::exp(x[c] - m);
      if constexpr (keep) y[c] = e;
      lane[j] += e;
    }
    for (int width = 8; width > 0; width /= 2)
      for (int j = 0; j < width; ++j) lane[j] += lane[j + width];
    sum += static_cast<double>(lane[0]);
  }
  return sum;
}

inline i64 row_grain(i64 cols) { return (1 << 13) / (cols + 1) + 1; }

}  // namespace detail

// y: [rows]; takes the place of the general reduce_rows, whose step rescales at every element.
template <class T>
void reduce_rows(Cpu, math::LogSumExp, const Identity&, T* y, i64 rows, i64 cols, Into into, const Dense<T>& x) {
  parallel_for(rows, detail::row_grain(cols), [&](i64 begin, i64 end) {
    simd::run([&] {
      for (i64 r = begin; r < end; ++r) {
        T m = detail::row_max(x.p + r * x.cols, cols);
        double s = detail::row_exp_sum<false>(x.p + r * x.cols, cols, m, static_cast<T*>(nullptr));
        T lse = static_cast<T>(static_cast<double>(m) + std::log(s));
        y[r] = into == Into::assign ? lse : y[r] + lse;
      }
    });
  });
}

template <class T>
void softmax_rows(Cpu, const T* x, T* y, i64 rows, i64 cols) {
  parallel_for(rows, detail::row_grain(cols), [&](i64 begin, i64 end) {
    simd::run([&] {
      for (i64 r = begin; r < end; ++r) {
        T* out = y + r * cols;
        T m = detail::row_max(x + r * cols, cols);
        T inverse = static_cast<T>(1 / detail::row_exp_sum<true>(x + r * cols, cols, m, out));
        for (i64 c = 0; c < cols; ++c) out[c] *= inverse;
      }
    });
  });
}

}  // namespace nacre::backend
