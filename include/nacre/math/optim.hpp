// Update rules for one element, host and device: the formula of each optimizer.
//
// Tested in tests/optim/*.cpp.
#pragma once

#include <nacre/math/scalar.hpp>

namespace nacre::math {

// PyTorch's rule: g += decay w; v = momentum v + g; w -= lr (nesterov ? g + momentum v : v)
struct SgdVelocity {  // the new v
  double momentum, decay;
  template <class A> NACRE_HD A operator()(A v, A w, A g) const { return A(momentum) * v + (g + A(decay) * w); }
};
struct SgdStep {  // the new w, from the new v
  double lr, momentum, decay;
  bool nesterov;
  template <class A> NACRE_HD A operator()(A w, A v, A g) const {
    A ahead = g + A(decay) * w + A(momentum) * v;  // computed in either case: a choice vectorises, a branch does not
    return w - A(lr) * (nesterov ? ahead : v);
  }
};

// Loshchilov & Hutter, 2019: m, v moving averages of g and g^2, decay apart from the gradient.
struct AdamMean {
  double beta;
  template <class A> NACRE_HD A operator()(A m, A g) const { return A(beta) * m + A(1 - beta) * g; }
};
struct AdamSquare {
  double beta;
  template <class A> NACRE_HD A operator()(A v, A g) const { return A(beta) * v + A(1 - beta) * g * g; }
};
struct AdamStep {  // c1 = 1 - beta1^t, c2 = 1 - beta2^t
  double lr, decay, eps, c1, c2;
  template <class A> NACRE_HD A operator()(A w, A m, A v) const {
    A kept = w * A(1 - lr * decay);
    return kept - A(lr) * (m / A(c1)) / (scalar::sqrt(v / A(c2)) + A(eps));
  }
};

struct Ema {  // momentum old + (1 - momentum) fresh
  double momentum;
  template <class A> NACRE_HD A operator()(A old, A fresh) const { return A(momentum) * old + A(1 - momentum) * fresh; }
};

}  // namespace nacre::math
