// Reductions of a [rows, cols] view by a reducer R of math/reduce.hpp, in an order set by the shape alone.
//
//   reduce_rows  y[row] = R over cols      16 interleaved states a row, merged in order
//   reduce_cols  y[col] = R over rows      chunks of rows, merged in order
//
// f maps the operands of one element to what is reduced, so a product or a derivative needs no buffer.
// A total is reduce_rows over pieces of one long row, then over the pieces.
// Tested in tests/backend/cpu/reduce.cpp.
#pragma once

#include <nacre/backend/cpu/map.hpp>
#include <nacre/core/pool.hpp>

#include <algorithm>

namespace nacre::backend {

namespace detail {

template <class R, class A, class F, class... V>
[[gnu::always_inline]] inline typename R::template State<A> reduce_row(const F& f, i64 row, i64 begin, i64 end,
                                                                       const V&... v) {
  using S = typename R::template State<A>;
  S lane[16];
  for (int j = 0; j < 16; ++j) lane[j] = R::template init<A>();
  i64 c = begin;
  for (; c + 16 <= end; c += 16)
    for (int j = 0; j < 16; ++j) R::step(lane[j], static_cast<A>(f(v(row, c + j)...)));
  for (int j = 0; c < end; ++c, ++j) R::step(lane[j], static_cast<A>(f(v(row, c)...)));
  for (int width = 8; width > 0; width /= 2)
    for (int j = 0; j < width; ++j) lane[j] = R::merge(lane[j], lane[j + width]);
  return lane[0];
}

}  // namespace detail

// y: [rows]
template <class R, class F, class T, class... V>
void reduce_rows(Cpu, R, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  using A = acc_t<T>;
  parallel_for(rows, (1 << 14) / (cols + 1) + 1, [&](i64 begin, i64 end) {
    simd::blocks([&] {
      for (i64 r = begin; r < end; ++r) {
        A a = R::finish(detail::reduce_row<R, A>(f, r, 0, cols, v...), cols);
        y[r] = static_cast<T>(into == Into::assign ? a : a + static_cast<A>(y[r]));
      }
    });
  });
}

// y: [cols]
template <class R, class F, class T, class... V>
void reduce_cols(Cpu, R, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  using A = acc_t<T>;
  using S = typename R::template State<A>;
  i64 chunk = std::max<i64>(64, (rows + 63) / 64), chunks = std::max<i64>(1, (rows + chunk - 1) / chunk);
  Buffer buffer(static_cast<std::size_t>(chunks * cols) * sizeof(S));
  S* part = static_cast<S*>(buffer.data());
  for (i64 i = 0; i < chunks * cols; ++i) part[i] = R::template init<A>();
  parallel_for(rows, chunk, [&](i64 begin, i64 end) {
    simd::blocks([&] {
      S* p = part + begin / chunk * cols;
      for (i64 r = begin; r < end; ++r) {
        i64 c = 0;
        for (; c + 16 <= cols; c += 16)
#pragma GCC ivdep
          for (int j = 0; j < 16; ++j) R::step(p[c + j], static_cast<A>(f(v(r, c + j)...)));
        for (; c < cols; ++c) R::step(p[c], static_cast<A>(f(v(r, c)...)));
      }
    });
  });
  for (i64 c = 0; c < cols; ++c) {
    S s = part[c];
    for (i64 k = 1; k < chunks; ++k) s = R::merge(s, part[k * cols + c]);
    A a = R::finish(s, rows);
    y[c] = static_cast<T>(into == Into::assign ? a : a + static_cast<A>(y[c]));
  }
}

// y: one element; all operands Dense or Scalar.
template <class R, class F, class T, class... V>
void reduce_all(Cpu, R, const F& f, T* y, i64 n, Into into, const V&... v) {
  using A = acc_t<T>;
  using S = typename R::template State<A>;
  static_assert((V::flat && ...), "reduce_all: operands must be Dense or Scalar");
  constexpr i64 piece = 1 << 12;
  i64 pieces = std::max<i64>(1, (n + piece - 1) / piece);
  Buffer buffer(static_cast<std::size_t>(pieces) * sizeof(S));
  S* part = static_cast<S*>(buffer.data());
  part[0] = R::template init<A>();
  parallel_for(n, piece, [&](i64 begin, i64 end) {
    simd::blocks([&] { part[begin / piece] = detail::reduce_row<R, A>(f, 0, begin, end, v...); });
  });
  for (i64 width = 1; width < pieces; width *= 2)
    for (i64 i = 0; i + width < pieces; i += 2 * width) part[i] = R::merge(part[i], part[i + width]);
  A a = R::finish(part[0], n);
  y[0] = static_cast<T>(into == Into::assign ? a : a + static_cast<A>(y[0]));
}

}  // namespace nacre::backend
