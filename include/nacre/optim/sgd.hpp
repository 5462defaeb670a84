// SGD with momentum, PyTorch's rule (math/optim.hpp): v = momentum v + g + decay w;  w -= lr v  (or Nesterov's).
//
// Biases and normalisation weights are not decayed (Parameter::decay) unless decay_all says so. A step takes the
// gradients: a parameter without a new one is left alone by the next. Throws nacre::Error (optim/store.hpp).
// Sutskever et al., 2013. Tested in tests/optim/sgd.cpp.
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
  explicit Sgd(M& module, SgdOptions o = {})
      : options_(o), store_(module), velocity_(Tensor<T>::zeros({store_.size()})) {
    check(o.momentum >= 0 && o.momentum < 1 && o.weight_decay >= 0, "sgd", [&] {
      return "momentum " + std::to_string(o.momentum) + ", weight_decay " + std::to_string(o.weight_decay) +
             "; need a momentum in [0, 1) and no negative decay";
    });
  }

  void step(double lr) {
    store_.for_each_piece([&](i64 at, i64 n, bool decays) {
      double decay = decays || options_.decay_all ? options_.weight_decay : 0;
      math::SgdUpdate rule{{options_.momentum, decay}, {lr, options_.momentum, decay, options_.nesterov}};
      backend::update(Cpu{}, rule, n, store_.values() + at, velocity_.value().data() + at, store_.grads() + at);
    });
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

NACRE_INSTANCE(class Sgd<float>)

}  // namespace nacre::optim
