// Statistics for normalisation over a [rows, cols] matrix, per column: the kernels of batch norm.
//
//   moments_cols   mean[c], var[c] (biased)                      one pass over memory
//   dot_cols       s1[c] = sum gy, s2[c] = sum gy (x - mean[c])  one pass
//
// Rows are cut into chunks by the shape alone. Within a chunk, which stays in cache, the mean comes first and
// the squared deviations second; chunks are merged in order by Chan's formula, so nothing cancels.
// Tested in tests/backend/cpu/norm.cpp.
#pragma once

#include <nacre/backend/cpu/map.hpp>
#include <nacre/core/pool.hpp>

#include <algorithm>

namespace nacre::backend {

namespace detail {

struct Chunks {
  i64 size, count;
  static Chunks of(i64 rows, i64 cols) {
    i64 size = std::max<i64>({1, (1 << 13) / (cols + 1), (rows + 255) / 256});
    return {size, std::max<i64>(1, (rows + size - 1) / size)};
  }
};

// acc[c] += f(row, c) for the columns of one row, 16 at a time.
template <class T, class F>
[[gnu::always_inline]] inline void add_row(T* acc, i64 cols, const F& f) {
  i64 c = 0;
  for (; c + 16 <= cols; c += 16)
#pragma GCC ivdep
    for (int j = 0; j < 16; ++j) acc[c + j] += f(c + j);
  for (; c < cols; ++c) acc[c] += f(c);
}

}  // namespace detail

template <class T>
void moments_cols(Cpu, const T* x, i64 rows, i64 cols, T* mean, T* var) {
  auto chunks = detail::Chunks::of(rows, cols);
  Buffer buffer(static_cast<std::size_t>(2 * chunks.count * cols) * sizeof(T));
  T* part = static_cast<T*>(buffer.data());
  if (rows == 0) std::fill_n(part, 2 * cols, T(0));
  parallel_for(rows, chunks.size, [&](i64 begin, i64 end) {
    T* m = part + begin / chunks.size * 2 * cols;
    T* s = m + cols;
    simd::blocks([&] {
      for (i64 c = 0; c < 2 * cols; ++c) m[c] = 0;
      for (i64 r = begin; r < end; ++r) detail::add_row(m, cols, [&](i64 c) { return x[r * cols + c]; });
      for (i64 c = 0; c < cols; ++c) m[c] /= static_cast<T>(end - begin);
      for (i64 r = begin; r < end; ++r)
        detail::add_row(s, cols, [&](i64 c) { return (x[r * cols + c] - m[c]) * (x[r * cols + c] - m[c]); });
    });
  });
  for (i64 c = 0; c < cols; ++c) {
    T m = part[c], s = part[cols + c];
    for (i64 k = 1; k < chunks.count; ++k) {
      T na = static_cast<T>(k * chunks.size), nb = static_cast<T>(std::min(chunks.size, rows - k * chunks.size));
      T d = part[2 * k * cols + c] - m, n = na + nb;
      m += d * (nb / n);
      s += part[(2 * k + 1) * cols + c] + d * d * (na * nb / n);
    }
    mean[c] = m;
    var[c] = s / static_cast<T>(rows);
  }
}

template <class T>
void dot_cols(Cpu, const T* gy, const T* x, const T* mean, i64 rows, i64 cols, T* s1, T* s2) {
  auto chunks = detail::Chunks::of(rows, cols);
  Buffer buffer(static_cast<std::size_t>(2 * chunks.count * cols) * sizeof(T));
  T* part = static_cast<T*>(buffer.data());
  if (rows == 0) std::fill_n(part, 2 * cols, T(0));
  parallel_for(rows, chunks.size, [&](i64 begin, i64 end) {
    T* a = part + begin / chunks.size * 2 * cols;
    T* b = a + cols;
    simd::blocks([&] {
      for (i64 c = 0; c < 2 * cols; ++c) a[c] = 0;
      for (i64 r = begin; r < end; ++r) {
        const T* g = gy + r * cols;
        detail::add_row(a, cols, [&](i64 c) { return g[c]; });
        detail::add_row(b, cols, [&](i64 c) { return g[c] * (x[r * cols + c] - mean[c]); });
      }
    });
  });
  for (i64 c = 0; c < cols; ++c) {
    s1[c] = part[c];
    s2[c] = part[cols + c];
    for (i64 k = 1; k < chunks.count; ++k) {
      s1[c] += part[2 * k * cols + c];
      s2[c] += part[(2 * k + 1) * cols + c];
    }
  }
}

}  // namespace nacre::backend
