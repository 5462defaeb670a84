// Rows moved from one place to another; `into` says whether the destination is overwritten or added to.
//
//   copy_rows      y[r, 0 .. cols) from x[r, 0 .. cols), each with its own stride
//   gather_rows    y[i] from x[index[i]]
//   scatter_rows   y[j] = sum of x[i] over all i with index[i] == j, in the order of i (no atomics)
//   transpose      y [cols, rows] from x [rows, cols]
//
// Indices are trusted here and checked by the ops. Tested in tests/ops/shape.cpp.
#pragma once

#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/device.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/pool.hpp>

#include <algorithm>

namespace nacre::backend {

namespace detail {

template <class T>
[[gnu::always_inline]] inline void move_row(const T* x, T* y, i64 cols, bool add) {
  if (add)
    for (i64 c = 0; c < cols; ++c) y[c] += x[c];
  else
    for (i64 c = 0; c < cols; ++c) y[c] = x[c];
}

// f(row) for each of `rows` rows of `cols` elements, in pieces of 16384 elements.
template <class F>
void each_row(i64 rows, i64 cols, const F& f) {
  parallel_for(rows, (1 << 14) / (cols + 1) + 1, [&](i64 begin, i64 end) {
    simd::run([&] {
      for (i64 r = begin; r < end; ++r) f(r);
    });
  });
}

}  // namespace detail

template <class T>
void copy_rows(Cpu, const T* x, i64 x_stride, T* y, i64 y_stride, i64 rows, i64 cols, Into into) {
  detail::each_row(rows, cols,
                   [=](i64 r) { detail::move_row(x + r * x_stride, y + r * y_stride, cols, into == Into::add); });
}

// x: [.., cols], y: [n, cols]
template <class T>
void gather_rows(Cpu, const T* x, const i64* index, T* y, i64 n, i64 cols, Into into) {
  detail::each_row(n, cols,
                   [=](i64 i) { detail::move_row(x + index[i] * cols, y + i * cols, cols, into == Into::add); });
}

// x: [n, cols], y: [rows, cols]
template <class T>
void scatter_rows(Cpu, const T* x, const i64* index, i64 n, T* y, i64 rows, i64 cols, Into into) {
  Buffer buffer(static_cast<std::size_t>(rows + 1 + n) * sizeof(i64));
  i64* end = static_cast<i64*>(buffer.data());  // end[j]: one past the sources of row j
  i64* source = end + rows + 1;
  std::fill(end, end + rows + 1, 0);
  for (i64 i = 0; i < n; ++i) ++end[index[i] + 1];
  for (i64 j = 0; j < rows; ++j) end[j + 1] += end[j];
  for (i64 i = 0; i < n; ++i) source[end[index[i]]++] = i;
  detail::each_row(rows, cols, [=](i64 j) {
    bool add = into == Into::add;
    for (i64 k = j == 0 ? 0 : end[j - 1]; k < end[j]; ++k, add = true)
      detail::move_row(x + source[k] * cols, y + j * cols, cols, add);
    if (!add) std::fill(y + j * cols, y + (j + 1) * cols, T(0));
  });
}

template <class T>
void transpose(Cpu, const T* x, T* y, i64 rows, i64 cols, Into into) {
  constexpr i64 tile = 16;
  detail::each_row((cols + tile - 1) / tile, tile * rows, [=](i64 t) {
    for (i64 r0 = 0; r0 < rows; r0 += tile)
      for (i64 c = t * tile; c < std::min(cols, (t + 1) * tile); ++c)
        for (i64 r = r0; r < std::min(rows, r0 + tile); ++r)
          y[c * rows + r] = into == Into::add ? y[c * rows + r] + x[r * cols + c] : x[r * cols + c];
  });
}

}  // namespace nacre::backend
