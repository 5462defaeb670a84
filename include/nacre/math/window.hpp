// Window2d: the index arithmetic of 2-D convolution and pooling, one copy for every backend.
//
//   x [N, H, W, C]   w [O, KH, KW, C/groups]   y [N, OH, OW, O]
//   y(n, i, j) reads x at rows i*stride_h - pad_h + kh*dilation_h and columns j*stride_w - pad_w + kw*dilation_w,
//   zero where that lies outside; OH = (H + 2 pad_h - dilation_h (KH - 1) - 1) / stride_h + 1.
//
// Plain numbers without checks: the ops check shapes. Tested in tests/math/window.cpp.
#pragma once

#include <nacre/core/config.hpp>

namespace nacre {

struct Window2d {
  i64 n = 0, h = 0, w = 0, c = 0;  // input
  i64 o = 0;                       // output channels (pooling: c)
  i64 kh = 1, kw = 1;
  i64 stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1, groups = 1;

  NACRE_HD i64 oh() const { return extent(h, kh, stride_h, pad_h, dilation_h); }
  NACRE_HD i64 ow() const { return extent(w, kw, stride_w, pad_w, dilation_w); }
  NACRE_HD i64 pixels_in() const { return n * h * w; }
  NACRE_HD i64 pixels_out() const { return n * oh() * ow(); }
  NACRE_HD i64 group_c() const { return c / groups; }
  NACRE_HD i64 group_o() const { return o / groups; }
  NACRE_HD i64 taps() const { return kh * kw; }
  NACRE_HD i64 multiply_adds() const { return pixels_out() * o * taps() * group_c(); }  // padding counted

  NACRE_HD i64 row(i64 i, i64 a) const { return i * stride_h - pad_h + a * dilation_h; }  // may lie outside
  NACRE_HD i64 col(i64 j, i64 b) const { return j * stride_w - pad_w + b * dilation_w; }

  // The taps a of [0, KH) whose row lies inside [0, H), as [begin, end); the same along columns.
  struct Range {
    i64 begin, end;
  };
  NACRE_HD Range rows_inside(i64 i) const { return clip(row(i, 0), h, kh, dilation_h); }
  NACRE_HD Range cols_inside(i64 j) const { return clip(col(j, 0), w, kw, dilation_w); }

  NACRE_HD static i64 extent(i64 in, i64 k, i64 stride, i64 pad, i64 dilation) {
    i64 span = in + 2 * pad - dilation * (k - 1) - 1;
    return span < 0 ? 0 : span / stride + 1;
  }

 private:
  NACRE_HD static Range clip(i64 first, i64 size, i64 k, i64 dilation) {
    i64 begin = first < 0 ? (-first + dilation - 1) / dilation : 0;
    i64 end = first < size ? (size - first + dilation - 1) / dilation : 0;
    begin = begin < k ? begin : k;
    end = end < k ? end : k;
    return {begin, end > begin ? end : begin};
  }
};

}  // namespace nacre
