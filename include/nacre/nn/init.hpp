// Initial weights, a pure function of the key.
//
//   he_normal       N(0, 2 / fan_out), fan_out = O KH KW: convolutions of a ResNet (He et al., 2015; torchvision)
//   uniform_linear  U(-1 / sqrt(in), 1 / sqrt(in)): linear layers and their biases (PyTorch)
// Tested in tests/nn/module.cpp.
#pragma once

#include <nacre/core/random.hpp>
#include <nacre/core/tensor.hpp>

namespace nacre::nn {

template <class T>
Tensor<T> normal(const Shape& shape, double std, Key key) {
  Tensor<T> t(shape);
  Random random(key);
  for (T& x : t.span()) x = static_cast<T>(std) * static_cast<T>(random.normal());
  return t;
}

template <class T>
Tensor<T> uniform(const Shape& shape, double bound, Key key) {
  Tensor<T> t(shape);
  Random random(key);
  for (T& x : t.span()) x = static_cast<T>(random.uniform(static_cast<float>(-bound), static_cast<float>(bound)));
  return t;
}

// w [O, KH, KW, I]
template <class T>
Tensor<T> he_normal(const Shape& shape, Key key) {
  return normal<T>(shape, std::sqrt(2.0 / static_cast<double>(shape[0] * shape[1] * shape[2])), key);
}

template <class T>
Tensor<T> uniform_linear(const Shape& shape, i64 in, Key key) {
  return uniform<T>(shape, 1 / std::sqrt(static_cast<double>(in)), key);
}

}  // namespace nacre::nn
