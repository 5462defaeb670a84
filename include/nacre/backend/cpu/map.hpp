// y[row, col] = f(operands(row, col)...), or += : the one elementwise loop of the CPU.
// `update` is its sibling for rules that move several arrays at once: a weight and its moments.
//
// Forward passes call it with a formula, backward passes with its derivative. Blocks of 16 with a constant
// trip count are what g++ -O2 vectorises; `simd::blocks` compiles them for the instruction set in use.
// Each element is a pure function of its operands, so cutting the work cannot change a bit.
// Tested in tests/backend/cpu/map.cpp.
#pragma once

#include <nacre/backend/cpu/simd.hpp>
#include <nacre/backend/view.hpp>
#include <nacre/core/device.hpp>
#include <nacre/core/parallel.hpp>

namespace nacre::backend {

namespace detail {

template <class F, class T, class... V>
[[gnu::always_inline]] inline void map_row(const F& f, T* y, i64 row, i64 begin, i64 end, Into into, const V&... v) {
  i64 c = begin;
  for (; c + 16 <= end; c += 16) {
    acc_t<T> r[16];
#pragma GCC ivdep
    for (int j = 0; j < 16; ++j) r[j] = f(v(row, c + j)...);
    if (into == Into::add)
      for (int j = 0; j < 16; ++j) r[j] += static_cast<acc_t<T>>(y[c + j]);
    for (int j = 0; j < 16; ++j) y[c + j] = static_cast<T>(r[j]);
  }
  for (; c < end; ++c) {
    acc_t<T> r = f(v(row, c)...);
    y[c] = static_cast<T>(into == Into::add ? r + static_cast<acc_t<T>>(y[c]) : r);
  }
}

}  // namespace detail

// y: [rows, cols] dense. Operands may be y itself.
template <class F, class T, class... V>
void map(Cpu, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  constexpr i64 piece = 1 << 14;  // elements a task
  if constexpr ((V::flat && ...)) {
    parallel_for(rows * cols, piece, [&](i64 begin, i64 end) {
      simd::blocks([&] { detail::map_row(f, y, 0, begin, end, into, v...); });
    });
  } else {
    parallel_for(rows, cols > 0 ? piece / cols + 1 : rows, [&](i64 begin, i64 end) {
      simd::blocks([&] {
        for (i64 r = begin; r < end; ++r) detail::map_row(f, y + r * cols, r, 0, cols, into, v...);
      });
    });
  }
}

// f(p[i]...) for i < n: f takes references and may write to any of them.
template <class F, class... T>
void update(Cpu, const F& f, i64 n, T*... p) {
  parallel_for(n, 1 << 14, [&](i64 begin, i64 end) {
    simd::blocks([&] {
      i64 i = begin;
      for (; i + 16 <= end; i += 16)
#pragma GCC ivdep
        for (int j = 0; j < 16; ++j) f(p[i + j]...);
      for (; i < end; ++i) f(p[i]...);
    });
  });
}

}  // namespace nacre::backend
