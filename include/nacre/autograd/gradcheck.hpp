// gradcheck(f, inputs): the gradients of f against finite differences, in double.
//
// f: (const std::vector<Var<double>>&) -> Var<double> of any shape. A fixed random weighting w turns the output
// into the scalar L = sum(w * f(x)); every element of every input is moved through the six-point stencil
//   f'(x) ~ [45 (f1 - f-1) - 9 (f2 - f-2) + (f3 - f-3)] / 60h     (error O(h^6))
// The gradients are poisoned with NaN first, so that an element that is never written is found. A relative
// error is measured against the larger of the two values and 1e-3 of the largest gradient of that input.
// `break_step` is the control: see Tape::break_step. Tested in tests/autograd/gradcheck.cpp.
#pragma once

#include <nacre/autograd/var.hpp>

#include <algorithm>
#include <cmath>

namespace nacre {

struct GradReport {
  double worst = 0;         // largest relative error
  std::size_t input = 0;    // where it was
  i64 element = 0;
  double analytic = 0, numeric = 0;
  std::size_t steps = 0;    // ops on the tape
  bool ok(double tolerance = 1e-7) const { return worst <= tolerance; }  // false for NaN
  std::string str() const {
    return "input " + std::to_string(input) + " element " + std::to_string(element) + ": analytic " +
           std::to_string(analytic) + ", numeric " + std::to_string(numeric) + ", relative error " +
           std::to_string(worst);
  }
};

struct GradCheck {
  double step = 1e-3;
  Mode mode = Mode::train;
  Key key{7};
  std::size_t break_step = static_cast<std::size_t>(-1);
};

template <class F>
GradReport gradcheck(F&& f, const std::vector<Tensor<double>>& inputs, GradCheck options = {}) {
  GradReport report;
  Tensor<double> weight;
  auto scalar_loss = [&](const Tensor<double>& y) {
    double s = 0;
    for (i64 i = 0; i < y.size(); ++i) s += y[i] * weight[i];
    return s;
  };
  auto evaluate = [&] {
    Tape tape(options.mode, options.key);
    std::vector<Var<double>> x;
    for (auto& t : inputs) x.push_back(constant(tape, t.clone()));
    return scalar_loss(f(x).value());
  };

  std::vector<Var<double>> x;
  {
    Tape tape(options.mode, options.key);
    for (auto& t : inputs) {
      x.push_back(variable(tape, t.clone()));
      x.back().node()->grad = Tensor<double>::full(t.shape(), std::nan(""));
    }
    Var<double> y = f(x);
    report.steps = tape.size();
    tape.break_step(options.break_step);
    weight = Tensor<double>(y.shape());
    Random random(options.key.fold("gradcheck"));
    for (double& w : weight.span()) w = 0.5 + random.uniform();
    auto g = gradient_of(y);
    check(g.wanted, "gradcheck", [] { return std::string("the result does not depend on the inputs"); });
    g.tensor.copy_from(weight);
    tape.run_backward();
  }

  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Tensor<double> t = inputs[i], numeric(t.shape());  // t shares memory with inputs[i]: moved and restored
    double largest = 0;
    for (i64 e = 0; e < t.size(); ++e) {
      double x0 = t[e], h = options.step * std::max(1.0, std::abs(x0)), d = 0;
      const double c[3] = {45, -9, 1};
      for (int k = 1; k <= 3; ++k) {
        t[e] = x0 + k * h;
        double up = evaluate();
        t[e] = x0 - k * h;
        d += c[k - 1] * (up - evaluate());
      }
      t[e] = x0;
      numeric[e] = d / (60 * h);
      largest = std::max(largest, std::abs(numeric[e]));
    }
    const Tensor<double>& analytic = x[i].node()->grad;
    for (i64 e = 0; e < t.size(); ++e) {
      double floor = std::max(1e-3 * largest, 1e-9), a = analytic[e], n = numeric[e];
      double error = std::abs(a - n) / std::max({std::abs(a), std::abs(n), floor});
      if (!(error <= report.worst)) {
        report.worst = error;
        report.input = i;
        report.element = e;
        report.analytic = a;
        report.numeric = n;
        if (std::isnan(error)) return report;
      }
    }
  }
  return report;
}

}  // namespace nacre
