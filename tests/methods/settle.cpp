#include <nacre/methods/settle.hpp>

#include "../helpers.hpp"

#include <nacre/models/resnet.hpp>

using namespace nacre;

namespace {

std::vector<double> numbers(const models::ResNet<double>& module, bool parameters) {
  std::vector<double> all;
  auto add = [&](const std::string&, const auto& leaf) {
    for (auto v : leaf.value().span()) all.push_back(static_cast<double>(v));
  };
  if (parameters) nn::for_each_parameter(module, add);
  else nn::for_each_state(module, add);
  return all;
}

}  // namespace

TEST_CASE("settled statistics are those of the pictures, and no weight moves") {
  models::ResNet<double> encoder({.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1}, Key{3});
  const i64 n = 9;
  Tensor<double> images = test::randn({n, 8, 8, 1}, 5);
  std::vector<double> weights = numbers(encoder, true);
  auto all = [&](i64 begin, i64 end) { return images.rows(begin, end); };
  methods::settle_statistics(encoder, n, all);
  CHECK(numbers(encoder, true) == weights);
  // settled already: as many batches again of the same pictures change nothing beyond 0.9^64
  std::vector<double> once = numbers(encoder, false);
  methods::settle_statistics(encoder, n, all);
  std::vector<double> twice = numbers(encoder, false);
  for (std::size_t i = 0; i < once.size(); ++i) CHECK(std::abs(once[i] - twice[i]) < 0.01 * (std::abs(twice[i]) + 1));
}
