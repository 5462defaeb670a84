#include "check.hpp"

#include <nacre/nn/residual.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("a residual block has the gradients it says: identity, projected, bottleneck") {
  const double h = 3e-4;  // no kink of a relu is within reach with these draws
  check_module(nn::Residual<double>(2, 2, 1, false, Key{4}), randn({2, 3, 3, 2}), Mode::train, h);
  check_module(nn::Residual<double>(2, 3, 2, false, Key{4}), randn({3, 4, 3, 2}), Mode::train, h);
  check_module(nn::Residual<double>(8, 2, 1, true, Key{4}), randn({2, 2, 3, 8}), Mode::train, h);
  check_module(nn::Residual<double>(3, 2, 2, true, Key{4}), randn({3, 4, 3, 3}), Mode::train, h);
}

TEST_CASE("a residual block in inference has the gradients it says") {
  check_module(nn::Residual<double>(2, 3, 2, false, Key{2}), randn({2, 4, 3, 2}), Mode::infer);
}

TEST_CASE("a residual block with group norm has the gradients it says, and its samples do not meet") {
  const double h = 3e-4;
  check_module(nn::Residual<double>(2, 3, 2, false, Key{4}, nn::Norm::group), randn({3, 4, 3, 2}), Mode::train, h);
  check_module(nn::Residual<double>(3, 2, 2, true, Key{4}, nn::Norm::layer), randn({3, 4, 3, 3}), Mode::train, h);
  Tensor<double> x = randn({3, 4, 4, 2});
  auto alone = [&](nn::Norm norm) {
    nn::Residual<double> block(2, 3, 2, false, Key{4}, norm);
    Tape all, one;
    return same_bits(block(constant(all, x)).value().rows(0, 1).clone(), block(constant(one, x.rows(0, 1))).value());
  };
  CHECK(alone(nn::Norm::group));
  CHECK(alone(nn::Norm::layer));
  CHECK(!alone(nn::Norm::batch));
}

TEST_CASE("a residual block is named as torchvision's") {
  CHECK(names(nn::Residual<float>(2, 2, 1, false, Key{1})) ==
        std::vector<std::string>{"conv1.weight", "bn1.weight", "bn1.bias", "conv2.weight", "bn2.weight", "bn2.bias",
                                 "bn1.running_mean", "bn1.running_var", "bn2.running_mean", "bn2.running_var"});
  auto all = names(nn::Residual<float>(2, 2, 2, true, Key{1}));
  for (const char* name : {"conv3.weight", "bn3.running_var", "downsample.0.weight", "downsample.1.weight",
                           "downsample.1.bias", "downsample.1.running_mean", "downsample.1.running_var"})
    CHECK_MESSAGE(std::find(all.begin(), all.end(), name) != all.end(), name);
  CHECK(all.size() == 4 + 4 * 4);
  CHECK(names(nn::Residual<float>(2, 2, 1, false, Key{1}, nn::Norm::group)) ==
        std::vector<std::string>{"conv1.weight", "bn1.weight", "bn1.bias", "conv2.weight", "bn2.weight", "bn2.bias"});
}

TEST_CASE("with a last gamma of 0 a block is relu of its shortcut") {
  for (bool bottleneck : {false, true}) {
    nn::Residual<double> block(4, bottleneck ? 1 : 4, 1, bottleneck, Key{1});
    block.zero_last_gamma();
    Var<double> x(randn({2, 3, 3, 4}));
    CHECK(same_bits(block(x).value(), relu(x).value()));
  }
}
