// LayerNorm and GroupNorm: normalisation that does not look at the rest of the batch (ops/normalize.hpp).
//
//   LayerNorm  x [.., C]: over the last extent        GroupNorm  x [N, .., C]: over pixels and C / groups channels
// Ba et al., 2016; Wu & He, 2018. Tested in tests/nn/layers.cpp.
#pragma once

#include <nacre/nn/module.hpp>
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

}  // namespace nacre::nn
