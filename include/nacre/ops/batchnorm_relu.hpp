// batch_norm_relu: y = relu(batch_norm(x) + residual), the end of a ResNet's layer, in one pass over memory.
//
//   x, residual, y [.., C]; the residual may be missing (Var<T, D>())
//
// Forward is x scale + shift + residual and relu for one element after another. Backward is two passes: the first
// gates gy by the relu where it lies and sums it per channel, the second makes gx of it; the gated gy is the residual's
// gradient. Keeps x and the statistics of batch_norm, and y where there is a residual: without one the relu's gate is
// computed from x again. The same bits as `batch_norm_relu_reference`, the ops it stands for.
// Throws nacre::Error. Tested in tests/ops/batchnorm_relu.cpp.
#pragma once

#include <nacre/ops/batchnorm.hpp>

namespace nacre {

template <class T, class D>
Var<T, D> batch_norm_relu_reference(const Var<T, D>& x, const Var<T, D>& weight, const Var<T, D>& bias,
                                    const State<T, D>& running_mean, const State<T, D>& running_var,
                                    const Var<T, D>& residual = {}, BatchNormOptions o = {}) {
  Var<T, D> y = batch_norm(x, weight, bias, running_mean, running_var, o);
  return relu(residual.node() ? y + residual : y);
}

namespace detail {

template <class T>
struct AffineView {  // x scale + shift, as an operand
  backend::Dense<T> x;
  backend::PerCol<T> scale, shift;
  NACRE_HD T operator()(i64 row, i64 col) const { return Affine{}(x(row, col), scale(row, col), shift(row, col)); }
};

// From g = dL/dy, which becomes the gradient before the relu: s1, s2 of BatchNormMap::grad. y: a view of the relu's
// value, or of anything that is positive where it is.
template <class T, class D, class Y>
void relu_sums(const BatchNormMap<T, D>& norm, Tensor<T, D>& g, const Tensor<T, D>& x, const Y& y, Tensor<T, D>& s1,
               Tensor<T, D>& s2) {
  i64 rows = x.shape().rows(), cols = x.shape().cols();
  s1 = Tensor<T, D>({cols});
  s2 = Tensor<T, D>({cols});
  backend::ReluGated<T, Y> gate{g.data(), cols, y};
  backend::dot_cols(D{}, gate, x.data(), norm.mean.data(), rows, cols, s1.data(), s2.data());
}
template <class T, class D>
void relu_sums(const BatchNormMap<T, D>& norm, Tensor<T, D>& g, const Tensor<T, D>& x, Tensor<T, D>& s1,
               Tensor<T, D>& s2) {
  AffineView<T> y{dense(x), {norm.scale.data()}, {norm.shift.data()}};
  relu_sums(norm, g, x, y, s1, s2);
}

}  // namespace detail

template <class T, class D>
Var<T, D> batch_norm_relu(const Var<T, D>& x, const Var<T, D>& weight, const Var<T, D>& bias,
                          const State<T, D>& running_mean, const State<T, D>& running_var,
                          const Var<T, D>& residual = {}, BatchNormOptions o = {}) {
  using backend::map, backend::PerCol;
  bool adds = residual.node() != nullptr;
  check(!adds || residual.shape() == x.shape(), "batch_norm_relu", [&] {
    return "x is " + x.shape().str() + ", residual " + residual.shape().str() + "; need equal shapes";
  });
  detail::BatchNormMap<T, D> norm("batch_norm_relu", x, weight, bias, running_mean, running_var, o);
  i64 rows = x.shape().rows(), cols = x.shape().cols();
  Tensor<T, D> y(x.shape());
  const auto in = detail::dense(x.value());
  const PerCol<T> scale{norm.scale.data()}, shift{norm.shift.data()};
  if (adds)
    map(D{}, detail::AffineAddRelu{}, y.data(), rows, cols, Into::assign, in, detail::dense(residual.value()), scale,
        shift);
  else map(D{}, detail::AffineRelu{}, y.data(), rows, cols, Into::assign, in, scale, shift);
  auto backward = [=, nx = x.node(), nw = weight.node(), nb = bias.node(), nr = residual.node(), vx = x.value(),
                   vy = adds ? y : Tensor<T, D>()](Tensor<T, D> g) {
    if (!g.unique()) g = g.clone();  // somebody else reads it
    Tensor<T, D> s1, s2;
    if (adds) detail::relu_sums(norm, g, vx, detail::dense(vy), s1, s2);
    else detail::relu_sums(norm, g, vx, s1, s2);
    if (adds)
      if (auto d = gradient_over(g, nr); d && d.data() != g.data())
        map(D{}, backend::Identity{}, d.data(), rows, cols, d.into, detail::dense(g));
    norm.grad(g, vx, s1, s2, gradient_over(g, nx), gradient_of(nw), gradient_of(nb));
  };
  return adds ? make_op("batch_norm_relu", y, backward, x, weight, bias, residual)
              : make_op("batch_norm_relu", y, backward, x, weight, bias);
}

}  // namespace nacre
