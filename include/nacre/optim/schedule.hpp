// Learning rates as functions of the step: `warmup` steps of linear rise to lr, then what the name says.
//
// cosine uses a polynomial of its own (error below 1e-7), so that a rate has the same bits on every machine: the C
// library's double functions differ between processors. Loshchilov & Hutter, 2016. Tested in tests/optim/schedule.cpp.
#pragma once

#include <nacre/core/config.hpp>

namespace nacre::optim {

namespace detail {

inline double cos_pi(double t) {  // cos(pi t), t in [0, 1]: odd about 1/2, so the sine series on [-1/2, 1/2]
  double x = 3.14159265358979323846 * (0.5 - t), x2 = x * x, term = x, sum = x;
  for (int k = 1; k <= 8; ++k) {
    term *= -x2 / ((2 * k) * (2 * k + 1));
    sum += term;
  }
  return sum;
}

inline double warm(double lr, i64 step, i64 warmup) {
  return lr * static_cast<double>(step + 1) / static_cast<double>(warmup);
}

}  // namespace detail

// Warm-up, then lr.
inline double constant(double lr, i64 step, i64 warmup = 0) {
  return step < warmup ? detail::warm(lr, step, warmup) : lr;
}

// Falls along half a cosine, to 0 at `steps`.
inline double cosine(double lr, i64 step, i64 steps, i64 warmup = 0) {
  if (step < warmup) return detail::warm(lr, step, warmup);
  double t = steps > warmup ? static_cast<double>(step - warmup) / static_cast<double>(steps - warmup) : 1;
  return t < 1 ? lr * 0.5 * (1 + detail::cos_pi(t)) : 0;
}

// lr * factor^(number of milestones passed)
template <class Milestones>
double step_decay(double lr, i64 step, const Milestones& milestones, double factor = 0.1, i64 warmup = 0) {
  if (step < warmup) return detail::warm(lr, step, warmup);
  for (i64 m : milestones)
    if (step >= m) lr *= factor;
  return lr;
}

}  // namespace nacre::optim
