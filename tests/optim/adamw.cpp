#include "rule.hpp"

#include <nacre/optim/adamw.hpp>

using namespace nacre;
using namespace nacre::test;
using optim::AdamW, optim::AdamWOptions;

TEST_CASE("AdamW takes PyTorch's steps") {
  check_values(run_rule<AdamW<double>>(AdamWOptions{.weight_decay = 0.05}),
               {0.3895017614028209, -1.0498924502451998, 1.8158961624986172});
  check_values(run_rule<AdamW<double>>(AdamWOptions{.beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0}),
               {0.41002320884782556, -1.0799987195206084, 1.845033183803813});
}

TEST_CASE("AdamW's first step is lr in the direction of the gradient's sign, whatever its size") {
  for (double size : {1e-3, 1.0, 1e3}) {
    Vector v;
    AdamW<double> adam(v, {.weight_decay = 0});
    auto g = gradient_of(v.w.node());
    for (i64 i = 0; i < 3; ++i) g.tensor[i] = i == 1 ? -size : size;
    adam.step(0.01);
    CHECK(v.w.value()[0] == doctest::Approx(0.49));
    CHECK(v.w.value()[1] == doctest::Approx(-0.99));
  }
}

TEST_CASE("AdamW does not decay biases, and continues from its saved state") {
  CHECK(same_bits(run_rule<AdamW<double>>(AdamWOptions{.weight_decay = 0.5}, false),
                  run_rule<AdamW<double>>(AdamWOptions{.weight_decay = 0}, true)));
  check_resumes<AdamW<double>>(AdamWOptions{});
  Vector v;
  CHECK(names(AdamW<double>(v)) == std::vector<std::string>{"mean", "square", "powers"});
}

TEST_CASE("AdamW refuses options outside their range") {
  Vector v;
  check_message([&] { AdamW<double> a(v, {.beta2 = 1}); }, {"adamw", "beta2 1", "[0, 1)"});
  check_message([&] { AdamW<double> a(v, {.eps = 0}); }, {"adamw", "eps"});
}
