// Moving average of a module: target <- momentum target + (1 - momentum) source, name by name.
//
// With `auto key = query;` this is a momentum encoder (He et al., 2020). States (batch-norm statistics) are left to
// the target's own forward passes unless `states` asks for them. Tested in tests/optim/ema.cpp.
#pragma once

#include <nacre/backend/cpu/map.hpp>
#include <nacre/math/optim.hpp>
#include <nacre/nn/module.hpp>

namespace nacre::optim {

// Throws nacre::Error where the two modules hold different tensors.
template <class M>
void ema(M& target, const M& source, double momentum, bool states = false) {
  auto blend = [&](auto& into, const auto& from) {
    check(into.shape() == from.shape(), "ema", [&] { return "target " + into.shape().str() + ", source " + from.shape().str(); });
    using T = typename std::remove_cvref_t<decltype(into)>::value_type;
    i64 n = into.size();
    backend::map(Cpu{}, math::Ema{momentum}, into.data(), 1, n, Into::assign, backend::Dense<T>{into.data(), n},
                 backend::Dense<T>{from.data(), n});
  };
  auto pairs = [&](auto&& each) {
    std::vector<const void*> sources;
    each(source, [&](const std::string&, const auto& s) { sources.push_back(&s); });
    std::size_t i = 0;
    each(target, [&](const std::string&, auto& t) {
      check(i < sources.size(), "ema", [] { return std::string("the modules hold different tensors"); });
      blend(t.value(), static_cast<const std::remove_reference_t<decltype(t)>*>(sources[i++])->value());
    });
  };
  pairs([](auto& m, auto&& f) { nn::for_each_parameter(m, f); });
  if (states) pairs([](auto& m, auto&& f) { nn::for_each_state(m, f); });
}

}  // namespace nacre::optim
