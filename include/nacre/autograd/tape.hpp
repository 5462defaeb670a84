// Tape: the steps of a forward pass in order; reverse mode runs them from the back.
//
// A step is one closure: it reads the gradient of its output and adds to the gradients of its inputs. The order
// of creation is a topological order, so backward is a loop: 1,000,000 steps need no stack. Each step is
// destroyed as soon as it has run and its saved tensors return to the pool.
//
// A tape is an explicit object and there are no globals: two threads with two tapes are independent. It carries
// the mode and the key that dropout draws from. Not a template: one tape mixes float, double and labels.
// Tested in tests/autograd/tape.cpp.
#pragma once

#include <nacre/core/error.hpp>
#include <nacre/core/random.hpp>

#include <memory>
#include <vector>

namespace nacre {

enum class Mode { train, infer };  // batch statistics and dropout, or running statistics and none
enum class Record { yes, no };     // no: values only, as for a momentum encoder
enum class Pass { first, again };   // again: running statistics stay, they have moved already (grad_cache.hpp)

class Tape {
 public:
  struct Step {
    const char* name;
    explicit Step(const char* n) : name(n) {}
    virtual ~Step() = default;
    virtual void run(double scale) = 0;
  };

  explicit Tape(Mode mode = Mode::train, Key key = {}, Record record = Record::yes, Pass pass = Pass::first)
      : mode_(mode), record_(record), pass_(pass), key_(key.fold("tape")) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;
  ~Tape() { clear(); }

  Mode mode() const { return mode_; }
  bool recording() const { return record_ == Record::yes; }
  Pass pass() const { return pass_; }
  std::size_t size() const { return steps_.size(); }
  const char* name(std::size_t i) const { return steps_[i]->name; }

  // A fresh key for each random op, the same in a repeated pass.
  Key next_key() { return key_.fold(draws_++); }

  void push(std::unique_ptr<Step> step) { steps_.push_back(std::move(step)); }

  void run_backward() {
    while (!steps_.empty()) {
      std::unique_ptr<Step> step = std::move(steps_.back());
      steps_.pop_back();
      step->run(steps_.size() == broken_step_ ? 1.01 : 1.0);
    }
  }
  void clear() {
    while (!steps_.empty()) steps_.pop_back();  // from the back: nothing recurses
  }

  // Test control: makes the backward of step i wrong by 1 %; a gradient check that still passes is worthless.
  void break_step(std::size_t i) { broken_step_ = i; }

 private:
  Mode mode_;
  Record record_;
  Pass pass_;
  Key key_;
  u64 draws_ = 0;
  std::size_t broken_step_ = static_cast<std::size_t>(-1);
  std::vector<std::unique_ptr<Step>> steps_;
};

}  // namespace nacre
