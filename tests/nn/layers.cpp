#include "check.hpp"

#include <nacre/nn/batchnorm.hpp>
#include <nacre/nn/conv2d.hpp>
#include <nacre/nn/linear.hpp>
#include <nacre/nn/norm.hpp>
#include <nacre/nn/sequential.hpp>

using namespace nacre;
using namespace nacre::test;
using Names = std::vector<std::string>;

namespace {

template <class M>
void randomise(M& module) {  // gamma 1 and beta 0 would hide a mistake
  u64 seed = 50;
  nn::for_each_parameter(
      module, [&](const std::string&, Parameter<double>& p) { p.value() = uniform(p.shape(), 0.5, 1.5, seed++); });
}

}  // namespace

TEST_CASE("Linear has the gradients it says, with and without a bias") {
  check_module(nn::Linear<double>(4, 3, Key{1}), randn({5, 4}));
  check_module(nn::Linear<double>(4, 3, Key{1}, false), randn({2, 3, 4}));
  CHECK(names(nn::Linear<double>(4, 3, Key{1})) == Names{"weight", "bias"});
  CHECK(names(nn::Linear<double>(4, 3, Key{1}, false)) == Names{"weight"});
}

TEST_CASE("Conv2d has the gradients it says, with and without a bias") {
  nn::Conv2d<double> with(2, 4, 3, {.stride = 2, .padding = 1, .groups = 2}, Key{1}, true);
  with.bias.value() = randn({4}, 3);
  check_module(with, randn({2, 5, 4, 2}));
  nn::Conv2d<double> without(3, 2, 1, {}, Key{1});
  check_module(without, randn({1, 3, 3, 3}));
  CHECK(names(with) == Names{"weight", "bias"});
  CHECK(names(without) == Names{"weight"});
  CHECK(with.weight.shape() == Shape{4, 3, 3, 1});
}

TEST_CASE("BatchNorm has the gradients it says, on images and rows, in training and inference") {
  nn::BatchNorm<double> bn(3);
  randomise(bn);
  for (Mode mode : {Mode::train, Mode::infer}) {
    check_module(bn, randn({2, 3, 2, 3}), mode, 1e-3);
    check_module(bn, randn({5, 3}), mode, 1e-3);
  }
  CHECK(names(bn) == Names{"weight", "bias", "running_mean", "running_var"});
  CHECK(!bn.weight.decay());
  CHECK(!bn.bias.decay());
}

TEST_CASE("BatchNorm moves its running statistics in training only") {
  nn::BatchNorm<double> bn(2, {.momentum = 0.5});
  auto x = Tensor<double>::of({2, 2}, {1, 10, 3, 30});  // means 2, 20; unbiased variances 2, 200
  bn(Var<double>(x));
  Tape infer(Mode::infer);
  bn(constant(infer, x));
  CHECK(bn.running_mean.value()[0] == 0);
  Tape tape;
  bn(constant(tape, x));
  CHECK(bn.running_mean.value()[0] == doctest::Approx(1));
  CHECK(bn.running_mean.value()[1] == doctest::Approx(10));
  CHECK(bn.running_var.value()[0] == doctest::Approx(1.5));
  CHECK(bn.running_var.value()[1] == doctest::Approx(100.5));
}

TEST_CASE("LayerNorm and GroupNorm have the gradients they say") {
  nn::LayerNorm<double> layer(5);
  randomise(layer);
  check_module(layer, randn({3, 5}), Mode::train, 1e-3);
  nn::GroupNorm<double> group(2, 4);
  randomise(group);
  check_module(group, randn({2, 2, 3, 4}), Mode::train, 1e-3);
  CHECK(names(layer) == Names{"weight", "bias"});
  CHECK(names(group) == Names{"weight", "bias"});
}

TEST_CASE("ImageNorm is batch, group or layer norm under the same names; relu and residual included") {
  Var<double> x(randn({2, 3, 2, 32})), residual(randn({2, 3, 2, 32}, 2));
  nn::BatchNorm<double> bn(32);
  nn::GroupNorm<double> by_16(2, 32), one(1, 32);
  auto agree = [&](const auto& norm, const auto& reference) {
    CHECK(same_bits(norm(x).value(), reference(x).value()));
    CHECK(same_bits(norm.relu(x).value(), relu(reference(x)).value()));
    CHECK(same_bits(norm.relu(x, residual).value(), relu(reference(x) + residual).value()));
    CHECK(names(norm) == names(reference));
  };
  agree(nn::ImageNorm<double>(32, nn::Norm::batch), bn);
  agree(nn::ImageNorm<double>(32, nn::Norm::group), by_16);
  agree(nn::ImageNorm<double>(32, nn::Norm::layer), one);
  CHECK(nn::ImageNorm<float>(24, nn::Norm::group).groups == 1);  // 16 does not divide 24
  CHECK(nn::ImageNorm<float>(16, nn::Norm::group).groups == 1);
  CHECK(nn::ImageNorm<float>(512, nn::Norm::group).groups == 32);
  nn::ImageNorm<double> group(32, nn::Norm::group);
  randomise(group);
  check_module(group, randn({2, 2, 1, 32}), Mode::train, 1e-3);
}

TEST_CASE("Sequential is one layer after another, functions included, named by position") {
  nn::Linear<double> a(3, 4, Key{1}), b(4, 2, Key{2});
  nn::Sequential net(
      a, [](const auto& x) { return relu(x); }, b);
  CHECK(names(net) == Names{"0.weight", "0.bias", "2.weight", "2.bias"});
  Var<double> x(randn({5, 3}));
  CHECK(same_bits(net(x).value(), b(relu(a(x))).value()));
  check_module(net, randn({5, 3}));
}

TEST_CASE("layers of impossible sizes are refused") {
  check_message([] { nn::Linear<float>(0, 3, Key{}); }, {"linear", "0 to 3", "at least 1"});
  check_message([] { nn::Conv2d<float>(3, 4, 3, {.groups = 2}, Key{}); },
                {"conv2d", "3 to 4", "groups 2", "multiples"});
  check_message([] { nn::Linear<double>(4, 3, Key{})(Var<double>(randn({2, 5}))); }, {"linear", "[2, 5]", "[3, 4]"});
}
