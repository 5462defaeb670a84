// Mlp: a projector or predictor, linear layers with (batch norm and) relu between them.
//
//   Mlp<T>({512, 512, 128}, {}, key)                                  SimCLR, MoCo v2: linear - relu - linear
//   Mlp<T>({512, 4096, 256}, {.batch_norm = true}, key)               BYOL: linear - bn - relu - linear
//   Mlp<T>({512, 2048, 2048}, {.batch_norm = true, .norm_output = true}, key)    SimSiam: bn at the end too
//
// x [.., widths.front()] -> [.., widths.back()]. Throws nacre::Error. Tested in tests/models/heads.cpp.
#pragma once

#include <nacre/nn/batchnorm.hpp>
#include <nacre/nn/linear.hpp>

#include <initializer_list>

namespace nacre::models {

struct MlpOptions {
  bool batch_norm = false;   // after every hidden layer, whose bias it replaces
  bool norm_output = false;  // after the last layer
};

template <class T>
struct Mlp {
  struct Layer {
    nn::Linear<T> linear;
    nn::BatchNorm<T> bn;
    bool norm = false;

    Var<T> operator()(const Var<T>& x) const { return norm ? bn(linear(x)) : linear(x); }
    static void visit(auto& self, auto&& f) {
      f("linear", self.linear);
      if (self.norm) f("bn", self.bn);
    }
  };
  std::vector<Layer> layers;

  Mlp(std::initializer_list<i64> widths, MlpOptions o, Key key) {
    check(widths.size() >= 2, "mlp", [] { return std::string("needs at least two widths: in and out"); });
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      i64 in = widths.begin()[i], out = widths.begin()[i + 1];
      bool norm = i + 2 < widths.size() ? o.batch_norm : o.norm_output;
      layers.push_back({nn::Linear<T>(in, out, key.fold(i), !norm), {}, norm});
      if (norm) layers.back().bn = nn::BatchNorm<T>(out);
    }
  }

  Var<T> operator()(Var<T> x) const {
    for (std::size_t i = 0; i < layers.size(); ++i) x = i + 1 < layers.size() ? relu(layers[i](x)) : layers[i](x);
    return x;
  }

  static void visit(auto& self, auto&& f) {
    for (std::size_t i = 0; i < self.layers.size(); ++i) f(std::to_string(i), self.layers[i]);
  }
};

}  // namespace nacre::models
