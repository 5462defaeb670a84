// Modules are plain structs with one static member that names what they hold:
//
//   struct Linear { Parameter<T> weight, bias;
//     static void visit(auto& self, auto&& f) { f("weight", self.weight); f("bias", self.bias); } };
//
// From it come parameter counts, optimizers, moving averages, checkpoints and weight files. Names are joined with
// dots: "layer1.0.conv1.weight". What is empty is not visited: a layer without a bias does not name one.
// Throws nacre::Error. Tested in tests/nn/module.cpp.
#pragma once

#include <nacre/autograd/parameter.hpp>

#include <string>
#include <type_traits>
#include <vector>

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

// f(into, from) for the leaves of one kind of two modules, after names and shapes have been compared.
template <bool parameters, class M, class F>
void walk_both(const char* op, M& into, const M& from, F&& f) {
  struct Seen {
    std::string name;
    Shape shape;
    const void* leaf;
  };
  std::vector<Seen> seen;
  auto collect = [&](const std::string& name, const auto& leaf) { seen.push_back({name, leaf.shape(), &leaf}); };
  walk<parameters>("", from, collect);
  std::size_t i = 0;
  auto compare = [&](const std::string& name, const auto& leaf) {
    bool there = i < seen.size();
    check(there && seen[i].name == name && seen[i].shape == leaf.shape(), op, [&] {
      return "the modules differ: " + name + " " + leaf.shape().str() + " is written, " +
             (there ? seen[i].name + " " + seen[i].shape.str() : "nothing") + " is read; need two of the same options";
    });
    ++i;
  };
  walk<parameters>("", into, compare);
  check(i == seen.size(), op,
        [&] { return "the modules differ: " + seen[i].name + " is only in the one that is read"; });
  i = 0;
  auto apply = [&](const std::string&, auto& leaf) {
    f(leaf.value(), static_cast<const std::remove_reference_t<decltype(leaf)>*>(seen[i++].leaf)->value());
  };
  walk<parameters>("", into, apply);
}

}  // namespace detail

// f(const std::string& name, Parameter<T>&) in the order of visit.
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

// Bytes of all parameters and states.
template <class M>
i64 tensor_bytes(const M& module) {
  i64 n = 0;
  auto add = [&](const std::string&, const auto& leaf) {
    n += leaf.value().size() * static_cast<i64>(sizeof(leaf.value()[0]));
  };
  for_each_parameter(module, add);
  for_each_state(module, add);
  return n;
}

// f(Tensor<T>& into, const Tensor<T>& from) for each pair of parameters (then states) of two modules of one shape.
// Throws nacre::Error, naming the first difference, before f is called.
template <class M, class F>
void for_each_parameter_pair(const char* op, M& into, const M& from, F&& f) {
  detail::walk_both<true>(op, into, from, f);
}
template <class M, class F>
void for_each_state_pair(const char* op, M& into, const M& from, F&& f) {
  detail::walk_both<false>(op, into, from, f);
}

// Parameters and states, written where they lie: optimizers of `into` stay valid, which `into = from` would end.
template <class M>
void copy_parameters(M& into, const M& from) {
  auto copy = [](auto& to, const auto& value) { to.copy_from(value); };
  for_each_parameter_pair("copy_parameters", into, from, copy);
  for_each_state_pair("copy_parameters", into, from, copy);
}

}  // namespace nacre::nn
