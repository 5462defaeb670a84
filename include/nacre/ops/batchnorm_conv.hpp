// batch_norm_relu_conv2d: y = conv2d(relu(batch_norm(x)), kernel), which keeps x alone.
//
//   x [N, H, W, C], kernel [O, KH, KW, C / groups], y [N, OH, OW, O]
//
// The plain ops keep x for batch norm and relu's value for the convolution: two tensors of one size. Here the
// convolution and its backward make relu's value from x, one affine map (backend/cpu/conv.hpp); so the inner layers of
// a network take half the memory. The same bits as `batch_norm_relu_conv2d_reference`, the ops it stands for.
// Chen et al., "Training deep nets with sublinear memory cost", 2016. Throws nacre::Error.
// Tested in tests/ops/batchnorm_conv.cpp.
#pragma once

#include <nacre/ops/batchnorm_relu.hpp>
#include <nacre/ops/conv.hpp>

namespace nacre {

template <class T, class D>
Var<T, D> batch_norm_relu_conv2d_reference(const Var<T, D>& x, const Var<T, D>& weight, const Var<T, D>& bias,
                                           const State<T, D>& running_mean, const State<T, D>& running_var,
                                           const Var<T, D>& kernel, ConvOptions c = {}, BatchNormOptions o = {}) {
  return conv2d(relu(batch_norm(x, weight, bias, running_mean, running_var, o)), kernel, c);
}

template <class T, class D>
Var<T, D> batch_norm_relu_conv2d(const Var<T, D>& x, const Var<T, D>& weight, const Var<T, D>& bias,
                                 const State<T, D>& running_mean, const State<T, D>& running_var,
                                 const Var<T, D>& kernel, ConvOptions c = {}, BatchNormOptions o = {}) {
  Window2d win = detail::conv_window("batch_norm_relu_conv2d", x.shape(), kernel.shape(), c);
  detail::BatchNormMap<T, D> norm("batch_norm_relu_conv2d", x, weight, bias, running_mean, running_var, o);
  Tensor<T, D> y({win.n, win.oh(), win.ow(), win.o});
  backend::conv2d(D{}, win, x.value().data(), kernel.value().data(), y.data(), norm.relu_map());
  return make_op(
      "batch_norm_relu_conv2d", y,
      [=, nx = x.node(), nw = weight.node(), nb = bias.node(), nk = kernel.node(), vx = x.value(),
       vk = kernel.value()](const Tensor<T, D>& gy) {
        if (auto d = gradient_of(nk))
          backend::conv2d_grad_weight(D{}, win, vx.data(), gy.data(), d.data(), d.into, norm.relu_map());
        if (!nx->needs_grad && !nw->needs_grad && !nb->needs_grad) return;
        Tensor<T, D> g(vx.shape()), s1, s2;
        backend::conv2d_grad_input(D{}, win, vk.data(), gy.data(), g.data(), Into::assign);
        detail::relu_sums(norm, g, vx, s1, s2);
        norm.grad(g, vx, s1, s2, gradient_over(g, nx), gradient_of(nw), gradient_of(nb));
      },
      x, weight, bias, kernel);
}

}  // namespace nacre
