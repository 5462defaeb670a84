// Initial weights, a pure function of the key, the same for any thread count.
//
//   he_normal       N(0, 2 / fan_out), fan_out = O KH KW: convolutions of a ResNet (He et al., 2015; torchvision)
//   uniform_linear  U(-1 / sqrt(in), 1 / sqrt(in)): linear layers and their biases (PyTorch)
// Tested in tests/nn/init.cpp.
#pragma once

#include <nacre/core/parallel.hpp>
#include <nacre/core/random.hpp>
#include <nacre/core/tensor.hpp>

namespace nacre::nn {

namespace detail {

// draw(random) for each element; every piece has a key of its own, so pieces can be drawn side by side.
template <class T, class Draw>
Tensor<T> drawn(const Shape& shape, Key key, const Draw& draw) {
  constexpr i64 piece = 1 << 14;
  Tensor<T> t(shape);
  T* p = t.data();
  parallel_for(t.size(), piece, [&](i64 begin, i64 end) {
    Random random(key.fold(static_cast<u64>(begin / piece)));
    for (i64 i = begin; i < end; ++i) p[i] = static_cast<T>(draw(random));
  });
  return t;
}

}  // namespace detail

template <class T>
Tensor<T> normal(const Shape& shape, double std, Key key) {
  return detail::drawn<T>(shape, key, [&](Random& r) { return static_cast<T>(std) * static_cast<T>(r.normal()); });
}

// [-bound, bound)
template <class T>
Tensor<T> uniform(const Shape& shape, double bound, Key key) {
  float b = static_cast<float>(bound);
  return detail::drawn<T>(shape, key, [&](Random& r) { return r.uniform(-b, b); });
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
