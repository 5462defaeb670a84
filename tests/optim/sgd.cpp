#include "rule.hpp"

#include <nacre/optim/sgd.hpp>

using namespace nacre;
using namespace nacre::test;
using optim::Sgd, optim::SgdOptions;

TEST_CASE("SGD takes PyTorch's steps: plain, with momentum and decay, Nesterov") {
  check_values(run_rule<Sgd<double>>(SgdOptions{.momentum = 0}), {0.61, -1.1649999999999998, 1.82});
  check_values(run_rule<Sgd<double>>(SgdOptions{.weight_decay = 0.01}), {0.5137100895, -1.206290179, 1.851268368});
  check_values(run_rule<Sgd<double>>(SgdOptions{.weight_decay = 0.01, .nesterov = true}),
               {0.6207928739805, -1.347216447961, 1.679270944512});
}

TEST_CASE("SGD decays what may be decayed, or everything") {
  SgdOptions o{.weight_decay = 0.01}, none{.weight_decay = 0}, all{.weight_decay = 0.01, .decay_all = true};
  CHECK(same_bits(run_rule<Sgd<double>>(o, false), run_rule<Sgd<double>>(none, true)));
  CHECK(same_bits(run_rule<Sgd<double>>(all, false), run_rule<Sgd<double>>(o, true)));
  CHECK(!same_bits(run_rule<Sgd<double>>(o, false), run_rule<Sgd<double>>(o, true)));
}

TEST_CASE("SGD continues from its saved state") {
  check_resumes<Sgd<double>>(SgdOptions{.weight_decay = 0.01, .nesterov = true});
  Vector v;
  CHECK(names(Sgd<double>(v)) == std::vector<std::string>{"velocity"});
}

TEST_CASE("SGD refuses a momentum outside [0, 1) and negative decay") {
  Vector v;
  check_message([&] { Sgd<double> s(v, {.momentum = 1}); }, {"sgd", "momentum 1", "[0, 1)"});
  check_message([&] { Sgd<double> s(v, {.weight_decay = -1}); }, {"sgd", "weight_decay -1"});
}
