// Conv2d: x [N, H, W, in] -> [N, OH, OW, out], weight [out, k, k, in / groups], bias [out] or none (the default:
// batch norm follows). Tested in tests/nn/layers.cpp.
#pragma once

#include <nacre/nn/init.hpp>
#include <nacre/nn/module.hpp>
#include <nacre/ops/conv.hpp>

namespace nacre::nn {

template <class T>
struct Conv2d {
  Parameter<T> weight, bias;  // bias is empty where there is none
  ConvOptions options;

  Conv2d() = default;
  Conv2d(i64 in, i64 out, i64 kernel, ConvOptions o, Key key, bool with_bias = false) : options(o) {
    bool divided = o.groups >= 1 && in % o.groups == 0 && out % o.groups == 0;
    check(in >= 1 && out >= 1 && kernel >= 1 && divided, "conv2d", [&] {
      return std::to_string(in) + " to " + std::to_string(out) + " channels, kernel " + std::to_string(kernel) +
             ", groups " + std::to_string(o.groups) + "; need at least 1, and channels that are multiples of groups";
    });
    weight = Parameter<T>(he_normal<T>({out, kernel, kernel, in / o.groups}, key.fold("weight")));
    if (with_bias) bias = Parameter<T>(Tensor<T>::zeros({out}), false);
  }

  Var<T> operator()(const Var<T>& x) const {
    Var<T> y = conv2d(x, weight(x), options);
    return bias.empty() ? y : y + bias(x);
  }

  static void visit(auto& self, auto&& f) {
    f("weight", self.weight);
    if (!self.bias.empty()) f("bias", self.bias);
  }
};

}  // namespace nacre::nn
