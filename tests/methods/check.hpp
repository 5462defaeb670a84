// What every method has to hold: its gradient, the same bits at any thread count, and a state that is visited whole.
#pragma once

#include "../train/method.hpp"

#include <nacre/core/parallel.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/train/trainer.hpp>

#include <array>
#include <cstdio>
#include <unistd.h>

namespace nacre::test {

// loss(Tape&) -> Var<double>, a function of the module's parameters. Along one random direction per parameter the
// slope is compared with the six-point stencil, and the comparison must fail for each step of the tape that is broken.
template <class M, class F>
void check_gradient(M& module, const F& loss, double tolerance = 1e-6) {
  std::vector<Tensor<double>> directions;
  std::vector<Parameter<double>*> parameters;
  nn::for_each_parameter(module, [&](const std::string&, Parameter<double>& p) {
    if (!p.trained()) return;
    parameters.push_back(&p);
    directions.push_back(randn(p.shape(), 100 + directions.size()));
  });
  auto value = [&] {
    Tape tape(Mode::train, Key{9}, Record::no);
    return loss(tape).item();
  };
  std::size_t steps = 0;
  auto analytic = [&](std::size_t broken) {
    Tape tape(Mode::train, Key{9});
    Var<double> l = loss(tape);
    steps = tape.size();
    tape.break_step(broken);
    backward(l);
    std::vector<double> slopes;
    for (std::size_t k = 0; k < parameters.size(); ++k) {
      double s = 0;
      REQUIRE(parameters[k]->node()->has_grad);
      for (i64 i = 0; i < directions[k].size(); ++i) s += directions[k][i] * parameters[k]->node()->grad[i];
      slopes.push_back(s);
      parameters[k]->node()->has_grad = false;
    }
    return slopes;
  };
  // Long moves cross kinks of the relus, short ones round: one of the lengths must agree.
  std::vector<std::array<double, 4>> numeric;
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    Tensor<double>& p = parameters[k]->value();
    Tensor<double> start = p.clone();
    std::array<double, 4> slopes{};
    double h = 1e-4;
    for (double& slope : slopes) {
      for (auto [n, c] : {std::pair{1, 45.0}, {2, -9.0}, {3, 1.0}})
        for (int sign : {1, -1}) {
          for (i64 i = 0; i < p.size(); ++i) p[i] = start[i] + sign * n * h * directions[k][i];
          slope += sign * c * value() / (60 * h);
        }
      h /= 10;
    }
    p.copy_from(start);
    numeric.push_back(slopes);
  }
  auto error = [&](const std::vector<double>& slopes) {
    double worst = 0;
    for (std::size_t k = 0; k < slopes.size(); ++k) {
      double nearest = 1e9;
      for (double n : numeric[k]) nearest = std::min(nearest, std::abs(slopes[k] - n) / std::max(std::abs(n), 0.01));
      worst = std::max(worst, nearest);
    }
    return worst;
  };
  CHECK(error(analytic(static_cast<std::size_t>(-1))) < tolerance);
  REQUIRE(steps > 0);
  for (std::size_t step = 0; step < steps; ++step) {
    CAPTURE(step);
    CHECK(error(analytic(step)) > tolerance);
  }
}

// make() -> a method of float; loader() -> a fresh Loader of 6 steps or more.
//   - one and three threads leave the same bits;
//   - half the run, a checkpoint, the rest by a fresh method: the same bits as without the stop;
//   - the loss of the first step is returned.
template <class Make, class MakeLoader>
double check_training(const Make& make, const MakeLoader& loader) {
  auto run = [&](auto& method, i64 begin, i64 end, const std::string& from, const std::string& to, double* first) {
    optim::Sgd<float> sgd(method, {.momentum = 0.9});
    Loader batches = loader();
    REQUIRE(batches.steps() >= 6);
    train::Trainer trainer(method, sgd, {.lr = 0.02, .steps = batches.steps()}, Key{7});
    if (!from.empty()) trainer.load(from);
    batches.seek(begin);
    for (i64 step = begin; step < end; ++step) {
      double loss = trainer.step(*batches.next());
      REQUIRE(std::isfinite(loss));
      if (step == 0 && first) *first = loss;
    }
    if (!to.empty()) trainer.save(to);
    return bits(method);
  };
  const std::string path = "method-" + std::to_string(getpid()) + ".safetensors";
  const int threads = nacre::threads();
  double first = 0;
  std::string left[3];
  for (int t : {1, 3}) {
    set_threads(t);
    auto method = make();
    left[t / 2] = run(method, 0, 6, "", "", &first);
  }
  auto half = make(), rest = make();
  run(half, 0, 3, "", path, nullptr);
  left[2] = run(rest, 3, 6, path, "", nullptr);
  set_threads(threads);
  std::remove(path.c_str());
  CHECK_MESSAGE(left[0] == left[1], "the thread count changed the bits");
  CHECK_MESSAGE(left[0] == left[2], "a run that was continued left other bits");
  CHECK(bits(make()) != left[0]);
  return first;
}

}  // namespace nacre::test
