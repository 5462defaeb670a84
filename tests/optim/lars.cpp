#include "rule.hpp"

#include <nacre/optim/lars.hpp>
#include <nacre/optim/sgd.hpp>

using namespace nacre;
using namespace nacre::test;
using optim::Lars, optim::LarsOptions;

TEST_CASE("LARS takes the steps of its equation") {  // computed with NumPy
  check_values(run_rule<Lars<double>>(LarsOptions{.weight_decay = 0.01, .eta = 0.02}),
               {0.4960381137584048, -1.00338810146825, 1.9894962004302548});
}

TEST_CASE("LARS moves a weight by eta |w| lr, however large the gradient is") {
  for (double size : {1e-4, 1.0, 1e4}) {
    Vector v;
    auto before = v.w.value().clone();
    Lars<double> lars(v, {.momentum = 0, .eta = 0.01});
    auto g = gradient_of(v.w.node());
    for (i64 i = 0; i < 3; ++i) g.tensor[i] = size * static_cast<double>(i + 1);
    lars.step(0.5);
    double moved = 0;
    for (i64 i = 0; i < 3; ++i) moved += (v.w.value()[i] - before[i]) * (v.w.value()[i] - before[i]);
    CHECK(std::sqrt(moved) == doctest::Approx(0.5 * 0.01 * std::sqrt(5.25)));
  }
}

TEST_CASE("LARS treats biases as SGD without decay does, and a weight of norm 0 with trust 1") {
  CHECK(difference(run_rule<Lars<double>>(LarsOptions{.weight_decay = 0.3}, false),
                   run_rule<optim::Sgd<double>>(optim::SgdOptions{})) < 1e-15);
  Vector v;
  v.w.value().fill(0);
  Lars<double> lars(v);
  gradient_of(v.w.node()).tensor.fill(1);
  lars.step(0.1);
  CHECK(v.w.value()[0] == doctest::Approx(-0.1));
}

TEST_CASE("LARS continues from its saved state and refuses options outside their range") {
  check_resumes<Lars<double>>(LarsOptions{.weight_decay = 0.01, .eta = 0.5});
  Vector v;
  check_message([&] { Lars<double> l(v, {.eta = 0}); }, {"lars", "eta"});
}
