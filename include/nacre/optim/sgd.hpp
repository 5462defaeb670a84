// SGD with momentum, PyTorch's rule (math/optim.hpp): v = momentum v + g + decay w;  w -= lr v  (or Nesterov's).
//
// Biases and normalisation weights are not decayed (Parameter::decay). A step is two passes over each parameter in
// the packed store. Tested in tests/optim/sgd.cpp.
#pragma once

#include <nacre/backend/cpu/map.hpp>
#include <nacre/math/optim.hpp>
#include <nacre/optim/store.hpp>

namespace nacre::optim {

struct SgdOptions {
  double momentum = 0.9, weight_decay = 0;
  bool nesterov = false;
  bool decay_all = false;  // decay biases and normalisation too
};

template <class T>
class Sgd {
 public:
  template <class M>
  explicit Sgd(M& module, SgdOptions o = {}) : options_(o), store_(module), velocity_(Tensor<T>::zeros({store_.size()})) {}

  void step(double lr) {
    using backend::Dense, backend::map;
    for (const auto& s : store_.slots()) {
      if (!s.node->has_grad) continue;
      double decay = s.decay || options_.decay_all ? options_.weight_decay : 0;
      T *w = store_.values() + s.offset, *v = velocity_.value().data() + s.offset;
      Dense<T> dw{w, s.size}, dv{v, s.size}, dg{store_.grads() + s.offset, s.size};
      map(Cpu{}, math::SgdVelocity{options_.momentum, decay}, v, 1, s.size, Into::assign, dv, dw, dg);
      map(Cpu{}, math::SgdStep{lr, options_.momentum, decay, options_.nesterov}, w, 1, s.size, Into::assign, dw, dv, dg);
    }
    store_.clear_gradients();
  }

  const Store<T>& store() const { return store_; }
  Store<T>& store() { return store_; }

  static void visit(auto& self, auto&& f) { f("velocity", self.velocity_); }

 private:
  SgdOptions options_;
  Store<T> store_;
  State<T> velocity_;
};

}  // namespace nacre::optim
