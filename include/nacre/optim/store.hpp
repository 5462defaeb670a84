// Store: the parameters of a module packed into one block of values and one of gradients.
//
// After construction every Parameter is a view into the blocks, so an update is one pass per parameter group of
// neighbours and a finite check is one reduction. A parameter that got no gradient in a step is left alone.
// The store keeps the parameters' nodes: the module may be moved or destroyed, not re-assigned.
// Tested in tests/optim/store.cpp.
#pragma once

#include <nacre/backend/cpu/reduce.hpp>
#include <nacre/math/reduce.hpp>
#include <nacre/nn/module.hpp>

namespace nacre::optim {

template <class T>
class Store {
 public:
  struct Slot {
    std::string name;
    std::shared_ptr<Node<T>> node;
    i64 offset, size;
    bool decay;
  };

  template <class M>
  explicit Store(M& module) {
    i64 total = 0;
    nn::for_each_parameter(module, [&](const std::string& name, Parameter<T>& p) {
      if (p.empty()) return;
      slots_.push_back({name, p.node(), total, p.value().size(), p.decay()});
      total += (p.value().size() + 15) / 16 * 16;  // 64-byte aligned
    });
    values_ = Tensor<T>::zeros({total});
    grads_ = Tensor<T>::zeros({total});
    for (Slot& s : slots_) {
      Shape shape = s.node->value.shape();
      Tensor<T> view = values_.rows(s.offset, s.offset + s.size).reshape(shape);
      view.copy_from(s.node->value);
      s.node->value = view;
      s.node->grad = grads_.rows(s.offset, s.offset + s.size).reshape(shape);
      s.node->has_grad = false;
    }
  }

  const std::vector<Slot>& slots() const { return slots_; }
  i64 size() const { return values_.size(); }
  T* values() { return values_.data(); }
  T* grads() { return grads_.data(); }

  void clear_gradients() {
    for (Slot& s : slots_) s.node->has_grad = false;
  }

  // Name of the first parameter whose gradient is not finite; empty where all are.
  std::string non_finite_gradient() const {
    auto magnitude = [](T x) { return x < 0 ? -x : x; };
    for (const Slot& s : slots_) {
      if (!s.node->has_grad) continue;
      const T* g = s.node->grad.data();
      T sum = 0;
      backend::reduce_all(Cpu{}, math::Sum{}, magnitude, &sum, s.size, Into::assign, backend::Dense<T>{g, s.size});
      if (std::isfinite(sum)) continue;  // an overflowed sum alone proves nothing
      for (i64 i = 0; i < s.size; ++i)
        if (!std::isfinite(g[i])) return s.name;
    }
    return {};
  }

 private:
  std::vector<Slot> slots_;
  Tensor<T> values_, grads_;
};

}  // namespace nacre::optim
