// Linear: y = x weight^T + bias, x [.., in], weight [out, in], bias [out]. Tested in tests/nn/module.cpp.
#pragma once

#include <nacre/nn/init.hpp>
#include <nacre/nn/module.hpp>
#include <nacre/ops/matmul.hpp>

namespace nacre::nn {

template <class T>
struct Linear {
  Parameter<T> weight, bias;

  Linear() = default;
  Linear(i64 in, i64 out, Key key)
      : weight(uniform_linear<T>({out, in}, in, key.fold("weight"))), bias(uniform_linear<T>({out}, in, key.fold("bias")), false) {}

  Var<T> operator()(const Var<T>& x) const { return linear(x, weight(x), bias(x)); }

  static void visit(auto& self, auto&& f) {
    f("weight", self.weight);
    f("bias", self.bias);
  }
};

}  // namespace nacre::nn
