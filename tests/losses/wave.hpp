// The inputs of the published golden values.
#pragma once

#include <nacre/core/tensor.hpp>

#include <cmath>

namespace nacre::test {

// F(n, d, phi)[i][j] = sin(phi + .7 i + 1.3 j + .11 i j)
inline Tensor<double> wave(i64 n, i64 d, double phi) {
  Tensor<double> t({n, d});
  for (i64 i = 0; i < n; ++i)
    for (i64 j = 0; j < d; ++j)
      t[i * d + j] =
          std::sin(phi + .7 * static_cast<double>(i) + 1.3 * static_cast<double>(j) + .11 * static_cast<double>(i * j));
  return t;
}

}  // namespace nacre::test
