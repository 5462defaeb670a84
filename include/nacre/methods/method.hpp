// What a method is: a module that turns a batch into a loss. AnyMethod is one whose type has been forgotten.
//
//   loss(tape, batch)    -> a struct whose `.loss` is a scalar; keeps what after_step and newest need
//   after_step(batch)    moves banks, queues and momentum copies, after the optimizer
//   newest()             unit rows of the last batch: a [B, D], and b [B, D] whose row i is to lie near row i of a
//   expected_loss(B)     at a batch of B, of an encoder that tells nothing apart, with a bank: against random rows; 0
//                        where there is no closed form
//   visit                names parameters and states; what is visited is all there is: a checkpoint holds no more
//
// A method of one's own needs no more than these (examples/05_my_method.cpp); train::Trainer runs it.
// With AnyMethod a program compiles its trainer once and not once a method.
// Tested in tests/methods/method.cpp.
#pragma once

#include <nacre/autograd/tape.hpp>
#include <nacre/autograd/var.hpp>
#include <nacre/data/batch.hpp>
#include <nacre/nn/module.hpp>

#include <concepts>
#include <memory>

namespace nacre::methods {

template <class T>
struct Terms {
  Var<T> loss;
};

// For the monitors of collapse (eval/metrics.hpp). b is empty where nothing is related row by row.
template <class T>
struct Related {
  Tensor<T> a, b;
};

template <class M, class T = float>
concept Method = std::copyable<M> && requires(M m, const M& c, Tape& tape, const Batch& batch) {
  { m.loss(tape, batch).loss } -> std::convertible_to<Var<T>>;
  m.after_step(batch);
  { c.newest() } -> std::convertible_to<Related<T>>;
  { c.expected_loss(i64{}) } -> std::convertible_to<double>;
};

class AnyMethod {
 public:
  template <class M>
    requires Method<M> && (!std::same_as<M, AnyMethod>)
  explicit AnyMethod(M method) : held_(std::make_unique<Held<M>>(std::move(method))) {}
  AnyMethod(const AnyMethod& o) : held_(o.held_->copy()) {}
  AnyMethod(AnyMethod&&) = default;
  AnyMethod& operator=(AnyMethod o) {
    held_ = std::move(o.held_);
    return *this;
  }

  Terms<float> loss(Tape& tape, const Batch& batch) { return {held_->loss(tape, batch)}; }
  void after_step(const Batch& batch) { held_->after_step(batch); }
  Related<float> newest() const { return held_->newest(); }
  double expected_loss(i64 batch) const { return held_->expected_loss(batch); }

  // The method itself, or nullptr if it is of another type.
  template <class M>
  M* as() {
    auto* held = dynamic_cast<Held<M>*>(held_.get());
    return held ? &held->method : nullptr;
  }
  template <class M>
  const M* as() const {
    return const_cast<AnyMethod*>(this)->as<M>();
  }

  // Stands for `visit` (nn/module.hpp).
  void collect(std::vector<nn::detail::Leaf>& leaves, const std::string& prefix) { held_->collect(leaves, prefix); }

 private:
  struct Holder {
    virtual ~Holder() = default;
    virtual std::unique_ptr<Holder> copy() const = 0;
    virtual Var<float> loss(Tape&, const Batch&) = 0;
    virtual void after_step(const Batch&) = 0;
    virtual Related<float> newest() const = 0;
    virtual double expected_loss(i64 batch) const = 0;
    virtual void collect(std::vector<nn::detail::Leaf>&, const std::string&) = 0;
  };
  template <class M>
  struct Held final : Holder {
    M method;
    explicit Held(M m) : method(std::move(m)) {}
    std::unique_ptr<Holder> copy() const override { return std::make_unique<Held>(method); }
    Var<float> loss(Tape& tape, const Batch& batch) override { return method.loss(tape, batch).loss; }
    void after_step(const Batch& batch) override { method.after_step(batch); }
    Related<float> newest() const override { return method.newest(); }
    double expected_loss(i64 batch) const override { return method.expected_loss(batch); }
    void collect(std::vector<nn::detail::Leaf>& leaves, const std::string& prefix) override {
      nn::detail::Collect<M>::into(leaves, prefix, method);
    }
  };
  std::unique_ptr<Holder> held_;
};

}  // namespace nacre::methods
