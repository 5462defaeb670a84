// AdamW (math/optim.hpp): weight decay apart from the gradient; moments corrected for their start at 0.
//
// Kingma & Ba, 2014; Loshchilov & Hutter, 2019. Tested in tests/optim/adamw.cpp.
#pragma once

#include <nacre/backend/cpu/map.hpp>
#include <nacre/math/optim.hpp>
#include <nacre/optim/store.hpp>

namespace nacre::optim {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01;
};

template <class T>
class AdamW {
 public:
  template <class M>
  explicit AdamW(M& module, AdamWOptions o = {})
      : options_(o), store_(module), mean_(Tensor<T>::zeros({store_.size()})), square_(Tensor<T>::zeros({store_.size()})) {}

  void step(double lr) {
    using backend::Dense, backend::map;
    double& power1 = powers_.value()[0];  // beta^t: what is left of the start
    double& power2 = powers_.value()[1];
    power1 *= options_.beta1;
    power2 *= options_.beta2;
    for (const auto& s : store_.slots()) {
      if (!s.node->has_grad) continue;
      T *w = store_.values() + s.offset, *m = mean_.value().data() + s.offset, *v = square_.value().data() + s.offset;
      Dense<T> dw{w, s.size}, dm{m, s.size}, dv{v, s.size}, dg{store_.grads() + s.offset, s.size};
      map(Cpu{}, math::AdamMean{options_.beta1}, m, 1, s.size, Into::assign, dm, dg);
      map(Cpu{}, math::AdamSquare{options_.beta2}, v, 1, s.size, Into::assign, dv, dg);
      math::AdamStep step{lr, s.decay ? options_.weight_decay : 0, options_.eps, 1 - power1, 1 - power2};
      map(Cpu{}, step, w, 1, s.size, Into::assign, dw, dm, dv);
    }
    store_.clear_gradients();
  }

  const Store<T>& store() const { return store_; }

  static void visit(auto& self, auto&& f) {
    f("mean", self.mean_);
    f("square", self.square_);
    f("powers", self.powers_);
  }

 private:
  AdamWOptions options_;
  Store<T> store_;
  State<T> mean_, square_;
  State<double> powers_{Tensor<double>::full({2}, 1)};
};

}  // namespace nacre::optim
