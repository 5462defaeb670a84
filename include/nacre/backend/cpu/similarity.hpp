// Inner products with rows picked out of a large matrix (a memory bank): bound by memory, so each row is read once.
//
//   gathered_dot        y[b, k] = sum over d of z[b, d] bank[index[b, k], d]
//   gathered_sum        gz[b]   = sum over k of gy[b, k] bank[index[b, k]], in the order of k
//
// Four rows at a time in 16 lanes each, lanes added in a fixed tree; the rows two steps ahead are prefetched.
// A sample's result does not depend on the batch around it. Tested in tests/ops/similarity.cpp.
#pragma once

#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/device.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/pool.hpp>

#include <algorithm>

namespace nacre::backend {

namespace detail {

template <class T>
[[gnu::always_inline]] inline void prefetch_rows(const T* bank, const i64* index, i64 from, i64 k, i64 dim) {
  for (i64 i = from; i < std::min(k, from + 4); ++i)
    for (i64 d = 0; d < dim; d += 64 / static_cast<i64>(sizeof(T))) __builtin_prefetch(bank + index[i] * dim + d);
}

// out[r] = a . row[r] for `rows` rows
template <int rows, class T>
[[gnu::always_inline]] inline void dot_rows(const T* a, const T* const* row, i64 dim, T* out) {
  typedef T Lanes __attribute__((vector_size(16 * sizeof(T)), aligned(alignof(T)), may_alias));
  Lanes acc[rows] = {};
  i64 d = 0;
  for (; d + 16 <= dim; d += 16) {
    Lanes va = *reinterpret_cast<const Lanes*>(a + d);
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) acc[r] += va * *reinterpret_cast<const Lanes*>(row[r] + d);
  }
  for (int r = 0; r < rows; ++r) {
    T lane[16];
    for (int j = 0; j < 16; ++j) lane[j] = acc[r][j];
    for (i64 e = d; e < dim; ++e) lane[e - d] += a[e] * row[r][e];
    for (int width = 8; width > 0; width /= 2)
      for (int j = 0; j < width; ++j) lane[j] += lane[j + width];
    out[r] = lane[0];
  }
}

}  // namespace detail

// z: [batch, dim], bank: [.., dim], index: [batch, k], y: [batch, k]
template <class T>
void gathered_dot(Cpu, const T* z, const T* bank, const i64* index, T* y, i64 batch, i64 k, i64 dim) {
  constexpr i64 piece = 512;  // pairs a task
  i64 pieces = (k + piece - 1) / piece;
  parallel_for(batch * pieces, 1, [&](i64 task, i64) {
    simd::run([&] {
      i64 b = task / pieces, begin = task % pieces * piece, end = std::min(k, begin + piece);
      const i64* at = index + b * k;
      const T* row[4];
      i64 i = begin;
      for (; i + 4 <= end; i += 4) {
        detail::prefetch_rows(bank, at, i + 8, end, dim);
        for (int r = 0; r < 4; ++r) row[r] = bank + at[i + r] * dim;
        detail::dot_rows<4>(z + b * dim, row, dim, y + b * k + i);
      }
      for (; i < end; ++i) {
        row[0] = bank + at[i] * dim;
        detail::dot_rows<1>(z + b * dim, row, dim, y + b * k + i);
      }
    });
  });
}

// gz: [batch, dim], gy: [batch, k]
template <class T>
void gathered_sum(Cpu, const T* gy, const T* bank, const i64* index, T* gz, i64 batch, i64 k, i64 dim, Into into) {
  parallel_for(batch, 1, [&](i64 begin, i64 end) {
    simd::run([&] {
      for (i64 b = begin; b < end; ++b) {
        const i64* at = index + b * k;
        T* sum = gz + b * dim;
        if (into == Into::assign)
          for (i64 d = 0; d < dim; ++d) sum[d] = 0;
        i64 i = 0;
        for (; i + 4 <= k; i += 4) {
          detail::prefetch_rows(bank, at, i + 8, k, dim);
          const T *g = gy + b * k + i, *r0 = bank + at[i] * dim, *r1 = bank + at[i + 1] * dim,
                  *r2 = bank + at[i + 2] * dim, *r3 = bank + at[i + 3] * dim;
#pragma GCC ivdep
          for (i64 d = 0; d < dim; ++d)
            sum[d] = (((sum[d] + g[0] * r0[d]) + g[1] * r1[d]) + g[2] * r2[d]) + g[3] * r3[d];
        }
        for (; i < k; ++i)
          for (i64 d = 0; d < dim; ++d) sum[d] += gy[b * k + i] * bank[at[i] * dim + d];
      }
    });
  });
}

}  // namespace nacre::backend
