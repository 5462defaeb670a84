// Definitions of eval/linear_probe.hpp.
#pragma once

#include <nacre/backend/cpu/map.hpp>
#include <nacre/backend/cpu/softmax.hpp>
#include <nacre/eval/linear_probe.hpp>
#include <nacre/math/optim.hpp>

namespace nacre::eval::detail {

NACRE_INLINE LinearModel::LinearModel(i64 k, i64 dim, i64 batch)
    : classes(k),
      d(dim),
      weight(Tensor<float>::zeros({k, dim})),
      velocity(Tensor<float>::zeros({k, dim})),
      gradient({k, dim}),
      bias(static_cast<std::size_t>(k)),
      bias_velocity(bias),
      scores({batch, k}) {}

NACRE_INLINE void LinearModel::forward(const float* x, i64 n) {
  backend::gemm(Cpu{}, false, true, n, classes, d, x, d, weight.data(), d, scores.data(), classes, Into::assign);
  for (i64 r = 0; r < n; ++r)
    for (i64 k = 0; k < classes; ++k) scores[r * classes + k] += static_cast<float>(bias[static_cast<std::size_t>(k)]);
}

NACRE_INLINE i64 LinearModel::prediction(i64 row) const {
  const float* s = scores.data() + row * classes;
  return std::max_element(s, s + classes) - s;
}

NACRE_INLINE i64 LinearModel::step(const float* x, const i64* y, i64 n, double lr, const LinearOptions& options) {
  forward(x, n);
  i64 right = 0;
  for (i64 r = 0; r < n; ++r) right += prediction(r) == y[r];
  backend::softmax_rows(Cpu{}, scores.data(), scores.data(), n, classes);  // then dL/dscores = (p - 1[y]) / n
  for (i64 r = 0; r < n; ++r) scores[r * classes + y[r]] -= 1;
  for (i64 i = 0; i < n * classes; ++i) scores[i] /= static_cast<float>(n);
  backend::gemm(Cpu{}, true, false, classes, d, n, scores.data(), classes, x, d, gradient.data(), d, Into::assign);

  const double mu = options.momentum, decay = options.weight_decay;
  const math::SgdUpdate step{{mu, decay}, {lr, mu, decay, true}};
  backend::update(Cpu{}, step, classes * d, weight.data(), velocity.data(), gradient.data());
  for (i64 k = 0; k < classes; ++k) {
    double g = 0;
    for (i64 r = 0; r < n; ++r) g += static_cast<double>(scores[r * classes + k]);
    double& v = bias_velocity[static_cast<std::size_t>(k)];
    v = options.momentum * v + g;
    bias[static_cast<std::size_t>(k)] -= lr * (g + options.momentum * v);
  }
  return right;
}

}  // namespace nacre::eval::detail
