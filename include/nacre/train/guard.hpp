// What watches over a training: non-finite numbers and collapse.
//
// A run that has gone wrong must not overwrite what was right: the check stands between backward and the
// optimizer's step, so nothing non-finite is ever saved. Tested in tests/train/guard.cpp.
#pragma once

#include <nacre/nn/module.hpp>

#include <cmath>

namespace nacre::train {

// Throws NonFiniteError naming the step and the first bad tensor.
template <class Optimizer, class M>
void check_finite(double loss, const Optimizer& optimizer, M& module, i64 step) {
  std::string bad;
  if (!std::isfinite(loss)) bad = "the loss";
  else if (std::string name = optimizer.store().non_finite_gradient(); !name.empty()) bad = "the gradient of " + name;
  // The loss names the symptom; a bad weight names the cause.
  if (!bad.empty())
    nn::for_each_parameter(module, [&](const std::string& name, auto& p) {
      for (auto v : p.value().span())
        if (!std::isfinite(v)) {
          bad += "; already in the weights: " + name;
          return;
        }
    });
  check<NonFiniteError>(bad.empty(), "train", [&] {
    return "step " + std::to_string(step) + ": " + bad + " is not finite; lower the learning rate or raise the temperature, "
           "and look for bad input. The last checkpoint is untouched";
  });
}

}  // namespace nacre::train
