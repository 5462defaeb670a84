// Definitions of backend/cpu/gemm.hpp.
#pragma once

#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/backend/cpu/tile.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/pool.hpp>

#include <algorithm>

namespace nacre::backend::detail {

inline i64 ceil_div(i64 a, i64 b) { return (a + b - 1) / b; }

// Pool memory for a kernel, uninitialised.
template <class T>
struct Scratch {
  explicit Scratch(i64 n) : buffer(static_cast<std::size_t>(n) * sizeof(T)), data(static_cast<T*>(buffer.data())) {}
  Buffer buffer;
  T* data;
};

// Ask for n values ahead of their use: a far cache answers in hundreds of cycles, hardware sees only plain streams.
template <class T>
void fetch(const T* p, i64 n) {
  for (i64 i = 0; i < n; i += i64{64} / i64{sizeof(T)}) __builtin_prefetch(p + i);
}
template <class T>
void fetch_to_write(const T* p, i64 n) {
  for (i64 i = 0; i < n; i += i64{64} / i64{sizeof(T)}) __builtin_prefetch(p + i, 1);
}

template <i64 width, class T>
void copy_rows(const T* b, i64 ldb, i64 k, T* out) {
  simd::run([=] {
    for (i64 r = 0; r < k; ++r) {
      fetch(b + (r + 12) * ldb, width);
      __builtin_memcpy(out + r * width, b + r * ldb, width * sizeof(T));
    }
  });
}

// out [k, width] from b [cols, k] for k and cols that are multiples of 4.
template <class T>
void transpose_rows(const T* b, i64 ldb, i64 k, i64 cols, i64 width, T* out) {
  typedef T V __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));
  simd::run([=] {
    constexpr i64 line = 64 / sizeof(T);
    auto block = [=](i64 r, i64 j) {
      const T* s = b + j * ldb + r;
      const V s0 = *reinterpret_cast<const V*>(s), s1 = *reinterpret_cast<const V*>(s + ldb);
      const V s2 = *reinterpret_cast<const V*>(s + 2 * ldb), s3 = *reinterpret_cast<const V*>(s + 3 * ldb);
      const V low0 = __builtin_shufflevector(s0, s1, 0, 4, 1, 5);
      const V low2 = __builtin_shufflevector(s2, s3, 0, 4, 1, 5);
      const V high0 = __builtin_shufflevector(s0, s1, 2, 6, 3, 7);
      const V high2 = __builtin_shufflevector(s2, s3, 2, 6, 3, 7);
      V* o = reinterpret_cast<V*>(out + r * width + j);
      const i64 step = width / 4;
      o[0] = __builtin_shufflevector(low0, low2, 0, 1, 4, 5);
      o[step] = __builtin_shufflevector(low0, low2, 2, 3, 6, 7);
      o[2 * step] = __builtin_shufflevector(high0, high2, 0, 1, 4, 5);
      o[3 * step] = __builtin_shufflevector(high0, high2, 2, 3, 6, 7);
    };
    for (i64 r0 = 0; r0 < k; r0 += line)
      for (i64 j = 0; j < cols; j += 4) {  // whole cache lines of b, fetched ahead: its rows are far apart
        for (i64 i = 0; i < 4; ++i) __builtin_prefetch(b + (j + i) * ldb + r0 + 2 * line);
        for (i64 r = r0; r < std::min(k, r0 + line); r += 4) block(r, j);
      }
  });
}

// out [k, width] = b [k, cols] (transposed: from b [cols, k]), columns beyond cols zero.
template <class T>
void pack_panel(bool transposed, const T* b, i64 ldb, i64 k, i64 cols, i64 width, T* out) {
  if (transposed) {
    const i64 k4 = width % 4 == 0 ? k & ~i64{3} : 0, cols4 = cols & ~i64{3};
    if (k4 > 0) transpose_rows(b, ldb, k4, cols4, width, out);
    for (i64 r = 0; r < k; ++r)
      for (i64 j = r < k4 ? cols4 : 0; j < width; ++j) out[r * width + j] = j < cols ? b[j * ldb + r] : T(0);
    return;
  }
  if (cols == 32 && width == 32) return copy_rows<32>(b, ldb, k, out);
  if (cols == 16 && width == 16) return copy_rows<16>(b, ldb, k, out);
  if (cols == 8 && width == 8) return copy_rows<8>(b, ldb, k, out);
  for (i64 r = 0; r < k; ++r)
    for (i64 j = 0; j < width; ++j) out[r * width + j] = j < cols ? b[r * ldb + j] : T(0);
}

template <class T>
void gemm(bool trans_a, bool trans_b, i64 m, i64 n, i64 k, const T* a, i64 lda, const T* b, i64 ldb, T* c, i64 ldc,
          Into into) {
  if (m <= 0 || n <= 0) return;
  if (k <= 0) {
    if (into == Into::assign)
      for (i64 i = 0; i < m; ++i) std::fill(c + i * ldc, c + i * ldc + n, T(0));
    return;
  }
  const Kernel<T> kern = kernel<T>();
  const i64 wide = 2 * kern.lanes;
  // B is packed in blocks of deep x broad (4 to 8 MB), a panel is used in pieces of `slice` rows that stay in L1.
  const i64 slice = 256, deep = std::min(k, 8 * slice);
  const i64 broad = std::min(kern.padded(n), std::max(wide, (i64{1} << 20) / deep / wide * wide));

  // Tasks of at most 256 x 256, cut finer until there are 16 of them or one is some 50 us of work.
  i64 task_m = std::min(ceil_div(m, kern.rows) * kern.rows, 256 / kern.rows * kern.rows);
  i64 task_n = std::min(broad, 256 / wide * wide);
  auto worth_cutting = [&](i64 task, i64 least) {
    const bool few = ceil_div(m, task_m) * ceil_div(broad, task_n) < 16;
    return few && task > least && task_m * task_n * deep > (i64{8} << 20);
  };
  while (worth_cutting(task_m, 64)) task_m = ceil_div(task_m / 2, kern.rows) * kern.rows;
  while (worth_cutting(task_n, 64)) task_n = ceil_div(task_n / 2, wide) * wide;

  Scratch<T> packed(deep * broad);
  for (i64 n0 = 0; n0 < n; n0 += broad)
    for (i64 k0 = 0; k0 < k; k0 += deep) {
      const i64 nb = std::min(broad, n - n0), kb = std::min(deep, k - k0);
      parallel_for(ceil_div(nb, wide), std::max<i64>(1, (1 << 16) / (kb * wide)), [&](i64 begin, i64 end) {
        for (i64 j = begin * wide; j < std::min(nb, end * wide); j += wide)
          pack_panel(trans_b, trans_b ? b + (n0 + j) * ldb + k0 : b + k0 * ldb + n0 + j, ldb, kb,
                     std::min(wide, nb - j), kern.width(nb - j), packed.data + j * kb);
      });
      const i64 across = ceil_div(nb, task_n);
      parallel_for(ceil_div(m, task_m) * across, 1, [&](i64 task, i64) {
        const i64 i0 = task / across * task_m, i1 = std::min(m, i0 + task_m), mb = i1 - i0;
        const i64 j0 = task % across * task_n, j1 = std::min(nb, j0 + task_n);
        // A is copied, tile by tile, where that pays: transposed, read many times, or with rows on the same cache sets.
        const bool copied = trans_a || j1 - j0 >= 128 || (lda * i64{sizeof(T)}) % 1024 == 0;
        const i64 pitch = trans_a ? 1 : slice + 16, step = trans_a ? kern.rows : 1;
        Scratch<T> copy(copied ? ceil_div(mb, kern.rows) * kern.rows * (slice + 16) : 0);
        for (i64 k1 = 0; k1 < kb; k1 += slice) {
          const i64 depth = std::min(slice, kb - k1);
          const bool resume = into == Into::add || k0 + k1 > 0;
          const T* from = trans_a ? a + (k0 + k1) * lda + i0 : a + i0 * lda + k0 + k1;
          const Segment segment{0, 0, depth};
          for (i64 j = j0; j < j1; j += wide) {
            const i64 width = kern.width(nb - j), cols = std::min(width, nb - j);
            const auto tile = width == wide ? kern.wide : kern.narrow;
            const T* panel = packed.data + j * kb + k1 * width;
            const T* next = j + wide < j1 ? panel + wide * kb : nullptr;
            const i64 piece = ceil_div(depth * width, ceil_div(mb, kern.rows));
            for (i64 i = 0; i < mb; i += kern.rows) {
              if (next) fetch(next + i / kern.rows * piece, piece);
              const i64 valid = std::min(kern.rows, mb - i);
              T* const own = copy.data + i * (slice + 16);
              if (j == j0) {
                if (trans_a) pack_panel(false, from + i, lda, depth, valid, kern.rows, own);
                else
                  for (i64 r = 0; r < valid; ++r) {
                    if (i + r + kern.rows < mb) fetch(from + (i + r + kern.rows) * lda, depth);  // the next tile's
                    if (copied) std::copy(from + (i + r) * lda, from + (i + r) * lda + depth, own + r * pitch);
                  }
              }
              const T* rows[max_tile_rows];
              T* out[max_tile_rows];
              for (i64 r = 0; r < kern.rows; ++r) {
                i64 row = std::min(r, valid - 1);  // beyond the last row: the last row again
                rows[r] = copied ? own + row * pitch : from + (i + row) * lda;
                out[r] = c + (i0 + i + row) * ldc + n0 + j;
                if (i + kern.rows + r < mb) fetch_to_write(out[r] + kern.rows * ldc, cols);
              }
              tile(&segment, 1, rows, step, panel, width, out, cols, resume);
            }
          }
        }
      });
    }
}

}  // namespace nacre::backend::detail

namespace nacre::backend {

NACRE_INLINE void gemm(Cpu, bool trans_a, bool trans_b, i64 m, i64 n, i64 k, const float* a, i64 lda, const float* b,
                       i64 ldb, float* c, i64 ldc, Into into) {
  detail::gemm(trans_a, trans_b, m, n, k, a, lda, b, ldb, c, ldc, into);
}
NACRE_INLINE void gemm(Cpu, bool trans_a, bool trans_b, i64 m, i64 n, i64 k, const double* a, i64 lda, const double* b,
                       i64 ldb, double* c, i64 ldc, Into into) {
  detail::gemm(trans_a, trans_b, m, n, k, a, lda, b, ldb, c, ldc, into);
}

}  // namespace nacre::backend
