// Operands laid out as the tile reads them, and the memory for it.
//
//   a panel of B     [k, width], width that of a tile; panels of one matrix follow one another
//   columns of A^T   [m / rows, k, rows]
//
// block_product runs the tiles over operands that lie so, or are near enough to be read in place.
// Tested through tests/backend/cpu/gemm.cpp, conv.cpp and winograd.cpp.
#pragma once

#include <nacre/backend/cpu/tile.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/pool.hpp>

#include <algorithm>
#include <type_traits>

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
  simd::blocks([=] {
    for (i64 r = 0; r < k; ++r) {
      fetch(b + (r + 12) * ldb, width);
      __builtin_memcpy(out + r * width, b + r * ldb, width * sizeof(T));
    }
  });
}

// out [k, cols], rows `width` apart, from b [cols, k] for k and cols that are multiples of 4.
template <class T>
void transpose_rows(const T* b, i64 ldb, i64 k, i64 cols, i64 width, T* out) {
  typedef T V __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));
  simd::blocks([=] {
    constexpr i64 line = 64 / sizeof(T);
    auto block = [=](i64 r, i64 j) {
      const T* s = b + j * ldb + r;
      const V s0 = *reinterpret_cast<const V*>(s), s1 = *reinterpret_cast<const V*>(s + ldb);
      const V s2 = *reinterpret_cast<const V*>(s + 2 * ldb), s3 = *reinterpret_cast<const V*>(s + 3 * ldb);
      const V low0 = __builtin_shufflevector(s0, s1, 0, 4, 1, 5);
      const V low2 = __builtin_shufflevector(s2, s3, 0, 4, 1, 5);
      const V high0 = __builtin_shufflevector(s0, s1, 2, 6, 3, 7);
      const V high2 = __builtin_shufflevector(s2, s3, 2, 6, 3, 7);
      T* o = out + r * width + j;
      *reinterpret_cast<V*>(o) = __builtin_shufflevector(low0, low2, 0, 1, 4, 5);
      *reinterpret_cast<V*>(o + width) = __builtin_shufflevector(low0, low2, 2, 3, 6, 7);
      *reinterpret_cast<V*>(o + 2 * width) = __builtin_shufflevector(high0, high2, 0, 1, 4, 5);
      *reinterpret_cast<V*>(o + 3 * width) = __builtin_shufflevector(high0, high2, 2, 3, 6, 7);
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

// The rows that a panel of B [k, width] serves in turn: of four tiles if it is small enough to stay near, or of one.
template <class T>
i64 rows_in_turn(const TileShape<T>& tile, i64 k) {
  return (k * tile.width * i64{sizeof(T)} <= (1 << 15) ? 4 : 1) * tile.rows;
}
// f(i, j, next_i, next_j) for the tiles of rows [begin, end) and columns [left, right); after the last, next_i >= end.
template <class T, class F>
void each_tile(const TileShape<T>& tile, i64 turn, i64 begin, i64 end, i64 left, i64 right, const F& f) {
  for (i64 top = begin; top < end; top += turn)
    for (i64 j = left; j < right; j += tile.width)
      for (i64 i = top; i < std::min(end, top + turn); i += tile.rows) {
        const bool down = i + tile.rows < std::min(end, top + turn), across = j + tile.width < right;
        f(i, j, down ? i + tile.rows : across ? top : top + turn, down ? j : across ? j + tile.width : left);
      }
}

// c [m, n] (+)= a b for operands that are near: a(i, k) at a + i * a_row + k * a_step, rows of c `c_row` apart. b is
// packed in panels (b_row 0) or has rows b_row apart; these are read in whole vectors, past n if 16 does not divide it.
// `ahead` is followed through all tiles.
template <class T>
void block_product(const Kernel<T>& kern, i64 m, i64 n, i64 k, const T* a, i64 a_row, i64 a_step, const T* b, i64 b_row,
                   T* c, i64 c_row, bool resume, Ahead<T> ahead) {
  const bool dense = a_step == 1 && a_row == k && b_row == 0 && c_row == n;
  if (dense && k == kern.shallow_steps && n == kern.lanes && m >= 8 && !resume) return kern.shallow(m, a, b, c);
  const Segment segment{0, 0, k};
  kern.strips(0, n, [&](const TileShape<T>& tile, i64 left, i64 right) {
    each_tile(tile, rows_in_turn(tile, k), 0, m, left, right, [&](i64 i, i64 j, i64 next_i, i64 next_j) {
      const T* rows[max_tile_rows];
      T* out[max_tile_rows];
      const T* from = a + i * a_row;
      T* to = c + i * c_row + j;
      for (i64 r = 0; r < tile.rows; ++r) {
        rows[r] = from;
        out[r] = to;
        if (resume) fetch_to_write(c + std::min(next_i + r, m - 1) * c_row + next_j, tile.width);
        if (i + r + 1 >= m) continue;  // beyond the last row: the last row again
        from += a_row;
        to += c_row;
      }
      tile.run(&segment, 1, rows, a_step, b_row ? b + j : b + j * k, b_row ? b_row : tile.width, out,
               std::min(tile.width, right - j), resume, ahead);
      ahead.from += k * ahead.step;
    });
  });
}

}  // namespace nacre::backend::detail
