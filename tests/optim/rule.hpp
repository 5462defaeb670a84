// run_rule: three steps of an optimizer on one small vector, against PyTorch's numbers (double).
#pragma once

#include "../nn/check.hpp"

namespace nacre::test {

struct Vector {
  Parameter<double> w;
  explicit Vector(bool decay = true) : w(Tensor<double>::of({3}, {0.5, -1, 2}), decay) {}
  static void visit(auto& self, auto&& f) { f("w", self.w); }
};

template <class Optimizer>
void three_steps(Vector& v, Optimizer& o) {
  const double gradients[3][3] = {{0.1, -0.2, 0.3}, {0.4, 0.5, -0.6}, {-0.7, 0.8, 0.9}}, lr[3] = {0.1, 0.05, 0.2};
  for (int s = 0; s < 3; ++s) {
    auto g = gradient_of(v.w.node());
    for (i64 i = 0; i < 3; ++i) g.tensor[i] = gradients[s][i];
    o.step(lr[s]);
  }
}

template <class Optimizer, class Options>
Tensor<double> run_rule(Options options, bool decay = true) {
  Vector v(decay);
  Optimizer o(v, options);
  three_steps(v, o);
  return v.w.value();
}

inline void check_values(const Tensor<double>& w, const std::vector<double>& expected) {
  CHECK(difference(w, Tensor<double>::of({3}, expected)) < 1e-14);
}

// Two steps, state and weights carried over into a second optimizer, the third step there: as three steps in one.
template <class Optimizer, class Options>
void check_resumes(Options options) {
  Vector a, b;
  Optimizer first(a, options);
  three_steps(a, first);
  nn::copy_parameters(b, a);
  Optimizer second(b, options);
  nn::copy_parameters(second, first);
  three_steps(a, first);
  three_steps(b, second);
  CHECK(same_bits(a.w.value(), b.w.value()));
  Optimizer fresh(b, options);
  nn::copy_parameters(b, a);
  three_steps(a, first);
  three_steps(b, fresh);
  CHECK(!same_bits(a.w.value(), b.w.value()));  // the state matters
}

}  // namespace nacre::test
