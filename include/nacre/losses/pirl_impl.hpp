// Definitions of losses/pirl.hpp.
#pragma once

#include <nacre/losses/pirl.hpp>

#include <cmath>

namespace nacre::losses {

NACRE_INLINE double expected_initial_loss(const PirlOptions& o, i64 negatives, i64 dim) {
  double kappa = 1 / o.temperature, c = 1, t = 1;
  for (int i = 0; i < 200; ++i) {
    t *= kappa * kappa / 4 / ((i + 1) * (static_cast<double>(dim) / 2 + i));
    c += t;
  }
  double base = std::log(static_cast<double>(negatives) * c);
  return o.form == NceForm::info_nce ? base : base + 1;
}

}  // namespace nacre::losses
