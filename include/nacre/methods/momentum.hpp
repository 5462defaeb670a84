// What MoCo's relatives share: a momentum copy of a module, and batch norm as if on several devices.
//
//   momentum_copy(m)                    a copy that gets no gradient: moved by optim::ema after each step
//   in_groups(x, groups, f)             f of each of `groups` runs of x's rows; the results one after the other
//   shuffled_in_groups(x, groups, f, key)
//                                       the same with the rows in a random order, put back in their own afterwards
//
// A network with batch norm can tell which rows share a batch by their statistics. If a query and its key are
// normalised together with the same others, the pair is found by that and not by what it shows. So queries are cut
// into runs, keys into runs of a shuffled order: "shuffled batch norm", with runs for devices. A run needs two
// rows or more. Without batch norm one group is enough.
// He et al., "Momentum contrast for unsupervised visual representation learning", 2020, section 3.3.
// Throws nacre::Error. Tested in tests/methods/moco.cpp.
#pragma once

#include <nacre/autograd/var.hpp>
#include <nacre/core/random.hpp>
#include <nacre/nn/module.hpp>
#include <nacre/ops/shape.hpp>

namespace nacre::methods {

template <class M>
M momentum_copy(const M& module) {
  M copy = module;
  nn::freeze(copy);
  return copy;
}

// x [B, ..], f: [b, ..] -> [b, D]; -> [B, D]
template <class T, class F>
Var<T> in_groups(const Var<T>& x, i64 groups, const F& f) {
  i64 n = x.dim(0);
  check(groups >= 1 && n / groups >= (groups == 1 ? 1 : 2), "in_groups", [&] {
    return std::to_string(n) + " rows in " + std::to_string(groups) +
           " groups; need at least two rows in each, or one group";
  });
  if (groups == 1) return f(x);
  std::vector<Var<T>> parts;
  for (i64 g = 0; g < groups; ++g) parts.push_back(f(slice(x, 0, g * n / groups, (g + 1) * n / groups)));
  return concat(parts, 0);
}

// Values only: keys are not differentiated.
template <class T, class F>
Tensor<T> shuffled_in_groups(const Tensor<T>& x, i64 groups, const F& f, Key key) {
  Tape tape(Mode::train, key.fold("tape"), Record::no);
  i64 n = x.dim(0);
  Tensor<i64> order({n}), back({n});
  for (i64 i = 0; i < n; ++i) order[i] = i;
  Random random(key);
  if (groups > 1) shuffle(order.data(), static_cast<u32>(n), random);
  for (i64 i = 0; i < n; ++i) back[order[i]] = i;
  Var<T> y = in_groups(gather_rows(constant(tape, x), order), groups, f);
  return gather_rows(y, back).value();
}

}  // namespace nacre::methods
