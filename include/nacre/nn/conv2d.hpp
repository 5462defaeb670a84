// Conv2d without a bias: x [N, H, W, in] -> [N, OH, OW, out], weight [out, k, k, in]. Tested in tests/nn/module.cpp.
#pragma once

#include <nacre/nn/init.hpp>
#include <nacre/nn/module.hpp>
#include <nacre/ops/conv.hpp>

namespace nacre::nn {

template <class T>
struct Conv2d {
  Parameter<T> weight;
  ConvOptions options;

  Conv2d() = default;
  Conv2d(i64 in, i64 out, i64 kernel, ConvOptions o, Key key)
      : weight(he_normal<T>({out, kernel, kernel, in / o.groups}, key.fold("weight"))), options(o) {}

  Var<T> operator()(const Var<T>& x) const { return conv2d(x, weight(x), options); }

  static void visit(auto& self, auto&& f) { f("weight", self.weight); }
};

}  // namespace nacre::nn
