// Trainer: one step at a time over any method, with what a run needs around it.
//
// A method is a struct with `visit`, `loss(tape, batch)` returning terms that hold a scalar `.loss`, and
// `after_step(batch)`; it may add `monitors()`. The trainer adds the schedule, the guard against non-finite
// numbers, and checkpoints that continue to the same bits, in the middle of an epoch too: everything random is a
// function of (seed, step), so a checkpoint is the tensors and one number.
//
//   Trainer trainer(method, optimizer, {.lr = 0.06, .steps = loader.steps()}, key);
//   for (auto& batch : loader) { double loss = trainer.step(batch); ... }
//
// Tested in tests/train/trainer.cpp.
#pragma once

#include <nacre/data/loader.hpp>
#include <nacre/io/json.hpp>
#include <nacre/optim/schedule.hpp>
#include <nacre/train/checkpoint.hpp>
#include <nacre/train/guard.hpp>

namespace nacre::train {

struct TrainerOptions {
  double lr = 0.06;        // at its highest
  i64 steps = 0;           // of the whole run
  i64 warmup_steps = 0;    // linear, before the cosine
};

template <class Method, class Optimizer>
class Trainer {
 public:
  Trainer(Method& method, Optimizer& optimizer, TrainerOptions options, Key key)
      : method_(method), optimizer_(optimizer), options_(options), key_(key.fold("train")) {
    check(options.steps >= 1, "trainer", [] { return std::string("needs the number of steps of the whole run"); });
  }

  // One update. Returns the loss. Throws NonFiniteError before anything is changed by a bad gradient.
  double step(const Batch& batch) {
    Tape tape(Mode::train, key_.fold(static_cast<u64>(step_)));
    optimizer_.store().clear_gradients();  // left by a step that was refused
    auto terms = method_.loss(tape, batch);
    double loss = static_cast<double>(terms.loss.item());
    backward(terms.loss);
    check_finite(loss, optimizer_, method_, step_);
    optimizer_.step(lr());
    method_.after_step(batch);
    ++step_;
    return loss;
  }

  i64 steps_done() const { return step_; }
  // Of the next step.
  double lr() const { return optim::cosine(options_.lr, step_, options_.steps, options_.warmup_steps); }

  // Throws WriteError, and NonFiniteError where a weight, a statistic or a moment is not finite.
  void save(const std::string& path, io::Metadata metadata = {}) const {
    check_savable(method_, step_);
    check_savable(optimizer_, step_);
    metadata["step"] = std::to_string(step_);
    save_checkpoint(path, metadata, part("method", method_), part("optimizer", optimizer_));
  }

  // All or nothing; returns the metadata of `save`.
  io::Metadata load(const std::string& path) {
    io::SafeTensors file = io::SafeTensors::open(path);
    auto found = file.metadata().find("step");
    u64 step = 0;
    check<DataError>(found != file.metadata().end() && io::json::parse_u64(found->second, step), "checkpoint",
                     [&] { return path + " does not say at which step it was taken"; });
    load_checkpoint(file, part("method", method_), part("optimizer", optimizer_));
    step_ = static_cast<i64>(step);
    return file.metadata();
  }

 private:
  Method& method_;
  Optimizer& optimizer_;
  TrainerOptions options_;
  Key key_;
  i64 step_ = 0;
};

}  // namespace nacre::train
