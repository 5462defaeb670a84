// BatchNorm over the last extent: images [N, H, W, C] and rows [N, C] alike (ops/batchnorm.hpp);
// bn.relu(x) is relu(bn(x)) in fewer passes over memory (ops/batchnorm_relu.hpp).
//
// Training uses the batch's statistics and moves the running ones, which is the only change a forward pass makes
// to a module; inference uses the running ones. Tested in tests/nn/layers.cpp.
#pragma once

#include <nacre/nn/module.hpp>
#include <nacre/ops/batchnorm_relu.hpp>

namespace nacre::nn {

template <class T>
struct BatchNorm {
  Parameter<T> weight, bias;
  State<T> running_mean, running_var;
  BatchNormOptions options;

  BatchNorm() = default;
  explicit BatchNorm(i64 channels, BatchNormOptions o = {})
      : weight(Tensor<T>::full({channels}, T(1)), false),
        bias(Tensor<T>::zeros({channels}), false),
        running_mean(Tensor<T>::zeros({channels})),
        running_var(Tensor<T>::full({channels}, T(1))),
        options(o) {}

  Var<T> operator()(const Var<T>& x) const {
    return batch_norm(x, weight(x), bias(x), running_mean, running_var, options);
  }
  // relu(bn(x) + residual), or relu(bn(x)), in one pass.
  Var<T> relu(const Var<T>& x, const Var<T>& residual = {}) const {
    return batch_norm_relu(x, weight(x), bias(x), running_mean, running_var, residual, options);
  }

  static void visit(auto& self, auto&& f) {
    f("weight", self.weight);
    f("bias", self.bias);
    f("running_mean", self.running_mean);
    f("running_var", self.running_var);
  }
};

}  // namespace nacre::nn
