// Moving average of a module: target <- momentum target + (1 - momentum) source, name by name.
//
// With `auto key = query;` this is a momentum encoder (He et al., 2020). States (batch-norm statistics) are left to
// the target's own forward passes unless `states` asks for them. Tested in tests/optim/ema.cpp.
#pragma once

#include <nacre/backend/cpu/map.hpp>
#include <nacre/math/optim.hpp>
#include <nacre/nn/module.hpp>

namespace nacre::optim {

// Throws nacre::Error where the two modules hold different tensors, before anything is changed.
template <class M>
void ema(M& target, const M& source, double momentum, bool states = false) {
  check(momentum >= 0 && momentum <= 1, "ema",
        [&] { return "momentum " + std::to_string(momentum) + "; need 0 to 1"; });
  auto blend = [&]<class T>(Tensor<T>& into, const Tensor<T>& from) {
    i64 n = into.size();
    backend::map(Cpu{}, math::Ema{momentum}, into.data(), 1, n, Into::assign, backend::Dense<T>{into.data(), n},
                 backend::Dense<T>{from.data(), n});
  };
  nn::for_each_parameter_pair("ema", target, source, blend);
  if (states) nn::for_each_state_pair("ema", target, source, blend);
}

}  // namespace nacre::optim
