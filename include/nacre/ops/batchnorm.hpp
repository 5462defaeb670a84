// batch_norm: y = weight (x - mean) / sqrt(var + eps) + bias, per channel (the last extent; any rank >= 2).
//
//   training   mean, var over all rows of the batch; in a first pass the running statistics move by `momentum`
//              (PyTorch's rule: running = (1 - momentum) running + momentum batch, the variance unbiased)
//   otherwise  mean, var are the running statistics: one affine map per channel
//
// Backward keeps x, mean and 1/std:  with r = 1/std, s1 = sum gy, s2 = sum gy (x - mean), n rows
//   gx = weight r (gy - s1 / n - (x - mean) r^2 s2 / n),  gweight = r s2,  gbias = s1
// Ioffe & Szegedy, 2015. Throws nacre::Error. Tested in tests/ops/batchnorm.cpp.
#pragma once

#include <nacre/backend/cpu/norm.hpp>
#include <nacre/ops/elementwise.hpp>

#include <limits>

namespace nacre {

struct BatchNormOptions {
  double momentum = 0.1, eps = 1e-5;
};

namespace detail {

using backend::Affine, backend::AffineAddRelu, backend::AffineRelu;

struct BatchNormGrad {  // gy scale + x slope + shift
  template <class A>
  NACRE_HD A operator()(A gy, A x, A scale, A slope, A shift) const {
    return gy * scale + (x * slope + shift);
  }
};

// What a batch norm is at one call: y = x scale + shift, scale = weight r, shift = bias - mean scale.
template <class T, class D>
struct BatchNormMap {
  Tensor<T, D> mean, rstd, scale, shift;  // [C]
  bool training;

  BatchNormMap(const char* op, const Var<T, D>& x, const Var<T, D>& weight, const Var<T, D>& bias,
               const State<T, D>& running_mean, const State<T, D>& running_var, BatchNormOptions o)
      : training(x.training()) {
    i64 rows = x.shape().rows(), cols = x.shape().cols();
    check(x.shape().rank() >= 2 && weight.value().size() == cols && bias.value().size() == cols &&
              running_mean.value().size() == cols && running_var.value().size() == cols,
          op, [&] {
            return "x is " + x.shape().str() + ", weight " + weight.shape().str() + ", bias " + bias.shape().str() +
                   ", running_mean " + running_mean.shape().str() + ", running_var " + running_var.shape().str() +
                   "; need one value for each of x's channels (last extent)";
          });
    check(!training || rows > 1, op, [&] {
      return "x is " + x.shape().str() + ": batch statistics need more than one value a channel; use a larger batch";
    });
    rstd = Tensor<T, D>({cols});
    scale = Tensor<T, D>({cols});
    shift = Tensor<T, D>({cols});
    if (training) {
      Tensor<T, D> rm = running_mean.shared(), rv = running_var.shared(), var({cols});
      mean = Tensor<T, D>({cols});
      backend::moments_cols(D{}, x.value().data(), rows, cols, mean.data(), var.data());
      bool move = x.tape()->pass() == Pass::first;
      T m = static_cast<T>(o.momentum), unbias = static_cast<T>(rows) / static_cast<T>(rows - 1);
      for (i64 c = 0; c < cols; ++c) {
        T moved_mean = (1 - m) * rm[c] + m * mean[c], moved_var = (1 - m) * rv[c] + m * var[c] * unbias;
        rstd[c] = 1 / std::sqrt(var[c] + static_cast<T>(o.eps));
        if (std::isfinite(moved_mean) && std::isfinite(moved_var)) {
          if (move) rm[c] = moved_mean, rv[c] = moved_var;
        } else {  // a bad batch leaves nothing behind, nor may it look healthy: x / infinity is 0
          rstd[c] = std::numeric_limits<T>::quiet_NaN();
        }
      }
    } else {
      mean = running_mean.value().clone();
      for (i64 c = 0; c < cols; ++c) rstd[c] = 1 / std::sqrt(running_var.value()[c] + static_cast<T>(o.eps));
    }
    for (i64 c = 0; c < cols; ++c) {
      scale[c] = weight.value()[c] * rstd[c];
      shift[c] = bias.value()[c] - mean[c] * scale[c];
    }
  }

  backend::ReluMap<T> relu_map() const { return {scale.data(), shift.data()}; }

  // From g = dL/dy, its sums s1 and s2; gx may lie over g.
  void grad(const Tensor<T, D>& g, const Tensor<T, D>& x, const Tensor<T, D>& s1, const Tensor<T, D>& s2,
            Gradient<T, D> gx, Gradient<T, D> gweight, Gradient<T, D> gbias) const {
    using backend::PerCol, backend::map;
    i64 rows = x.shape().rows(), cols = x.shape().cols();
    if (gx) {
      Tensor<T, D> slope({cols}), offset({cols});
      T n = static_cast<T>(rows);
      for (i64 c = 0; c < cols; ++c) {
        slope[c] = training ? -scale[c] * rstd[c] * rstd[c] * s2[c] / n : T(0);
        offset[c] = training ? -scale[c] * s1[c] / n - slope[c] * mean[c] : T(0);
      }
      map(D{}, BatchNormGrad{}, gx.data(), rows, cols, gx.into, dense(g), dense(x), PerCol<T>{scale.data()},
          PerCol<T>{slope.data()}, PerCol<T>{offset.data()});
    }
    if (gweight) map(D{}, math::Mul{}, gweight.data(), 1, cols, gweight.into, dense(s2), dense(rstd));
    if (gbias) map(D{}, backend::Identity{}, gbias.data(), 1, cols, gbias.into, dense(s1));
  }
};

}  // namespace detail

template <class T, class D>
Var<T, D> batch_norm(const Var<T, D>& x, const Var<T, D>& weight, const Var<T, D>& bias,
                     const State<T, D>& running_mean, const State<T, D>& running_var, BatchNormOptions o = {}) {
  using backend::PerCol;
  detail::BatchNormMap<T, D> norm("batch_norm", x, weight, bias, running_mean, running_var, o);
  i64 rows = x.shape().rows(), cols = x.shape().cols();
  Tensor<T, D> y(x.shape());
  backend::map(D{}, detail::Affine{}, y.data(), rows, cols, Into::assign, detail::dense(x.value()),
               PerCol<T>{norm.scale.data()}, PerCol<T>{norm.shift.data()});
  return make_op(
      "batch_norm", y,
      [=, nx = x.node(), nw = weight.node(), nb = bias.node(), vx = x.value()](const Tensor<T, D>& gy) {
        Tensor<T, D> s1({cols}), s2({cols});
        backend::dot_cols(D{}, gy.data(), vx.data(), norm.mean.data(), rows, cols, s1.data(), s2.data());
        norm.grad(gy, vx, s1, s2, gradient_over(gy, nx), gradient_of(nw), gradient_of(nb));
      },
      x, weight, bias);
}

}  // namespace nacre
