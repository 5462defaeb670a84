// Two numbers, one tape: y = x * w + tanh(x), its gradient, and the same gradient by finite differences.
//
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude examples/01_tape.cpp -ltbb -o tape && ./tape
#include <nacre/autograd/gradcheck.hpp>
#include <nacre/ops/elementwise.hpp>

#include <cmath>
#include <cstdio>

namespace nc = nacre;

int main() {
  nc::Tape tape;                                                            // records what is computed
  nc::Var<double> x = nc::variable(tape, nc::Tensor<double>::scalar(0.5));  // inputs whose gradient is wanted
  nc::Var<double> w = nc::variable(tape, nc::Tensor<double>::scalar(3.0));

  nc::Var<double> y = x * w + nc::tanh(x);                                  // three steps on the tape
  std::printf("y     = %.6f   (%zu steps on the tape)\n", y.item(), tape.size());

  nc::backward(y);                                                          // runs the steps from the back
  double t = std::tanh(0.5);
  std::printf("dy/dx = %.6f   (w + 1 - tanh(x)^2 = %.6f)\n", x.grad().item(), 3 + 1 - t * t);
  std::printf("dy/dw = %.6f   (x = 0.5)\n", w.grad().item());

  auto f = [](const std::vector<nc::Var<double>>& v) { return v[0] * v[1] + nc::tanh(v[0]); };
  nc::GradReport report = nc::gradcheck(f, {nc::Tensor<double>::scalar(0.5), nc::Tensor<double>::scalar(3.0)});
  std::printf("finite differences agree to %.1e\n", report.worst);
  return report.ok() ? 0 : 1;
}
