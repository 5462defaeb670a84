// LayerNorm and GroupNorm: normalisation that does not look at the rest of the batch (ops/normalize.hpp).
//
//   LayerNorm  x [.., C]: over the last extent        GroupNorm  x [N, .., C]: over pixels and C / groups channels
//   ImageNorm  x [N, H, W, C]: the norm of a convolutional network, chosen by an option:
//              batch   over the batch and the pixels (nn/batchnorm.hpp)
//              group   over the pixels of one picture and 16 channels, or all where 16 does not divide their number
//              layer   over the pixels and channels of one picture: one group
//
// Of Wu & He's two rules, 32 groups or 16 channels a group, the second: on a map of one pixel, where narrow networks
// and small patches end, a group of one or two channels would leave nothing of them.
// Ba et al., 2016; Wu & He, 2018. Tested in tests/nn/layers.cpp.
#pragma once

#include <nacre/nn/batchnorm.hpp>
#include <nacre/ops/normalize.hpp>

namespace nacre::nn {

template <class T>
struct LayerNorm {
  Parameter<T> weight, bias;
  double eps = 1e-5;

  LayerNorm() = default;
  explicit LayerNorm(i64 channels)
      : weight(Tensor<T>::full({channels}, T(1)), false), bias(Tensor<T>::zeros({channels}), false) {}

  Var<T> operator()(const Var<T>& x) const { return layer_norm(x, weight(x), bias(x), eps); }

  static void visit(auto& self, auto&& f) {
    f("weight", self.weight);
    f("bias", self.bias);
  }
};

template <class T>
struct GroupNorm {
  i64 groups = 1;
  Parameter<T> weight, bias;
  double eps = 1e-5;

  GroupNorm() = default;
  GroupNorm(i64 count, i64 channels)
      : groups(count), weight(Tensor<T>::full({channels}, T(1)), false), bias(Tensor<T>::zeros({channels}), false) {}

  Var<T> operator()(const Var<T>& x) const { return group_norm(x, weight(x), bias(x), groups, eps); }

  static void visit(auto& self, auto&& f) {
    f("weight", self.weight);
    f("bias", self.bias);
  }
};

enum class Norm { batch, group, layer };

template <class T>
struct ImageNorm : BatchNorm<T> {  // with groups the running statistics are empty
  i64 groups = 0;                  // 0: batch norm

  ImageNorm() = default;
  ImageNorm(i64 channels, Norm norm) : BatchNorm<T>(channels) {
    if (norm == Norm::batch) return;
    groups = norm == Norm::group && channels % 16 == 0 ? channels / 16 : 1;
    this->running_mean = this->running_var = {};
  }

  Var<T> operator()(const Var<T>& x) const {
    if (groups == 0) return BatchNorm<T>::operator()(x);
    return group_norm(x, this->weight(x), this->bias(x), groups, this->options.eps);
  }
  // relu(norm(x) + residual), or relu(norm(x)).
  Var<T> relu(const Var<T>& x, const Var<T>& residual = {}) const {
    if (groups == 0) return BatchNorm<T>::relu(x, residual);
    return group_norm_relu(x, this->weight(x), this->bias(x), groups, residual, this->options.eps);
  }

  static void visit(auto& self, auto&& f) {
    if (self.groups == 0) return BatchNorm<T>::visit(self, f);
    f("weight", self.weight);
    f("bias", self.bias);
  }
};

}  // namespace nacre::nn
