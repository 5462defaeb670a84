// Parameter<T> (trained) and State<T> (kept, not trained: running statistics): the leaves of a module.
//
// Both copy by value, so a copy of a module is a second set of weights: a momentum encoder is `auto key = query;`.
// `p(x)` is the parameter as an operand beside x: on x's tape with a gradient in training, else a constant. A copy of
// a frozen parameter is frozen.
// Tested in tests/autograd/parameter.cpp.
#pragma once

#include <nacre/autograd/var.hpp>

namespace nacre {

template <class T, class D = Cpu>
class Parameter {
 public:
  Parameter() : Parameter(Tensor<T, D>()) {}
  explicit Parameter(Tensor<T, D> value, bool decay = true) : node_(std::make_shared<Node<T, D>>()), decay_(decay) {
    node_->value = std::move(value);
    node_->needs_grad = true;
  }
  Parameter(const Parameter& o) : Parameter(o.node_->value.clone(), o.decay_) { node_->needs_grad = o.trained(); }
  Parameter(Parameter&&) noexcept = default;
  Parameter& operator=(Parameter o) noexcept {
    std::swap(node_, o.node_);
    decay_ = o.decay_;
    return *this;
  }

  const Tensor<T, D>& value() const { return node_->value; }
  Tensor<T, D>& value() { return node_->value; }
  const Shape& shape() const { return node_->value.shape(); }
  bool empty() const { return node_->value.empty(); }
  bool decay() const { return decay_; }  // false: no weight decay (biases, normalisation)
  bool trained() const { return node_->needs_grad; }
  void freeze() { node_->needs_grad = false; }  // no gradient from now on, and no optimizer (nn::freeze)
  const std::shared_ptr<Node<T, D>>& node() const { return node_; }

  Var<T, D> operator()(const Var<T, D>& beside) const {
    if (beside.tape()) return Var<T, D>(node_, beside.tape());
    return Var<T, D>(node_->value);
  }

 private:
  std::shared_ptr<Node<T, D>> node_;
  bool decay_ = true;
};

template <class T, class D = Cpu>
class State {
 public:
  State() = default;
  explicit State(Tensor<T, D> value) : value_(std::move(value)) {}
  State(const State& o) : value_(o.value_.clone()) {}
  State(State&&) noexcept = default;
  State& operator=(State o) noexcept {
    std::swap(value_, o.value_);
    return *this;
  }
  const Tensor<T, D>& value() const { return value_; }
  Tensor<T, D>& value() { return value_; }
  const Shape& shape() const { return value_.shape(); }
  // A first forward pass in Mode::train may change it; nothing else may.
  Tensor<T, D> shared() const { return value_; }

 private:
  Tensor<T, D> value_;
};

}  // namespace nacre
