// Convolutions of maps so small that most taps lie outside: one product over the batch for each tap that does not.
//
//   y(., p, :) = sum over taps t of position p inside: x(., q, :) w(:, t, :)^T,   q the pixel under t
//
// and the two gradients likewise. A 3x3 on a 2x2 map has 16 such products of 36, on a single pixel 1 of 9: the last
// stages of PIRL's patches. Tested in tests/backend/cpu/conv.cpp.
#pragma once

#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/math/window.hpp>

#include <algorithm>
#include <vector>

namespace nacre::backend::detail::small_map {

// f(output position, input position, tap) for every tap inside, taps of a position in order.
template <class F>
void each_tap(const Window2d& w, F f) {
  for (i64 i = 0; i < w.oh(); ++i)
    for (i64 j = 0; j < w.ow(); ++j) {
      const Window2d::Range rows = w.rows_inside(i), cols = w.cols_inside(j);
      for (i64 a = rows.begin; a < rows.end; ++a)
        for (i64 b = cols.begin; b < cols.end; ++b) f(i * w.ow() + j, w.row(i, a) * w.w + w.col(j, b), a * w.kw + b);
    }
}

inline bool fits(const Window2d& w) {
  const i64 positions = w.oh() * w.ow();
  if (w.groups != 1 || positions == 0 || positions > 16) return false;
  i64 inside = 0;
  each_tap(w, [&](i64, i64, i64) { ++inside; });
  return 3 * inside < 2 * positions * w.taps();
}

// product(to, from, tap, into) for every tap, `to` one of `count` destinations; zero(to) for those that have none.
template <class F, class Zero>
void sum_products(const Window2d& w, i64 count, Into into, F product, Zero zero, i64 (*destination)(i64, i64, i64)) {
  std::vector<bool> begun(static_cast<std::size_t>(count), into == Into::add);
  each_tap(w, [&](i64 out, i64 in, i64 tap) {
    auto seen = begun[static_cast<std::size_t>(destination(out, in, tap))];
    product(out, in, tap, seen ? Into::add : Into::assign);
    seen = true;
  });
  for (i64 i = 0; i < count; ++i)
    if (!begun[static_cast<std::size_t>(i)]) zero(i);
}

// `rows` rows of `cols` values from `to`, `step` apart.
template <class T>
void zero_rows(T* to, i64 rows, i64 cols, i64 step) {
  for (i64 r = 0; r < rows; ++r) std::fill_n(to + r * step, cols, T(0));
}

template <class T>
void forward(const Window2d& w, const T* x, const T* weight, T* y) {
  const i64 in = w.h * w.w * w.c, out = w.oh() * w.ow() * w.o, row = w.taps() * w.c;
  sum_products(
      w, w.oh() * w.ow(), Into::assign,
      [&](i64 p, i64 q, i64 tap, Into into) {
        backend::gemm(Cpu{}, false, true, w.n, w.o, w.c, x + q * w.c, in, weight + tap * w.c, row, y + p * w.o, out,
                      into);
      },
      [&](i64 p) { zero_rows(y + p * w.o, w.n, w.o, out); }, [](i64 p, i64, i64) { return p; });
}

template <class T>
void grad_input(const Window2d& w, const T* weight, const T* gy, T* gx, Into into) {
  const i64 in = w.h * w.w * w.c, out = w.oh() * w.ow() * w.o, row = w.taps() * w.c;
  sum_products(
      w, w.h * w.w, into,
      [&](i64 p, i64 q, i64 tap, Into to) {
        backend::gemm(Cpu{}, false, false, w.n, w.c, w.o, gy + p * w.o, out, weight + tap * w.c, row, gx + q * w.c, in,
                      to);
      },
      [&](i64 q) { zero_rows(gx + q * w.c, w.n, w.c, in); }, [](i64, i64 q, i64) { return q; });
}

template <class T>
void grad_weight(const Window2d& w, const T* x, const T* gy, T* gw, Into into) {
  const i64 in = w.h * w.w * w.c, out = w.oh() * w.ow() * w.o, row = w.taps() * w.c;
  sum_products(
      w, w.taps(), into,
      [&](i64 p, i64 q, i64 tap, Into to) {
        backend::gemm(Cpu{}, true, false, w.o, w.c, w.n, gy + p * w.o, out, x + q * w.c, in, gw + tap * w.c, row, to);
      },
      [&](i64 tap) { zero_rows(gw + tap * w.c, w.o, w.c, row); }, [](i64, i64, i64 tap) { return tap; });
}

}  // namespace nacre::backend::detail::small_map
