// LARS: SGD whose rate is scaled, parameter by parameter, to the size of the weights.
//
//   trust = eta |w| / (|g| + decay |w|)   (1 where not decayed, or a norm is 0)
//   v = momentum v + trust (g + decay w);  w -= lr v
//
// Biases and normalisation weights keep trust 1 and are not decayed, as in SimCLR. You, Gitman & Ginsburg, 2017.
// Throws nacre::Error (optim/store.hpp). Tested in tests/optim/lars.cpp.
#pragma once

#include <nacre/backend/cpu/map.hpp>
#include <nacre/math/elementwise.hpp>
#include <nacre/math/optim.hpp>
#include <nacre/optim/store.hpp>

namespace nacre::optim {

struct LarsOptions {
  double momentum = 0.9, weight_decay = 0, eta = 0.001;
};

template <class T>
class Lars {
 public:
  template <class M>
  explicit Lars(M& module, LarsOptions o = {})
      : options_(o), store_(module), velocity_(Tensor<T>::zeros({store_.size()})) {
    check(o.momentum >= 0 && o.momentum < 1 && o.weight_decay >= 0 && o.eta > 0, "lars", [&] {
      return "momentum " + std::to_string(o.momentum) + ", weight_decay " + std::to_string(o.weight_decay) + ", eta " +
             std::to_string(o.eta) + "; need a momentum in [0, 1), no negative decay and eta > 0";
    });
  }

  void step(double lr) {
    store_.check_owned();
    for (const auto& s : store_.slots()) {
      if (!s.node->has_grad) continue;
      T *w = store_.values() + s.offset, *g = store_.grads() + s.offset, *v = velocity_.value().data() + s.offset;
      double decay = s.decay ? options_.weight_decay : 0, trust = 1;
      if (s.decay) {
        double wn = norm(w, s.size), gn = norm(g, s.size);
        if (wn > 0 && gn > 0) trust = options_.eta * wn / (gn + decay * wn);
      }
      math::SgdUpdate rule{{options_.momentum, trust * decay}, {lr, options_.momentum, 0, false}, trust};
      backend::update(Cpu{}, rule, s.size, w, v, g);
    }
    store_.clear_gradients();
  }

  const Store<T>& store() const { return store_; }
  Store<T>& store() { return store_; }

  static void visit(auto& self, auto&& f) { f("velocity", self.velocity_); }

 private:
  static double norm(const T* x, i64 n) {
    T s = 0;
    backend::reduce_all(Cpu{}, math::Sum{}, math::Square{}, &s, n, Into::assign, backend::Dense<T>{x, n});
    return std::sqrt(static_cast<double>(s));
  }

  LarsOptions options_;
  Store<T> store_;
  State<T> velocity_;
};

NACRE_INSTANCE(class Lars<float>)

}  // namespace nacre::optim
