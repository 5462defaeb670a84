// Definitions of backend/cpu/gemm.hpp.
#pragma once

#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/backend/cpu/tile.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/pool.hpp>

#include <algorithm>
#include <cstring>

namespace nacre::backend::detail {

inline i64 ceil_div(i64 a, i64 b) { return (a + b - 1) / b; }

// Pool memory for a kernel, uninitialised.
template <class T>
struct Scratch {
  explicit Scratch(i64 n) : buffer(static_cast<std::size_t>(n) * sizeof(T)), data(static_cast<T*>(buffer.data())) {}
  Buffer buffer;
  T* data;
};

// out [k, width] = b [k, cols] (transposed: from b [cols, k]), columns beyond cols zero.
template <class T>
void pack_panel(bool transposed, const T* b, i64 ldb, i64 k, i64 cols, i64 width, T* out) {
  if (!transposed) {
    for (i64 r = 0; r < k; ++r, b += ldb, out += width) {
      std::memcpy(out, b, static_cast<std::size_t>(cols) * sizeof(T));
      for (i64 j = cols; j < width; ++j) out[j] = T(0);
    }
    return;
  }
  for (i64 j = 0; j < width; ++j)
    for (i64 r = 0; r < k; ++r) out[r * width + j] = j < cols ? b[j * ldb + r] : T(0);
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
  const i64 slice = 256, deep = std::min(k, i64{8} * slice);
  const i64 broad = std::min(kern.padded(n), std::max(wide, (i64{1} << 20) / deep / wide * wide));

  // Tasks of at most 256 x 256; small products are cut finer so that there are some 16 of them.
  i64 task_m = std::min(ceil_div(m, kern.rows) * kern.rows, 256 / kern.rows * kern.rows);
  i64 task_n = std::min(broad, std::max(wide, 256 / wide * wide));
  auto worth_cutting = [&] {
    return ceil_div(m, task_m) * ceil_div(broad, task_n) < 16 && task_m * task_n * k > (i64{1} << 18);
  };
  while (worth_cutting() && task_m > 8 * kern.rows) task_m = ceil_div(task_m / 2, kern.rows) * kern.rows;
  while (worth_cutting() && task_n > wide) task_n = ceil_div(task_n / 2, wide) * wide;

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
        Scratch<T> turned(trans_a ? mb * slice : 0);  // [slice, mb]
        for (i64 k1 = 0; k1 < kb; k1 += slice) {
          const i64 depth = std::min(slice, kb - k1);
          const bool resume = into == Into::add || k0 + k1 > 0;
          const T* from = trans_a ? turned.data : a + i0 * lda + k0 + k1;
          const i64 row_step = trans_a ? 1 : lda, k_step = trans_a ? mb : 1;
          if (trans_a)
            for (i64 r = 0; r < depth; ++r)
              std::memcpy(turned.data + r * mb, a + (k0 + k1 + r) * lda + i0, static_cast<std::size_t>(mb) * sizeof(T));
          const Segment segment{0, 0, depth};
          for (i64 j = j0; j < j1; j += wide) {
            const i64 width = kern.width(nb - j), cols = std::min(width, nb - j);
            const auto tile = width == wide ? kern.wide : kern.narrow;
            const T* panel = packed.data + j * kb + k1 * width;
            for (i64 i = 0; i < mb; i += kern.rows) {
              const T* rows[max_tile_rows];
              T* out[max_tile_rows];
              for (i64 r = 0; r < kern.rows; ++r) {
                i64 row = std::min(i + r, mb - 1);  // beyond the last row: the last row again
                rows[r] = from + row * row_step;
                out[r] = c + (i0 + row) * ldc + n0 + j;
              }
              tile(&segment, 1, rows, k_step, panel, width, out, cols, resume);
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
