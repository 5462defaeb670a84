// Store: the parameters of a module packed into one block of values and one of gradients.
//
// After construction every Parameter is a view into the blocks, decayed ones first, so an update is one pass over
// two long runs. A parameter that got no gradient in a step is left alone; a frozen one is not taken in. The store
// keeps the parameters' nodes: the module may be moved, copied from or destroyed, but neither re-assigned
// (nn::copy_parameters writes in place) nor given to a second optimizer; a step throws nacre::Error where that
// happened. Tested in tests/optim/store.cpp.
#pragma once

#include <nacre/backend/cpu/reduce.hpp>
#include <nacre/math/elementwise.hpp>
#include <nacre/math/reduce.hpp>
#include <nacre/nn/module.hpp>

#include <algorithm>

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
    std::vector<Slot> plain;  // not decayed
    nn::for_each_parameter(module, [&](const std::string& name, Parameter<T>& p) {
      std::vector<Slot>& slots = p.decay() ? slots_ : plain;
      bool twice = std::any_of(slots.begin(), slots.end(), [&](const Slot& s) { return s.node == p.node(); });
      if (!p.empty() && p.trained() && !twice) slots.push_back({name, p.node(), 0, p.value().size(), p.decay()});
    });
    for (Slot& s : plain) slots_.push_back(std::move(s));
    check(!slots_.empty(), "optimizer", [] { return std::string("the module has no parameters to train"); });
    i64 total = 0;
    for (Slot& s : slots_) {
      s.offset = total;
      total += (s.size * static_cast<i64>(sizeof(T)) + 63) / 64 * 64 / static_cast<i64>(sizeof(T));
    }
    values_ = Tensor<T>::zeros({total});
    grads_ = Tensor<T>::zeros({total});  // the gaps stay 0, so a run may be updated and summed across them
    for (Slot& s : slots_) {
      Shape shape = s.node->value.shape();
      Tensor<T> view = values_.rows(s.offset, s.offset + s.size).reshape(shape);
      view.copy_from(s.node->value);
      s.node->value = view;
      s.node->grad = grads_.rows(s.offset, s.offset + s.size).reshape(shape);
      s.node->has_grad = false;
    }
  }
  Store(Store&&) = default;
  Store& operator=(Store&&) = default;

  const std::vector<Slot>& slots() const { return slots_; }
  i64 size() const { return values_.size(); }
  T* values() { return values_.data(); }
  T* grads() { return grads_.data(); }

  void check_owned() const {
    for (const Slot& s : slots_)
      check(s.node->value.data() == values_.data() + s.offset, "optimizer", [&] {
        return s.name +
               " lies elsewhere since this optimizer was made: one module has one optimizer, and a tensor is written, "
               "not replaced";
      });
  }

  // f(offset, n, decay) for pieces of the block that cover everything with a gradient. Several passes over one
  // piece find it in the cache. Pieces run in parallel.
  template <class F>
  void for_each_piece(F&& f) {
    check_owned();
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const Slot& first = slots_[i];
      if (!first.node->has_grad) continue;
      while (i + 1 < slots_.size() && slots_[i + 1].node->has_grad && slots_[i + 1].decay == first.decay) ++i;
      i64 length = slots_[i].offset + slots_[i].size - first.offset;
      parallel_for(length, 1 << 13, [&](i64 begin, i64 end) { f(first.offset + begin, end - begin, first.decay); });
    }
  }

  void clear_gradients() {
    for (Slot& s : slots_) s.node->has_grad = false;
  }

  // L2 norm over all gradients.
  double gradient_norm() const {
    double sum = 0;
    for (const Slot& s : slots_)
      if (s.node->has_grad) sum += static_cast<double>(total(math::Square{}, s));
    return std::sqrt(sum);
  }

  // Scales all gradients so that their norm is at most max_norm; returns the norm before. (Pascanu et al., 2013)
  double clip_gradients(double max_norm) {
    double norm = gradient_norm();
    if (norm > max_norm)
      for_each_piece([&](i64 offset, i64 n, bool) {
        T* g = grads() + offset;
        backend::map(Cpu{}, math::Scale{max_norm / norm}, g, 1, n, Into::assign, backend::Dense<T>{g, n});
      });
    return norm;
  }

  // Name of the first parameter whose gradient is not finite; empty where all are.
  std::string non_finite_gradient() const {
    for (const Slot& s : slots_) {
      if (!s.node->has_grad || std::isfinite(total(math::Abs{}, s))) continue;
      for (T g : s.node->grad.span())  // an overflowed sum alone proves nothing
        if (!std::isfinite(g)) return s.name;
    }
    return {};
  }

 private:
  template <class F>
  static T total(F f, const Slot& s) {
    T sum = 0;
    backend::reduce_all(Cpu{}, math::Sum{}, f, &sum, s.size, Into::assign,
                        backend::Dense<T>{s.node->grad.data(), s.size});
    return sum;
  }

  std::vector<Slot> slots_;
  Tensor<T> values_, grads_;
};

}  // namespace nacre::optim
