// Inner products with rows picked out of a large matrix (a memory bank): bound by memory, so each row is read once.
//
//   gathered_dot        y[b, k] = sum over d of z[b, d] bank[index[b, k], d]
//   gathered_sum        gz[b]   = sum over k of gy[b, k] bank[index[b, k]], in the order of k
//   each_part           the indices of all samples a part of the bank at a time
//
// All walk over blocks of 16 rows. A product is summed in 16 lanes, which are added in a fixed tree. `take_block`,
// `dot_block` and `add_block` also serve losses that do both in one walk (losses/gathered_nce.hpp). Each of the last
// two asks memory for half of the next block, a line at a time: a burst of requests would stall the arithmetic.
// A sample's result does not depend on the batch around it.
// Tested in tests/ops/similarity.cpp and tests/losses/gathered_nce.cpp.
#pragma once

#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/device.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/pool.hpp>

#include <algorithm>
#include <cstring>

namespace nacre::backend {

namespace detail {

inline constexpr int row_block = 16;

template <class T, int n>
using Lanes = typename simd::Width<T, n * sizeof(T)>::V;
template <class T, int n>
using LanesInMemory = typename simd::Width<T, n * sizeof(T)>::Memory;

// row[0 .. 32): addresses of the rows index[begin ..), this block's and the next one's; those past the end repeat the
// last. Returns how many rows this block has.
template <class T>
[[gnu::always_inline]] inline i64 take_block(const T* bank, const i64* index, i64 begin, i64 k, i64 dim,
                                             const T** row) {
  for (i64 r = 0; r < 2 * row_block; ++r) row[r] = bank + index[std::min(begin + r, k - 1)] * dim;
  return std::min<i64>(row_block, k - begin);
}

// out[r] = sum of the 16 lanes of part[r] for four rows: lane j + lane j + 8, then + 4, + 2, + 1.
template <class T>
[[gnu::always_inline]] inline void sum_lanes(const T (*part)[16], T* out) {
  typedef Lanes<T, 4> Quad;
  typedef LanesInMemory<T, 4> QuadInMemory;
  Quad q[4];
  for (int r = 0; r < 4; ++r) {
    const QuadInMemory* p = reinterpret_cast<const QuadInMemory*>(part[r]);
    q[r] = (p[0] + p[2]) + (p[1] + p[3]);
  }
  Quad a = __builtin_shufflevector(q[0], q[1], 0, 1, 4, 5) + __builtin_shufflevector(q[0], q[1], 2, 3, 6, 7);
  Quad b = __builtin_shufflevector(q[2], q[3], 0, 1, 4, 5) + __builtin_shufflevector(q[2], q[3], 2, 3, 6, 7);
  *reinterpret_cast<QuadInMemory*>(out) =
      __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
}

// out[h][r] = z[h] . row[r] for each of the heads and 16 rows
template <int heads, class T>
[[gnu::always_inline]] inline void dot_block(const T* const* z, const T* const* row, i64 dim, T (*out)[row_block]) {
  typedef Lanes<T, 16> V;
  typedef LanesInMemory<T, 16> M;
  const i64 whole = dim & ~i64{15};
  for (int first = 0; first < row_block; first += 4) {
    const T* x[4] = {row[first], row[first + 1], row[first + 2], row[first + 3]};
    V acc[heads][4];
#pragma GCC unroll 2
    for (int h = 0; h < heads; ++h)
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) acc[h][r] = V{};
    for (i64 d = 0; d < whole; d += 16)
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) {
        V v = *reinterpret_cast<const M*>(x[r] + d);
        if (r < 2) __builtin_prefetch(row[row_block + first + r] + d);
#pragma GCC unroll 2
        for (int h = 0; h < heads; ++h) acc[h][r] += *reinterpret_cast<const M*>(z[h] + d) * v;
      }
    alignas(64) T part[heads][4][16];
#pragma GCC unroll 2
    for (int h = 0; h < heads; ++h) {
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) *reinterpret_cast<M*>(part[h][r]) = acc[h][r];
      for (i64 d = whole; d < dim; ++d)
        for (int r = 0; r < 4; ++r) part[h][r][d - whole] += z[h][d] * x[r][d];
      sum_lanes(part[h], out[h] + first);
    }
  }
}

// sum[h] += w[h][r] row[r], one row after the other
template <int heads, class T>
[[gnu::always_inline]] inline void add_block(const T (*w)[row_block], const T* const* row, i64 dim, T* const* sum) {
  typedef Lanes<T, 16> V;
  typedef LanesInMemory<T, 16> M;
  i64 d = 0;
  for (; d + 16 <= dim; d += 16) {
    V acc[heads];
#pragma GCC unroll 2
    for (int h = 0; h < heads; ++h) acc[h] = *reinterpret_cast<const M*>(sum[h] + d);
#pragma GCC unroll 16
    for (int r = 0; r < row_block; ++r) {
      V x = *reinterpret_cast<const M*>(row[r] + d);
      if (r & 2) __builtin_prefetch(row[row_block + r] + d);
#pragma GCC unroll 2
      for (int h = 0; h < heads; ++h) acc[h] += w[h][r] * x;
    }
#pragma GCC unroll 2
    for (int h = 0; h < heads; ++h) *reinterpret_cast<M*>(sum[h] + d) = acc[h];
  }
  for (; d < dim; ++d)
    for (int h = 0; h < heads; ++h)
      for (int r = 0; r < row_block; ++r) sum[h][d] += w[h][r] * row[r][d];
}

}  // namespace detail

inline constexpr i64 bank_parts = 64;

// f(b, begin, end) over the indices [batch, k] of each sample in their order, a piece in each round over a part of the
// bank [rows]: a piece ends before the block of 16 whose last row lies beyond that part. Indices that ascend by 64th
// parts of the bank, as bank/negatives.hpp draws them, find a row in the second cache where another sample has left it.
// Any order gives the same bits.
template <class F>
void each_part(const i64* index, i64 batch, i64 k, i64 rows, i64 row_bytes, const F& f) {
  i64 parts = 1;
  while (parts < bank_parts && rows / parts * row_bytes > (1 << 19)) parts *= 2;
  Buffer buffer(static_cast<std::size_t>(batch) * sizeof(i64));
  i64* done = static_cast<i64*>(buffer.data());
  std::fill(done, done + batch, 0);
  for (i64 part = 1; part <= parts; ++part)
    parallel_for(batch, 1, [&](i64 b, i64) {
      i64 begin = done[b], end = begin, limit = rows * part / parts;
      while (end < k && index[b * k + std::min(end + detail::row_block, k) - 1] < limit) end += detail::row_block;
      if (end > begin) f(b, begin, std::min(end, k));
      done[b] = end;
    });
}

// z: [batch, dim], bank: [.., dim], index: [batch, k], y: [batch, k]
template <class T>
void gathered_dot(Cpu, const T* z, const T* bank, const i64* index, T* y, i64 batch, i64 k, i64 dim) {
  constexpr i64 piece = 512;  // pairs a task
  i64 pieces = (k + piece - 1) / piece;
  parallel_for(batch * pieces, 1, [&](i64 task, i64) {
    simd::run([&] {
      i64 b = task / pieces, from = task % pieces * piece, count = std::min(piece, k - from);
      const T* query = z + b * dim;
      T* out = y + b * k + from;
      for (i64 begin = 0; begin < count; begin += detail::row_block) {
        const T* row[2 * detail::row_block];
        T dot[1][detail::row_block];
        i64 n = detail::take_block(bank, index + b * k + from, begin, count, dim, row);
        detail::dot_block<1>(&query, row, dim, dot);
        for (i64 r = 0; r < n; ++r) out[begin + r] = dot[0][r];
      }
    });
  });
}

// gz: [batch, dim], gy: [batch, k]
template <class T>
void gathered_sum(Cpu, const T* gy, const T* bank, const i64* index, T* gz, i64 batch, i64 k, i64 dim, Into into) {
  parallel_for(batch, 1, [&](i64 begin_sample, i64 end_sample) {
    simd::run([&] {
      for (i64 b = begin_sample; b < end_sample; ++b) {
        T* sum = gz + b * dim;
        if (into == Into::assign) std::fill(sum, sum + dim, T(0));
        for (i64 begin = 0; begin < k; begin += detail::row_block) {
          const T* row[2 * detail::row_block];
          T w[1][detail::row_block] = {};
          i64 n = detail::take_block(bank, index + b * k, begin, k, dim, row);
          for (i64 r = 0; r < n; ++r) w[0][r] = gy[b * k + begin + r];
          detail::add_block<1>(w, row, dim, &sum);
        }
      }
    });
  });
}

}  // namespace nacre::backend
