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
  if (cols == 64 && width == 64) return copy_rows<64>(b, ldb, k, out);
  if (cols == 32 && width == 32) return copy_rows<32>(b, ldb, k, out);
  if (cols == 16 && width == 16) return copy_rows<16>(b, ldb, k, out);
  if (cols == 8 && width == 8) return copy_rows<8>(b, ldb, k, out);
  for (i64 r = 0; r < k; ++r)
    for (i64 j = 0; j < width; ++j) out[r * width + j] = j < cols ? b[r * ldb + j] : T(0);
}

// Packs columns [begin, begin + kern.wide()) of cols, each panel as its tile reads it, to out + begin * k.
template <class T>
void pack_group(const Kernel<T>& kern, bool transposed, const T* b, i64 ldb, i64 k, i64 begin, i64 cols, T* out) {
  kern.strips(begin, std::min(cols, begin + kern.wide()), [&](const TileShape<T>& s, i64 j, i64 end) {
    for (; j < end; j += s.width)
      pack_panel(transposed, transposed ? b + j * ldb : b + j, ldb, k, std::min(s.width, end - j), s.width,
                 out + j * k);
  });
}

// Columns [0, m) of a [k, m] as tiles of `rows` read them: out [m / rows, k, rows]; the last tile may be cut.
template <class T>
void pack_columns(const T* a, i64 lda, i64 k, i64 m, i64 rows, T* out) {
  auto copy = [=](auto fixed) {
    for (i64 r = 0; r < k; ++r) {
      fetch(a + (r + 8) * lda, m);
      i64 i = 0;
      for (T* o = out + r * fixed; i + fixed <= m; i += fixed, o += k * fixed)
        __builtin_memcpy(o, a + r * lda + i, fixed * sizeof(T));
      for (i64 last = i; i < m; ++i) out[last * k + r * fixed + i - last] = a[r * lda + i];
    }
  };
  if (rows == 6) copy(std::integral_constant<i64, 6>{});
  else if (rows == 8) copy(std::integral_constant<i64, 8>{});
  else copy(rows);
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
  const i64 wide = kern.wide();
  // K goes in even blocks: a task's part of B stays in L2, and so does a copy of A where that is transposed.
  const i64 deep = ceil_div(k, ceil_div(k, trans_a ? 384 : 768));
  const i64 broad = std::min(kern.padded(n), std::max(wide, (i64{1} << 20) / deep / wide * wide));  // of packed B

  // Tasks of at most 256 x 256 (512 where each copies its A), cut finer until there are 16 or one is 50 us of work.
  const i64 rows_step = kern.shapes[0].rows;
  i64 task_m = std::min(ceil_div(m, rows_step) * rows_step, 256 / rows_step * rows_step);
  i64 task_n = std::min(ceil_div(broad, wide) * wide, (trans_a ? 512 : 256) / wide * wide);
  auto worth_cutting = [&](i64 task, i64 least) {
    const bool few = ceil_div(m, task_m) * ceil_div(broad, task_n) < 16;
    return few && task > least && task_m * task_n * deep > (i64{8} << 20);
  };
  while (worth_cutting(task_m, 64)) task_m = ceil_div(task_m / 2, rows_step) * rows_step;
  while (worth_cutting(task_n, wide)) task_n = ceil_div(task_n / 2, wide) * wide;

  Scratch<T> packed(deep * broad);
  for (i64 n0 = 0; n0 < n; n0 += broad)
    for (i64 k0 = 0; k0 < k; k0 += deep) {
      const i64 nb = std::min(broad, n - n0), kb = std::min(deep, k - k0);
      parallel_for(ceil_div(nb, wide), std::max<i64>(1, (1 << 16) / (kb * wide)), [&](i64 begin, i64 end) {
        for (i64 g = begin; g < end; ++g)
          pack_group(kern, trans_b, trans_b ? b + n0 * ldb + k0 : b + k0 * ldb + n0, ldb, kb, g * wide, nb,
                     packed.data);
      });
      const bool resume = into == Into::add || k0 > 0;
      const Segment segment{0, 0, kb};
      const i64 down = ceil_div(m, task_m);
      parallel_for(down * ceil_div(nb, task_n), 1, [&](i64 task, i64) {
        const i64 i0 = task % down * task_m, i1 = std::min(m, i0 + task_m);
        const i64 j0 = task / down * task_n, j1 = std::min(nb, j0 + task_n);
        kern.strips(j0, j1, [&](const TileShape<T>& tile, i64 left, i64 right) {
          const i64 panels = ceil_div(right - left, tile.width);
          Scratch<T> columns(trans_a ? ceil_div(i1 - i0, tile.rows) * tile.rows * kb : 0);
          if (trans_a) pack_columns(a + k0 * lda + i0, lda, kb, i1 - i0, tile.rows, columns.data);
          for (i64 i = i0; i < i1; i += tile.rows)
            for (i64 j = left, panel = 0; j < right; j += tile.width, ++panel) {
              const T* rows[max_tile_rows];
              T* out[max_tile_rows];
              const i64 cols = std::min(tile.width, right - j);
              for (i64 r = 0; r < tile.rows; ++r) {
                const i64 row = std::min(i + r, i1 - 1);  // beyond the last row: the last row again
                rows[r] = trans_a ? columns.data + (i - i0) * kb + row - i : a + row * lda + k0;
                out[r] = c + row * ldc + n0 + j;
                if (j + tile.width < right) fetch_to_write(out[r] + tile.width, cols);
                else if (row + tile.rows < i1) fetch_to_write(out[r] + tile.rows * ldc - (j - left), tile.width);
              }
              Ahead<T> next{a, 0};  // the next rows of A, in shares
              if (!trans_a && i + 2 * tile.rows <= i1)
                next = {a + (i + tile.rows + panel * tile.rows / panels) * lda + k0, ceil_div(tile.rows, panels)};
              tile.run(&segment, 1, rows, trans_a ? tile.rows : 1, packed.data + j * kb, tile.width, out, cols,
                       resume, next);
            }
        });
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
