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

// One parameter or state of a module. Its type is erased, so that a module's tree is compiled once and not again
// for everything that is done with its leaves.
struct Leaf {
  enum class Of { float32, float64, int64 };
  std::string name;
  void* object;  // Parameter<T> or State<T>
  bool parameter;
  Of type;
};

template <class T>
constexpr Leaf::Of leaf_type() {
  if constexpr (std::is_same_v<T, float>) return Leaf::Of::float32;
  else if constexpr (std::is_same_v<T, double>) return Leaf::Of::float64;
  else {
    static_assert(std::is_same_v<T, i64>, "a module holds parameters and states of float, double or int64");
    return Leaf::Of::int64;
  }
}

template <class M>
struct Collect {
  static void into(std::vector<Leaf>& leaves, const std::string& prefix, M& module) {
    if constexpr (requires { module.collect(leaves, prefix); }) module.collect(leaves, prefix);  // its type is erased
    else
      M::visit(module, [&]<class C>(const std::string& name, C& child) {
        Collect<C>::into(leaves, prefix.empty() ? name : prefix + "." + name, child);
      });
  }
};
template <class T>
struct Collect<Parameter<T>> {
  static_assert(Real<T>, "a parameter is of float or double");
  static void into(std::vector<Leaf>& leaves, const std::string& name, Parameter<T>& p) {
    leaves.push_back({name, &p, true, leaf_type<T>()});
  }
};
template <class T>
struct Collect<State<T>> {
  static void into(std::vector<Leaf>& leaves, const std::string& name, State<T>& s) {
    leaves.push_back({name, &s, false, leaf_type<T>()});
  }
};

template <bool constant, class L, class F>
void call(const Leaf& leaf, F& f) {
  using Object = std::conditional_t<constant, const L, L>;
  if constexpr (std::is_invocable_v<F&, const std::string&, Object&>) f(leaf.name, *static_cast<Object*>(leaf.object));
  else fail("module", leaf.name + " holds numbers of a type that is not expected here");
}

// f(name, leaf) for the leaves of one kind, in the order of visit.
template <bool parameters, class M, class F>
void walk(M& module, F& f) {
  constexpr bool constant = std::is_const_v<M>;
  using Plain = std::remove_const_t<M>;
  std::vector<Leaf> leaves;
  Collect<Plain>::into(leaves, "", const_cast<Plain&>(module));
  for (const Leaf& leaf : leaves) {
    if (leaf.parameter != parameters) continue;
    if constexpr (parameters) {
      if (leaf.type == Leaf::Of::float32) call<constant, Parameter<float>>(leaf, f);
      else call<constant, Parameter<double>>(leaf, f);
    } else {
      if (leaf.type == Leaf::Of::float32) call<constant, State<float>>(leaf, f);
      else if (leaf.type == Leaf::Of::float64) call<constant, State<double>>(leaf, f);
      else call<constant, State<i64>>(leaf, f);
    }
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
  walk<parameters>(from, collect);
  std::size_t i = 0;
  auto compare = [&](const std::string& name, const auto& leaf) {
    bool there = i < seen.size();
    check(there && seen[i].name == name && seen[i].shape == leaf.shape(), op, [&] {
      return "the modules differ: " + name + " " + leaf.shape().str() + " is written, " +
             (there ? seen[i].name + " " + seen[i].shape.str() : "nothing") + " is read; need two of the same options";
    });
    ++i;
  };
  walk<parameters>(into, compare);
  check(i == seen.size(), op,
        [&] { return "the modules differ: " + seen[i].name + " is only in the one that is read"; });
  i = 0;
  auto apply = [&](const std::string&, auto& leaf) {
    f(leaf.value(), static_cast<const std::remove_reference_t<decltype(leaf)>*>(seen[i++].leaf)->value());
  };
  walk<parameters>(into, apply);
}

}  // namespace detail

// f(const std::string& name, Parameter<T>&) in the order of visit. f names its T, or compiles for every type a module
// may hold (`auto&`).
template <class M, class F>
void for_each_parameter(M& module, F&& f) {
  detail::walk<true>(module, f);
}

// f(const std::string& name, State<T>&)
template <class M, class F>
void for_each_state(M& module, F&& f) {
  detail::walk<false>(module, f);
}

// Parameters get no gradient any more and no optimizer takes them: a momentum encoder, a network that is only probed.
// To be called before an optimizer is made. A copy is frozen too; nn::copy_parameters writes into one that trains.
template <class M>
void freeze(M& module) {
  for_each_parameter(module, [](const std::string&, auto& p) { p.freeze(); });
}

template <class M>
i64 parameter_count(const M& module) {
  i64 n = 0;
  for_each_parameter(module, [&](const std::string&, auto& p) { n += p.value().size(); });
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
