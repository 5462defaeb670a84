// Var<T, D>: a value, its gradient and the tape it was computed on (none for a constant).
//
// `make_op(name, value, backward, inputs...)` is the only way onto a tape, so an op without a backward cannot be
// written by omission. backward(gy) receives dL/dvalue and writes dL/dinput through `gradient_of(input)`:
//
//   if (auto g = gradient_of(x)) backend::map(D{}, f, g.data(), rows, cols, g.into, ...);
//
// which is empty where no gradient is wanted; the first writer of a gradient assigns, later ones add.
// Second-order gradients are out of scope. Throws nacre::Error. Tested in tests/autograd/var.cpp.
#pragma once

#include <nacre/autograd/tape.hpp>
#include <nacre/core/tensor.hpp>

#include <utility>

namespace nacre {

template <class T, class D = Cpu>
struct Node {
  Tensor<T, D> value, grad;
  bool needs_grad = false;
  bool has_grad = false;  // grad was written; memory alone (its place in an optimizer) says nothing
};

template <class T, class D = Cpu>
class Var {
 public:
  using value_type = T;

  Var() = default;
  Var(Tensor<T, D> value, Tape* tape = nullptr, bool needs_grad = false)
      : node_(std::make_shared<Node<T, D>>()), tape_(tape) {
    node_->value = std::move(value);
    node_->needs_grad = needs_grad;
  }
  Var(std::shared_ptr<Node<T, D>> node, Tape* tape) : node_(std::move(node)), tape_(tape) {}

  const Tensor<T, D>& value() const { return node_->value; }
  const Shape& shape() const { return node_->value.shape(); }
  i64 dim(int i) const { return shape()[i]; }
  T item() const { return value().item(); }

  // dL/dvalue after backward(L), of leaves; zeros if nothing flowed here.
  Tensor<T, D> grad() const { return node_->has_grad ? node_->grad : Tensor<T, D>::zeros(shape()); }
  bool needs_grad() const { return node_ && node_->needs_grad; }

  Tape* tape() const { return tape_; }
  bool training() const { return tape_ && tape_->mode() == Mode::train; }
  // The same value, from which no gradient flows back.
  Var detach() const { return Var(node_->value, tape_, false); }

  const std::shared_ptr<Node<T, D>>& node() const { return node_; }

 private:
  std::shared_ptr<Node<T, D>> node_;
  Tape* tape_ = nullptr;
};

// An input whose gradient is wanted.
template <class T, class D>
Var<T, D> variable(Tape& tape, Tensor<T, D> value) {
  return Var<T, D>(std::move(value), &tape, true);
}
// An input on a tape (so that modules know the mode) whose gradient is not wanted.
template <class T, class D>
Var<T, D> constant(Tape& tape, Tensor<T, D> value) {
  return Var<T, D>(std::move(value), &tape, false);
}

// Where a backward writes: destination and whether to assign or add. False where no gradient is wanted.
template <class T, class D = Cpu>
struct Gradient {
  Tensor<T, D> tensor;
  Into into = Into::assign;
  bool wanted = false;

  T* data() { return tensor.data(); }
  explicit operator bool() const { return wanted; }
};

template <class T, class D>
Gradient<T, D> gradient_of(const std::shared_ptr<Node<T, D>>& node) {
  if (!node->needs_grad) return {};
  if (node->grad.shape() != node->value.shape()) node->grad = Tensor<T, D>(node->value.shape());
  Into into = node->has_grad ? Into::add : Into::assign;
  node->has_grad = true;
  return {node->grad, into, true};
}
template <class T, class D>
Gradient<T, D> gradient_of(const Var<T, D>& x) {
  return gradient_of(x.node());
}
// The same for a backward that is done with each element of gy when it writes that of the gradient: a first gradient
// then lies over gy, if nobody else reads it, and takes no memory.
template <class T, class D>
Gradient<T, D> gradient_over(const Tensor<T, D>& gy, const std::shared_ptr<Node<T, D>>& node) {
  if (node->needs_grad && !node->has_grad && node->grad.empty() && gy.unique() && gy.shape() == node->value.shape())
    node->grad = gy;
  return gradient_of(node);
}

namespace detail {

template <class T, class D, class F>
struct OpStep final : Tape::Step {
  std::shared_ptr<Node<T, D>> out;
  F backward;

  OpStep(const char* n, std::shared_ptr<Node<T, D>> o, F f) : Step(n), out(std::move(o)), backward(std::move(f)) {}
  void run(double scale) override {
    out->needs_grad = false;     // its step is gone: a second `backward` is refused
    if (!out->has_grad) return;  // nothing downstream asked for it
    if (scale != 1.0)
      for (T& g : out->grad.span()) g = static_cast<T>(static_cast<acc_t<T>>(g) * scale);
    out->has_grad = false;
    backward(std::exchange(out->grad, {}));  // an inner value: only leaves keep their gradient
  }
};

inline void join(const char* name, Tape*& tape, Tape* other) {
  if (!other || other == tape) return;
  check(tape == nullptr, name, [] { return std::string("the inputs are on two different tapes"); });
  tape = other;
}

}  // namespace detail

template <class T, class D, class F, class... In>
Var<T, D> make_op(const char* name, Tensor<T, D> value, F backward, const In&... inputs) {
  Tape* tape = nullptr;
  (detail::join(name, tape, inputs.tape()), ...);
  bool needs = tape && tape->recording() && (inputs.needs_grad() || ...);
  Var<T, D> y(std::move(value), tape, needs);
  if (needs) tape->push(std::make_unique<detail::OpStep<T, D, F>>(name, y.node(), std::move(backward)));
  return y;
}

// Fills the gradients of everything `loss` was computed from, and empties the tape.
// Throws nacre::Error if loss is not a scalar, or depends on nothing that wants a gradient.
template <class T, class D>
void backward(const Var<T, D>& loss) {
  check(loss.value().size() == 1, "backward", [&] { return "needs a scalar loss, got " + loss.shape().str(); });
  check(loss.needs_grad(), "backward", [] {
    return std::string("the loss depends on no parameter or variable of a tape (or its tape has already run)");
  });
  auto g = gradient_of(loss);
  g.tensor.fill(T(1));
  loss.tape()->run_backward();
}

}  // namespace nacre
