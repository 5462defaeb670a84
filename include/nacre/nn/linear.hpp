// Linear: y = x weight^T + bias, x [.., in], weight [out, in], bias [out] or none. Tested in tests/nn/layers.cpp.
#pragma once

#include <nacre/nn/init.hpp>
#include <nacre/nn/module.hpp>
#include <nacre/ops/matmul.hpp>

namespace nacre::nn {

template <class T>
struct Linear {
  Parameter<T> weight, bias;  // bias is empty where there is none

  Linear() = default;
  Linear(i64 in, i64 out, Key key, bool with_bias = true) {
    check(in >= 1 && out >= 1, "linear",
          [&] { return std::to_string(in) + " to " + std::to_string(out) + " numbers; need at least 1"; });
    weight = Parameter<T>(uniform_linear<T>({out, in}, in, key.fold("weight")));
    if (with_bias) bias = Parameter<T>(uniform_linear<T>({out}, in, key.fold("bias")), false);
  }

  Var<T> operator()(const Var<T>& x) const { return linear(x, weight(x), bias.empty() ? Var<T>() : bias(x)); }

  static void visit(auto& self, auto&& f) {
    f("weight", self.weight);
    if (!self.bias.empty()) f("bias", self.bias);
  }
};

}  // namespace nacre::nn
