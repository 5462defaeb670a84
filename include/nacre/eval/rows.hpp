// Features as a matrix: what every measure of this folder starts from.
//
//   as_rows    [N, ...] seen as [N, d], nothing copied
//   unit_rows  x_i / max(|x_i|, 1e-12)                          a row of zeros stays zeros
//
// Throws nacre::Error, and NonFiniteError naming the row. Tested in tests/eval/rows.cpp.
#pragma once

#include <nacre/core/parallel.hpp>
#include <nacre/core/tensor.hpp>

#include <cmath>

namespace nacre::eval {

template <class T>
Tensor<T> as_rows(const Tensor<T>& x) {
  check(x.rank() >= 1, "as_rows", [] { return std::string("a single number has no rows"); });
  return x.reshape({x.dim(0), x.dim(0) > 0 ? x.size() / x.dim(0) : 0});
}

// [N, ...] -> [N, d] with rows of length 1.
template <class T>
Tensor<T> unit_rows(const Tensor<T>& x) {
  Tensor<T> rows = as_rows(x), y(rows.shape());
  i64 d = rows.dim(1);
  parallel_for(rows.dim(0), (1 << 14) / (d + 1) + 1, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) {
      const T* from = rows.data() + i * d;
      double squares = 0;
      for (i64 j = 0; j < d; ++j) squares += static_cast<double>(from[j]) * static_cast<double>(from[j]);
      check<NonFiniteError>(std::isfinite(squares), "unit_rows", [&] {
        return "row " + std::to_string(i) + " of " + rows.shape().str() + " is not finite";
      });
      double scale = 1 / std::fmax(std::sqrt(squares), 1e-12);
      for (i64 j = 0; j < d; ++j) y[i * d + j] = static_cast<T>(static_cast<double>(from[j]) * scale);
    }
  });
  return y;
}

}  // namespace nacre::eval
