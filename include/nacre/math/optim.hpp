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
struct SgdUpdate {  // both, with a gradient that is scaled first (LARS)
  SgdVelocity velocity;
  SgdStep step;
  double scale = 1;
  template <class A> NACRE_HD void operator()(A& w, A& v, A g) const {
    g *= A(scale);
    v = velocity(v, w, g);
    w = step(w, v, g);
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
struct AdamStep {  // left1 = 1 - beta1^t, left2 = 1 - beta2^t
  double lr, decay, eps, left1, left2;
  template <class A> NACRE_HD A operator()(A w, A m, A v) const { return from_root(w, m, scalar::sqrt(v / A(left2))); }
  template <class A> NACRE_HD A from_root(A w, A m, A root) const {
    return w * A(1 - lr * decay) - A(lr / left1) * m / (root + A(eps));
  }
};

struct Ema {  // momentum old + (1 - momentum) fresh
  double momentum;
  template <class A> NACRE_HD A operator()(A old, A fresh) const { return A(momentum) * old + A(1 - momentum) * fresh; }
};

}  // namespace nacre::math
