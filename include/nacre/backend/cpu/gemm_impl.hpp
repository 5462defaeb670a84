// Definitions of backend/cpu/gemm.hpp.
#pragma once

#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/backend/cpu/pack.hpp>

namespace nacre::backend::detail {

template <class T>
void product(bool trans_a, bool trans_b, i64 m, i64 n, i64 k, const T* a, i64 lda, const T* b, i64 ldb, T* c, i64 ldc,
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

  // Tasks of at most 256 x 256 (1024 where each copies its A), cut finer until there are 16 or one is 50 us of work.
  const i64 rows_step = kern.shapes[0].rows;
  i64 task_m = std::min(ceil_div(m, rows_step) * rows_step, 256 / rows_step * rows_step);
  i64 task_n = std::min(ceil_div(broad, wide) * wide, (trans_a ? 1024 : 256) / wide * wide);
  auto worth_cutting = [&](i64 task, i64 least) {
    const bool few = ceil_div(m, task_m) * ceil_div(broad, task_n) < 16;
    return few && task > least && task_m * task_n * deep > (i64{8} << 20);
  };
  while (worth_cutting(task_m, 64)) task_m = ceil_div(task_m / 2, rows_step) * rows_step;
  while (worth_cutting(task_n, wide)) task_n = ceil_div(task_n / 2, wide) * wide;

  // Few rows do not repay a copy of B where its own lie close together.
  const bool in_place = !trans_b && m <= 256 && n % kern.lanes == 0 && ldb * i64{sizeof(T)} <= 2048;
  Scratch<T> packed(in_place ? 0 : deep * broad);
  for (i64 n0 = 0; n0 < n; n0 += broad)
    for (i64 k0 = 0; k0 < k; k0 += deep) {
      const i64 nb = std::min(broad, n - n0), kb = std::min(deep, k - k0);
      const i64 groups = in_place ? 0 : ceil_div(nb, wide);
      parallel_for(groups, std::max<i64>(1, (1 << 16) / (kb * wide)), [&](i64 begin, i64 end) {
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
          Scratch<T> columns(trans_a ? ceil_div(i1 - i0, tile.rows) * tile.rows * kb : 0);
          if (trans_a) pack_columns(a + k0 * lda + i0, lda, kb, i1 - i0, tile.rows, columns.data);
          const i64 turn = rows_in_turn(tile, kb);
          const i64 shares = turn > tile.rows ? 1 : ceil_div(right - left, tile.width);
          const i64 step = ceil_div(tile.rows, shares);
          each_tile(tile, turn, i0, i1, left, right, [&](i64 i, i64 j, i64 next_i, i64 next_j) {
            const T* rows[max_tile_rows];
            T* out[max_tile_rows];
            const i64 cols = std::min(tile.width, right - j);
            for (i64 r = 0; r < tile.rows; ++r) {
              const i64 row = std::min(i + r, i1 - 1);  // beyond the last row: the last row again
              rows[r] = trans_a ? columns.data + (i - i0) * kb + row - i : a + row * lda + k0;
              out[r] = c + row * ldc + n0 + j;
              if (next_i < i1) fetch_to_write(c + std::min(next_i + r, i1 - 1) * ldc + n0 + next_j, tile.width);
            }
            Ahead<T> next{a, 0};  // the next rows of A, where k is all of a row: in shares, or beside the first panel
            if (!trans_a && i + 2 * tile.rows <= i1 && (shares > 1 || j == left)) {
              const i64 share = shares > 1 ? (j - left) / tile.width * tile.rows / shares : 0;
              next = {a + (i + tile.rows + share) * lda + k0, step};
            }
            const T* panel_b = in_place ? b + k0 * ldb + n0 + j : packed.data + j * kb;
            tile.run(&segment, 1, rows, trans_a ? tile.rows : 1, panel_b, in_place ? ldb : tile.width, out, cols,
                     resume, next);
          });
        });
      });
    }
}

// c^T = b^T a^T has the same chains. Of one transposed operand the copy is what costs: that of A^T must serve many
// columns, that of B^T many rows. c then passes through memory once more, which is little if it is shallow beside k.
inline bool better_turned(bool trans_a, bool trans_b, i64 m, i64 n, i64 k) {
  const i64 copied = trans_a ? m : n, kept = trans_a ? n : m;
  const bool pays = copied >= 2 * kept && kept >= 32 && k >= 512 && k >= 2 * kept;
  return trans_a != trans_b && pays && m % 4 == 0 && n % 4 == 0;
}

template <class T>
void gemm(bool trans_a, bool trans_b, i64 m, i64 n, i64 k, const T* a, i64 lda, const T* b, i64 ldb, T* c, i64 ldc,
          Into into) {
  if (!better_turned(trans_a, trans_b, m, n, k))
    return product(trans_a, trans_b, m, n, k, a, lda, b, ldb, c, ldc, into);
  auto turn = [](const T* from, i64 from_row, i64 rows, i64 cols, i64 to_row, T* to) {
    parallel_for(ceil_div(rows, 64), 1, [&](i64 strip, i64) {
      const i64 r = 64 * strip;
      transpose_rows(from + r, from_row, std::min<i64>(64, rows - r), cols, to_row, to + r * to_row);
    });
  };
  Scratch<T> turned(m * n);
  if (into == Into::add) turn(c, ldc, n, m, m, turned.data);
  product(!trans_b, !trans_a, n, m, k, b, ldb, a, lda, turned.data, m, into);
  turn(turned.data, m, m, n, ldc, c);
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
