// Pooling of x [N, H, W, C].
//
//   max_pool2d(x, {kernel, stride, padding})   [N, OH, OW, C]; the first maximum wins; keeps its place
//   avg_pool2d(x, {kernel, stride, padding})   the same window, averaged; count_include_pad as PyTorch
//   grid_avg_pool2d(x, g)                      [N, g, g, C]: cells of a g x g grid (adaptive average pooling)
//   global_avg_pool(x)                         [N, C]
//
// OH = (H + 2 padding - kernel) / stride + 1. Throws nacre::Error. Tested in tests/ops/pool2d.cpp.
#pragma once

#include <nacre/autograd/var.hpp>
#include <nacre/backend/cpu/pool2d.hpp>

namespace nacre {

struct PoolOptions {
  i64 kernel = 2, stride = 0, padding = 0;  // stride 0: as large as the kernel
  bool count_include_pad = true;            // average pooling only
};

namespace detail {

inline Window2d pixels(const char* op, const Shape& x) {
  check(x.rank() == 4 && x[1] >= 1 && x[2] >= 1, op,
        [&] { return "x is " + x.str() + "; need x [N, H, W, C] with at least one pixel"; });
  return {.n = x[0], .h = x[1], .w = x[2], .c = x[3], .o = x[3]};
}

inline backend::SlidingCells sliding(const char* op, const Shape& x, PoolOptions o) {
  Window2d w = pixels(op, x);
  if (o.stride == 0) o.stride = o.kernel;
  w.kh = w.kw = o.kernel;
  w.stride_h = w.stride_w = o.stride;
  w.pad_h = w.pad_w = o.padding;
  check(o.kernel >= 1 && o.stride >= 1 && o.padding >= 0 && 2 * o.padding <= o.kernel && w.oh() >= 1 && w.ow() >= 1, op,
        [&] {
          return "x is " + x.str() + ", kernel " + std::to_string(o.kernel) + ", stride " + std::to_string(o.stride) +
                 ", padding " + std::to_string(o.padding) +
                 "; need kernel and stride at least 1, padding at most half the kernel, and " +
                 "kernel <= H + 2 padding, W + 2 padding";
        });
  return {w, o.count_include_pad};
}

template <class Cells, class T, class D>
Var<T, D> average(const char* op, const Cells& cells, const Var<T, D>& x, const Shape& shape) {
  Tensor<T, D> y(shape);
  backend::avg_pool2d(D{}, cells, x.value().data(), y.data());
  return make_op(op, y, [cells, nx = x.node()](const Tensor<T, D>& gy) {
    if (auto g = gradient_of(nx)) backend::avg_pool2d_grad(D{}, cells, gy.data(), g.data(), g.into);
  }, x);
}

}  // namespace detail

template <class T, class D>
Var<T, D> max_pool2d(const Var<T, D>& x, PoolOptions o = {}) {
  auto cells = detail::sliding("max_pool2d", x.shape(), o);
  Shape shape{x.dim(0), cells.oh(), cells.ow(), x.dim(3)};
  Tensor<T, D> y(shape);
  Tensor<std::int32_t, D> arg(shape);
  backend::max_pool2d(D{}, cells, x.value().data(), y.data(), arg.data());
  return make_op("max_pool2d", y, [cells, arg, nx = x.node()](const Tensor<T, D>& gy) {
    if (auto g = gradient_of(nx)) backend::max_pool2d_grad(D{}, cells, gy.data(), arg.data(), g.data(), g.into);
  }, x);
}

template <class T, class D>
Var<T, D> avg_pool2d(const Var<T, D>& x, PoolOptions o = {}) {
  auto cells = detail::sliding("avg_pool2d", x.shape(), o);
  return detail::average("avg_pool2d", cells, x, {x.dim(0), cells.oh(), cells.ow(), x.dim(3)});
}

template <class T, class D>
Var<T, D> grid_avg_pool2d(const Var<T, D>& x, i64 grid) {
  Window2d w = detail::pixels("grid_avg_pool2d", x.shape());
  check(grid >= 1, "grid_avg_pool2d", [&] { return "grid is " + std::to_string(grid) + "; need at least 1"; });
  return detail::average("grid_avg_pool2d", backend::GridCells{w, grid, grid}, x, {w.n, grid, grid, w.c});
}

template <class T, class D>
Var<T, D> global_avg_pool(const Var<T, D>& x) {
  Window2d w = detail::pixels("global_avg_pool", x.shape());
  return detail::average("global_avg_pool", backend::GridCells{w, 1, 1}, x, {w.n, w.c});
}

}  // namespace nacre
