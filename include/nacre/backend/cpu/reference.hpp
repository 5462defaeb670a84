// The formulas of gemm and convolution as plain loops: what the fast kernels are tested against.
//
// T of the sums is T itself; the order is the one the kernels promise (ascending k, one chain with std::fma),
// except for the weight gradient. Slow. Compared with them in tests/backend/cpu/gemm.cpp, conv.cpp, winograd.cpp.
#pragma once

#include <nacre/math/window.hpp>

#include <cmath>

namespace nacre::backend::reference {

template <class T>
void gemm(bool trans_a, bool trans_b, i64 m, i64 n, i64 k, const T* a, i64 lda, const T* b, i64 ldb, T* c, i64 ldc,
          Into into) {
  for (i64 i = 0; i < m; ++i)
    for (i64 j = 0; j < n; ++j) {
      T sum = into == Into::add ? c[i * ldc + j] : T(0);
      for (i64 p = 0; p < k; ++p)
        sum = std::fma(trans_a ? a[p * lda + i] : a[i * lda + p], trans_b ? b[j * ldb + p] : b[p * ldb + j], sum);
      c[i * ldc + j] = sum;
    }
}

// f(x index, w index, y index) for every product of the convolution, padding left out.
template <class F>
void for_each_product(const Window2d& w, F f) {
  for (i64 n = 0; n < w.n; ++n)
    for (i64 i = 0; i < w.oh(); ++i)
      for (i64 j = 0; j < w.ow(); ++j) {
        const Window2d::Range rows = w.rows_inside(i), cols = w.cols_inside(j);
        for (i64 o = 0; o < w.o; ++o)
          for (i64 a = rows.begin; a < rows.end; ++a)
            for (i64 b = cols.begin; b < cols.end; ++b)
              for (i64 c = 0; c < w.group_c(); ++c)
                f(((n * w.h + w.row(i, a)) * w.w + w.col(j, b)) * w.c + o / w.group_o() * w.group_c() + c,
                  ((o * w.kh + a) * w.kw + b) * w.group_c() + c, ((n * w.oh() + i) * w.ow() + j) * w.o + o);
      }
}
template <class T>
void conv2d(const Window2d& win, const T* x, const T* w, T* y) {
  for (i64 i = 0; i < win.pixels_out() * win.o; ++i) y[i] = T(0);
  for_each_product(win, [&](i64 p, i64 q, i64 r) { y[r] = std::fma(x[p], w[q], y[r]); });
}
template <class T>
void conv2d_grad_input(const Window2d& win, const T* w, const T* gy, T* gx) {  // adds
  for_each_product(win, [&](i64 p, i64 q, i64 r) { gx[p] += gy[r] * w[q]; });
}
template <class T>
void conv2d_grad_weight(const Window2d& win, const T* x, const T* gy, T* gw) {  // adds
  for_each_product(win, [&](i64 p, i64 q, i64 r) { gw[q] += gy[r] * x[p]; });
}

}  // namespace nacre::backend::reference
