// AdamW (math/optim.hpp): weight decay apart from the gradient; moments corrected for their start at 0.
//
// The correction counts the steps of the optimizer, not those in which a parameter had a gradient. Biases and
// normalisation weights are not decayed (Parameter::decay). Throws nacre::Error (optim/store.hpp).
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
      : options_(o),
        store_(module),
        mean_(Tensor<T>::zeros({store_.size()})),
        square_(Tensor<T>::zeros({store_.size()})) {
    check(o.beta1 >= 0 && o.beta1 < 1 && o.beta2 >= 0 && o.beta2 < 1 && o.eps > 0 && o.weight_decay >= 0, "adamw", [&] {
      return "beta1 " + std::to_string(o.beta1) + ", beta2 " + std::to_string(o.beta2) + ", eps " +
             std::to_string(o.eps) + ", weight_decay " + std::to_string(o.weight_decay) +
             "; need betas in [0, 1), eps > 0 and no negative decay";
    });
  }

  void step(double lr) {
    double& power1 = powers_.value()[0];  // beta^t: what is left of the start
    double& power2 = powers_.value()[1];
    power1 *= options_.beta1;
    power2 *= options_.beta2;
    double left1 = 1 - power1, left2 = 1 - power2;
    store_.for_each_piece([&](i64 at, i64 n, bool decays) {
      math::AdamStep rule{lr, decays ? options_.weight_decay : 0, options_.eps, left1, left2};
      adam(rule, n, store_.values() + at, mean_.value().data() + at, square_.value().data() + at, store_.grads() + at);
    });
    store_.clear_gradients();
  }

  const Store<T>& store() const { return store_; }
  Store<T>& store() { return store_; }

  static void visit(auto& self, auto&& f) {
    f("mean", self.mean_);
    f("square", self.square_);
    f("powers", self.powers_);
  }

 private:
  // One pass over n elements, the roots of 16 at a time.
  void adam(const math::AdamStep& step, i64 n, T* w, T* m, T* v, const T* g) const {
    math::AdamMean mean{options_.beta1};
    math::AdamSquare square{options_.beta2};
    auto move = [&](i64 i) {
      m[i] = mean(m[i], g[i]);
      v[i] = square(v[i], g[i]);
    };
    backend::simd::blocks([&] {
      i64 i = 0;
      for (; i + 16 <= n; i += 16) {
        T root[16];
#pragma GCC ivdep
        for (int j = 0; j < 16; ++j) {
          move(i + j);
          root[j] = v[i + j] / static_cast<T>(step.left2);
        }
        backend::simd::sqrt16(root);
#pragma GCC ivdep
        for (int j = 0; j < 16; ++j) w[i + j] = step.from_root(w[i + j], m[i + j], root[j]);
      }
      for (; i < n; ++i) {
        move(i);
        w[i] = step(w[i], m[i], v[i]);
      }
    });
  }

  AdamWOptions options_;
  Store<T> store_;
  State<T> mean_, square_;
  State<double> powers_{Tensor<double>::full({2}, 1)};
};

NACRE_INSTANCE(class AdamW<float>)

}  // namespace nacre::optim
