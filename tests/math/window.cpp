#include <nacre/math/window.hpp>

#include <doctest/doctest.h>

#include <initializer_list>

using nacre::i64;
using nacre::Window2d;

TEST_CASE("the output extent counts the positions at which the kernel fits") {
  for (i64 in : {1, 2, 5, 8})
    for (i64 k : {1, 2, 3, 5})
      for (i64 stride : {1, 2, 3})
        for (i64 pad : {0, 1, 2})
          for (i64 dilation : {1, 2}) {
            i64 fits = 0;
            for (i64 at = -pad; at + dilation * (k - 1) < in + pad; at += stride) ++fits;
            CHECK(Window2d::extent(in, k, stride, pad, dilation) == fits);
          }
}

TEST_CASE("the ranges of taps hold exactly the taps inside the input") {
  for (i64 in : {1, 3, 7})
    for (i64 k : {1, 2, 5})
      for (i64 stride : {1, 2})
        for (i64 pad : {0, 2, 4})
          for (i64 dilation : {1, 3}) {
            Window2d w{.n = 1, .h = in, .w = in + 1, .c = 1, .o = 1, .kh = k, .kw = k, .stride_h = stride,
                       .stride_w = stride, .pad_h = pad, .pad_w = pad, .dilation_h = dilation, .dilation_w = dilation};
            for (i64 i = 0; i < w.oh(); ++i)
              for (i64 a = 0; a < k; ++a) {
                bool inside = w.row(i, a) >= 0 && w.row(i, a) < w.h;
                CHECK(inside == (a >= w.rows_inside(i).begin && a < w.rows_inside(i).end));
              }
            for (i64 j = 0; j < w.ow(); ++j)
              for (i64 b = 0; b < k; ++b) {
                bool inside = w.col(j, b) >= 0 && w.col(j, b) < w.w;
                CHECK(inside == (b >= w.cols_inside(j).begin && b < w.cols_inside(j).end));
              }
          }
}
