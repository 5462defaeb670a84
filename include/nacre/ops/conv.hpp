// conv2d: y[n, p, q, o] = sum over kh, kw, i of x[n, p s + kh d - pad, q s + kw d - pad, i] w[o, kh, kw, i].
//
//   x [N, H, W, C], w [O, KH, KW, C / groups], y [N, OH, OW, O],  OH = (H + 2 pad - d (KH - 1) - 1) / stride + 1
//
// Backward keeps x and w. The algorithm (implicit im2col over the GEMM kernel, or another) is chosen behind
// backend::conv2d by the shape alone. A bias, where wanted, is `conv2d(...) + bias`.
// Throws nacre::Error. Tested in tests/ops/conv.cpp.
#pragma once

#include <nacre/backend/cpu/conv.hpp>
#include <nacre/ops/elementwise.hpp>

namespace nacre {

struct ConvOptions {
  i64 stride = 1, padding = 0, dilation = 1, groups = 1;
};

namespace detail {

inline Window2d conv_window(const char* op, const Shape& x, const Shape& w, ConvOptions o) {
  check(x.rank() == 4 && w.rank() == 4, op, [&] {
    return "needs x [N, H, W, C] and w [O, KH, KW, C / groups], got x " + x.str() + ", w " + w.str();
  });
  check(o.stride >= 1 && o.padding >= 0 && o.dilation >= 1 && o.groups >= 1, op, [&] {
    return "x is " + x.str() + ", w is " + w.str() + ", stride " + std::to_string(o.stride) + ", padding " +
           std::to_string(o.padding) + ", dilation " + std::to_string(o.dilation) + ", groups " +
           std::to_string(o.groups) + "; need at least 1, 0, 1, 1";
  });
  check(w[3] * o.groups == x[3] && w[0] % o.groups == 0, op, [&] {
    return "channels differ: x is " + x.str() + ", w is " + w.str() + ", groups " +
           std::to_string(o.groups) + "; need x's C == groups * w's last extent and O a multiple of groups";
  });
  Window2d g{.n = x[0], .h = x[1], .w = x[2], .c = x[3], .o = w[0], .kh = w[1], .kw = w[2],
             .stride_h = o.stride, .stride_w = o.stride, .pad_h = o.padding, .pad_w = o.padding,
             .dilation_h = o.dilation, .dilation_w = o.dilation, .groups = o.groups};
  check(g.kh >= 1 && g.kw >= 1 && g.oh() >= 1 && g.ow() >= 1, op, [&] {
    return "the window does not fit: x is " + x.str() + ", w is " + w.str() + ", padding " +
           std::to_string(o.padding) + "; need an output of at least one pixel";
  });
  return g;
}

}  // namespace detail

template <class T, class D>
Var<T, D> conv2d(const Var<T, D>& x, const Var<T, D>& w, ConvOptions o = {}) {
  Window2d g = detail::conv_window("conv2d", x.shape(), w.shape(), o);
  Tensor<T, D> y({g.n, g.oh(), g.ow(), g.o});
  backend::conv2d(D{}, g, x.value().data(), w.value().data(), y.data());
  return make_op(
      "conv2d", y,
      [g, nx = x.node(), nw = w.node(), vx = x.value(), vw = w.value()](const Tensor<T, D>& gy) {
        if (auto d = gradient_of(nx)) backend::conv2d_grad_input(D{}, g, vw.data(), gy.data(), d.data(), d.into);
        if (auto d = gradient_of(nw)) backend::conv2d_grad_weight(D{}, g, vx.data(), gy.data(), d.data(), d.into);
      },
      x, w);
}

}  // namespace nacre
