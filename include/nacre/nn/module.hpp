// Modules are plain structs with one static member that names what they hold:
//
//   struct Linear { Parameter<T> weight, bias;
//     static void visit(auto& self, auto&& f) { f("weight", self.weight); f("bias", self.bias); } };
//
// From it come parameter counts, optimizers, moving averages, checkpoints and weight files. Names are joined with
// dots: "layer1.0.conv1.weight". Tested in tests/nn/module.cpp.
#pragma once

#include <nacre/autograd/parameter.hpp>

#include <string>

namespace nacre::nn {

namespace detail {

template <class M>
struct Leaf {
  static constexpr bool parameter = false, state = false;
};
template <class T, class D>
struct Leaf<Parameter<T, D>> {
  static constexpr bool parameter = true, state = false;
};
template <class T, class D>
struct Leaf<State<T, D>> {
  static constexpr bool parameter = false, state = true;
};

template <bool parameters, class M, class F>
void walk(const std::string& prefix, M& module, F& f) {
  using Kind = Leaf<std::remove_const_t<M>>;
  if constexpr (Kind::parameter || Kind::state) {
    if constexpr (Kind::parameter == parameters) f(prefix, module);
  } else {
    std::remove_const_t<M>::visit(module, [&](const std::string& name, auto& child) {
      walk<parameters>(prefix.empty() ? name : prefix + "." + name, child, f);
    });
  }
}

}  // namespace detail

// f(const std::string& name, Parameter<T>&) in the order of visit; parameters that are not there (empty) included.
template <class M, class F>
void for_each_parameter(M& module, F&& f) {
  detail::walk<true>("", module, f);
}

// f(const std::string& name, State<T>&)
template <class M, class F>
void for_each_state(M& module, F&& f) {
  detail::walk<false>("", module, f);
}

template <class M>
i64 parameter_count(const M& module) {
  i64 n = 0;
  for_each_parameter(module, [&](const std::string&, auto& p) { n += p.value().size(); });
  return n;
}

}  // namespace nacre::nn
