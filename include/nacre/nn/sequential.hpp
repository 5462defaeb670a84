// Sequential: one thing after another, named "0", "1", .. as in PyTorch. What has no parameters may be a function:
//
//   nn::Sequential net(nn::Linear<T>(in, 64, key.fold(0)), [](const auto& x) { return relu(x); },
//                      nn::Linear<T>(64, out, key.fold(2)));
// Tested in tests/nn/layers.cpp.
#pragma once

#include <nacre/nn/module.hpp>

#include <tuple>

namespace nacre::nn {

template <class... M>
struct Sequential {
  std::tuple<M...> layers;

  explicit Sequential(M... m) : layers(std::move(m)...) {}

  template <class T>
  Var<T> operator()(Var<T> x) const {
    std::apply([&](const M&... m) { ((x = m(x)), ...); }, layers);
    return x;
  }

  static void visit(auto& self, auto&& f) {
    std::size_t i = 0;
    auto one = [&](auto& layer) {
      std::string name = std::to_string(i++);
      if constexpr (requires { layer.visit(layer, f); }) f(name, layer);
    };
    std::apply([&](auto&... layer) { (one(layer), ...); }, self.layers);
  }
};

}  // namespace nacre::nn
