#include "../nn/check.hpp"

#include <nacre/nn/batchnorm.hpp>
#include <nacre/nn/linear.hpp>
#include <nacre/optim/ema.hpp>
#include <nacre/optim/sgd.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("ema moves every parameter of the target towards the source, which stays") {
  nn::Linear<float> source(4, 3, Key{1}), target = source;
  target.weight.value().fill(1);
  auto weight = source.weight.value().clone();
  optim::ema(target, source, 0.75);
  for (i64 i = 0; i < 12; ++i) CHECK(target.weight.value()[i] == doctest::Approx(0.75f + 0.25f * weight[i]));
  CHECK(same_bits(source.weight.value(), weight));
  CHECK(difference(target.bias.value(), source.bias.value()) < 1e-6);
}

TEST_CASE("ema with momentum 1 keeps the target, with 0 copies the source") {
  nn::Linear<double> source(4, 3, Key{1}), target(4, 3, Key{2}), before = target;
  optim::ema(target, source, 1);
  CHECK(same_bits(target.weight.value(), before.weight.value()));
  optim::ema(target, source, 0);
  CHECK(same_bits(target.weight.value(), source.weight.value()));
}

TEST_CASE("ema leaves running statistics alone unless asked for them") {
  nn::BatchNorm<float> source(2), target(2);
  source.running_mean.value().fill(4);
  optim::ema(target, source, 0.5);
  CHECK(target.running_mean.value()[0] == 0);
  optim::ema(target, source, 0.5, true);
  CHECK(target.running_mean.value()[0] == 2);
}

TEST_CASE("a momentum encoder follows a module that is being trained") {
  nn::Linear<float> query(2, 2, Key{1}), key = query;
  optim::Sgd<float> sgd(query, {.momentum = 0});
  auto before = key.weight.value().clone();
  gradient_of(query.weight.node()).tensor.fill(1);
  sgd.step(0.5);
  CHECK(same_bits(key.weight.value(), before));
  optim::ema(key, query, 0.9);
  CHECK(key.weight.value()[0] == doctest::Approx(before[0] - 0.05f));
}

TEST_CASE("ema refuses two different modules before it changes anything, and an impossible momentum") {
  nn::Linear<float> a(4, 3, Key{1}), b(5, 3, Key{1});
  auto before = a.weight.value().clone();
  check_message([&] { optim::ema(a, b, 0.5); }, {"ema", "weight", "[3, 4]", "[3, 5]"});
  CHECK(same_bits(a.weight.value(), before));
  check_message([&] { optim::ema(a, a, 1.5); }, {"ema", "momentum 1.5"});
}
