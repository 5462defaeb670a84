// What every method has to hold: its gradient, the same bits at any thread count, and a state that is visited whole.
#pragma once

#include "../train/method.hpp"

#include <nacre/core/parallel.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/train/trainer.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <sys/wait.h>
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
//   - a process that saves after each of three steps is killed once it has; what it left goes on to the same bits;
//   - the loss of the first step is returned.
template <class Make, class MakeLoader>
double check_training(const Make& make, const MakeLoader& loader) {
  const std::string path = "method-" + std::to_string(getpid()) + ".safetensors";
  double first = 0;
  auto run = [&](const std::string& from, int saves) {
    auto method = make();
    optim::Sgd<float> sgd(method, {.momentum = 0.9});
    Loader batches = loader();
    REQUIRE(batches.steps() >= 6);
    train::Trainer trainer(method, sgd, {.lr = 0.02, .steps = batches.steps()}, Key{7});
    if (!from.empty()) trainer.load(from);
    batches.seek(trainer.steps_done());
    while (trainer.steps_done() < 6) {
      double loss = trainer.step(*batches.next());
      REQUIRE(std::isfinite(loss));
      if (trainer.steps_done() == 1) first = loss;
      if (trainer.steps_done() <= saves) trainer.save(path);
    }
    return bits(method);
  };
  const int threads = nacre::threads();
  set_threads(3);
  std::string three = run("", 0);
  set_threads(1);  // from here on no thread is waited for that a forked process lacks
  std::string one = run("", 0);

  auto clean = [&] {
    for (const std::string& name : {path, io::previous_name(path)}) {
      std::remove(name.c_str());
      io::remove_stale(name);
    }
  };
  clean();
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(120);  // should nobody kill it
    try {
      run("", 3);
    } catch (...) {
      _exit(1);
    }
    for (;;) pause();
  }
  while (access(io::previous_name(path).c_str(), R_OK) != 0) {  // two steps are saved
    REQUIRE(waitpid(child, nullptr, WNOHANG) == 0);  // it has not given up
    usleep(100);
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  std::string continued = run(access(path.c_str(), R_OK) == 0 ? path : io::previous_name(path), 0);
  set_threads(threads);
  clean();
  CHECK_MESSAGE(one == three, "the thread count changed the bits");
  CHECK_MESSAGE(one == continued, "a run that was killed and continued left other bits");
  CHECK(bits(make()) != one);
  return first;
}

}  // namespace nacre::test
