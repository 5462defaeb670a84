// What watches over a training: numbers that are not finite.
//
// A run that has gone wrong must not overwrite what was right. `check_finite` stands between backward and the
// optimizer's step. `check_savable` stands before a checkpoint: an update can overflow although its loss and
// gradients were finite. Tested in tests/train/guard.cpp.
#pragma once

#include <nacre/nn/module.hpp>

#include <cmath>

namespace nacre::train {

// Name of the first parameter or state that holds a NaN or an infinity; empty where all are finite.
template <class M>
std::string first_non_finite(const M& module) {
  std::string bad;
  auto look = [&](const std::string& name, const auto& leaf) {
    if (!bad.empty()) return;
    for (auto v : leaf.value().span())
      if (!std::isfinite(v)) {
        bad = name;
        return;
      }
  };
  nn::for_each_parameter(module, look);
  nn::for_each_state(module, look);
  return bad;
}

// Throws NonFiniteError naming the step and the first bad tensor.
template <class Optimizer, class M>
void check_finite(double loss, const Optimizer& optimizer, const M& module, i64 step) {
  std::string bad;
  if (!std::isfinite(loss)) bad = "the loss";
  else if (std::string name = optimizer.store().non_finite_gradient(); !name.empty()) bad = "the gradient of " + name;
  check<NonFiniteError>(bad.empty(), "train", [&] {
    // The loss names the symptom; a bad weight names the cause.
    if (std::string cause = first_non_finite(module); !cause.empty()) bad += " (as is " + cause + ")";
    return "step " + std::to_string(step) + ": " + bad + " is not finite; lower the learning rate or raise the " +
           "temperature, and look for bad input";
  });
}

// Throws NonFiniteError: what would be saved is of no use.
template <class M>
void check_savable(const M& module, i64 step) {
  std::string bad = first_non_finite(module);
  check<NonFiniteError>(bad.empty(), "save", [&] {
    return "after step " + std::to_string(step) + " " + bad +
           " is not finite, so nothing is saved; lower the learning rate";
  });
}

}  // namespace nacre::train
