// check_module: the gradient of a module with respect to its input and each of its parameters.
// tensor_bytes: of all its parameters and states.
#pragma once

#include "../helpers.hpp"

#include <nacre/nn/module.hpp>

namespace nacre::test {

// Hands the gradient of a parameter on to a variable of gradcheck. Pushed first, so it runs last.
struct Bind final : Tape::Step {
  std::shared_ptr<Node<double>> parameter, variable;
  Bind(std::shared_ptr<Node<double>> p, std::shared_ptr<Node<double>> v)
      : Step("bind"), parameter(std::move(p)), variable(std::move(v)) {}
  void run(double) override {
    if (!parameter->has_grad) return;
    if (auto g = gradient_of(variable)) g.tensor.copy_from(parameter->grad);
  }
};

template <class M>
i64 tensor_bytes(const M& module) {
  i64 n = 0;
  auto add = [&](const std::string&, const auto& leaf) {
    n += leaf.value().size() * static_cast<i64>(sizeof(leaf.value()[0]));
  };
  nn::for_each_parameter(module, add);
  nn::for_each_state(module, add);
  return n;
}

// h: small, so that no finite difference crosses the kink of a relu.
template <class M>
void check_module(const M& module, const Tensor<double>& x, Mode mode = Mode::train, double h = 1e-5,
                  double tolerance = 1e-7) {
  std::vector<Tensor<double>> inputs{x};
  nn::for_each_parameter(module, [&](const std::string&, const Parameter<double>& p) { inputs.push_back(p.value()); });
  auto f = [&](const std::vector<Var<double>>& v) {
    M m = module;
    std::size_t i = 1;
    nn::for_each_parameter(m, [&](const std::string&, Parameter<double>& p) {
      p.value() = v[i].value();
      v[0].tape()->push(std::make_unique<Bind>(p.node(), v[i++].node()));
    });
    return m(v[0]);
  };
  GradReport report = gradcheck(f, inputs, {.step = h, .mode = mode});
  CHECK_MESSAGE(report.ok(tolerance), report.str());
  REQUIRE(report.steps >= inputs.size());
  for (std::size_t step = inputs.size() - 1; step < report.steps; ++step)
    CHECK_MESSAGE(!gradcheck(f, inputs, {.step = h, .mode = mode, .break_step = step}).ok(1e-3),
                  "the check did not notice that step " << step << " was broken");
}

template <class M>
std::vector<std::string> names(const M& module) {
  std::vector<std::string> all;
  nn::for_each_parameter(module, [&](const std::string& name, const auto&) { all.push_back(name); });
  nn::for_each_state(module, [&](const std::string& name, const auto&) { all.push_back(name); });
  return all;
}

}  // namespace nacre::test
