#include "../nn/check.hpp"

#include <nacre/models/resnet.hpp>
#include <nacre/ops/reduce.hpp>

#include <thread>

using namespace nacre;
using namespace nacre::test;
using models::ResNet, models::Stem;

namespace {

// Running statistics of a used network, so that inference is not the identity.
template <class T>
ResNet<T> used(const models::ResNetOptions& o, u64 seed = 1) {
  ResNet<T> net(o, Key{seed});
  u64 k = 0;
  nn::for_each_state(net, [&](const std::string& name, State<T>& s) {
    s.value() = name.ends_with("var") ? uniform<T>(s.shape(), 0.5, 2, ++k) : uniform<T>(s.shape(), -0.3, 0.3, ++k);
  });
  return net;
}

}  // namespace

TEST_CASE("ResNet-18, -34 and -50 have as many parameters as torchvision's without fc") {
  for (auto [depth, count, tensors] :
       {std::array<i64, 3>{18, 11'176'512, 60}, {34, 21'284'672, 108}, {50, 23'508'032, 159}}) {
    ResNet<float> net({.depth = depth}, Key{1});
    CHECK(nn::parameter_count(net) == count);
    i64 n = 0;
    nn::for_each_parameter(net, [&](const std::string&, const auto&) { ++n; });
    CHECK(n == tensors);
    CHECK(net.features() == (depth == 50 ? 2048 : 512));
  }
}

TEST_CASE("every stage has torchvision's shape at 224, 32 and odd sizes, with both stems") {
  struct Row {
    Stem stem;
    i64 height, width;
    std::array<Shape, 5> expected;  // stem, layer1 .. layer4
  };
  const Row rows[] = {
      {Stem::imagenet,
       224,
       224,
       {Shape{1, 112, 112, 2}, {1, 56, 56, 2}, {1, 28, 28, 4}, {1, 14, 14, 8}, {1, 7, 7, 16}}},
      {Stem::imagenet, 97, 32, {Shape{1, 49, 16, 2}, {1, 25, 8, 2}, {1, 13, 4, 4}, {1, 7, 2, 8}, {1, 4, 1, 16}}},
      {Stem::imagenet, 1, 1, {Shape{1, 1, 1, 2}, {1, 1, 1, 2}, {1, 1, 1, 4}, {1, 1, 1, 8}, {1, 1, 1, 16}}},
      {Stem::cifar, 32, 32, {Shape{1, 32, 32, 2}, {1, 32, 32, 2}, {1, 16, 16, 4}, {1, 8, 8, 8}, {1, 4, 4, 16}}},
      {Stem::cifar, 15, 21, {Shape{1, 15, 21, 2}, {1, 15, 21, 2}, {1, 8, 11, 4}, {1, 4, 6, 8}, {1, 2, 3, 16}}},
  };
  for (const Row& row : rows) {
    ResNet<float> net({.width = 2, .stem = row.stem}, Key{1});
    auto s = net.stages(Var<float>(randn<float>({1, row.height, row.width, 3})));
    const Var<float>* stages[] = {&s.stem, &s.layer1, &s.layer2, &s.layer3, &s.layer4};
    for (std::size_t i = 0; i < 5; ++i) CHECK(stages[i]->shape().str() == row.expected[i].str());
    CHECK(s.pool.shape() == Shape{1, 16});
  }
  ResNet<float> bottleneck({.depth = 50, .width = 2, .stem = Stem::cifar, .in_channels = 1}, Key{1});
  auto s = bottleneck.stages(Var<float>(randn<float>({2, 16, 16, 1})));
  CHECK(s.layer1.shape() == Shape{2, 16, 16, 8});
  CHECK(s.layer4.shape() == Shape{2, 2, 2, 64});
}

TEST_CASE("a ResNet's gradient agrees with finite differences along a direction in every parameter") {
  // ResNet-50 with the statistics of a tiny batch is too curved for finite differences: it is checked in inference,
  // and its blocks in training (tests/nn/residual.cpp).
  struct Row {
    models::ResNetOptions options;
    Mode mode;
    i64 height;
  };
  for (Row row : {Row{{.width = 2, .stem = Stem::imagenet, .in_channels = 1}, Mode::train, 64},
                  {{.width = 2, .stem = Stem::cifar}, Mode::infer, 16},
                  {{.width = 2, .stem = Stem::cifar, .norm = nn::Norm::group}, Mode::train, 16},
                  {{.depth = 50, .width = 2, .stem = Stem::cifar}, Mode::infer, 16}}) {
    auto net = used<double>(row.options, 3);
    auto x = randn({3, row.height, 16, row.options.in_channels}), weight = uniform({3, net.features()}, 0.5, 1.5, 9);
    auto value = [&](Tape& tape) { return sum(net(constant(tape, x)) * Var<double>(weight)); };
    Tape tape(row.mode);
    backward(value(tape));
    struct Pair {
      std::string name;
      double analytic, numeric;
    };
    std::vector<Pair> pairs;
    double largest = 0;
    nn::for_each_parameter(net, [&](const std::string& name, Parameter<double>& p) {
      auto before = p.value().clone(), direction = randn(p.shape(), 100 + pairs.size());
      REQUIRE(p.node()->has_grad);
      double analytic = 0;
      for (i64 i = 0; i < before.size(); ++i) analytic += p.node()->grad[i] * direction[i];
      auto at = [&](double t) {
        for (i64 i = 0; i < before.size(); ++i) p.value()[i] = before[i] + t * direction[i];
        Tape once(row.mode);
        return value(once).item();
      };
      const double h = 3e-7;  // from 1e-6 on a relu somewhere crosses its kink; rounding grows as 1 / h
      double numeric = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      p.value().copy_from(before);
      pairs.push_back({name, analytic, numeric});
      largest = std::max(largest, std::abs(numeric));
    });
    for (const Pair& p : pairs)
      CHECK_MESSAGE(std::abs(p.analytic - p.numeric) <= 1e-7 * std::max(std::abs(p.numeric), 1e-2 * largest),
                    p.name << ": " << p.analytic << " and " << p.numeric);
  }
}

TEST_CASE("an embedding depends on its picture alone: not on the batch, the chunk or the threads") {
  for (Stem stem : {Stem::imagenet, Stem::cifar}) {
    auto net = used<float>({.width = 4, .stem = stem});
    auto x = randn<float>({7, 19, 23, 3});
    auto y = net.embed(x);
    CHECK(y.shape() == Shape{7, 32});
    CHECK(same_bits(y, net.embed(x, 2)));
    CHECK(same_bits(y, net(Var<float>(x)).value()));
    CHECK(same_bits(y, with_threads(3, [&] { return net.embed(x); })));
    for (i64 i : {0, 3, 6}) CHECK(same_bits(y.rows(i, i + 1).clone(), net.embed(x.rows(i, i + 1).clone())));
    Tape tape(Mode::infer);
    CHECK(same_bits(y, net(constant(tape, x)).value()));
    CHECK(!same_bits(y.rows(0, 1).clone(), y.rows(1, 2).clone()));
  }
}

TEST_CASE("without batch norm a network has no statistics, trains as it is used, and a row does not see the batch") {
  for (nn::Norm norm : {nn::Norm::group, nn::Norm::layer}) {
    ResNet<float> net({.width = 4, .stem = Stem::cifar, .norm = norm}, Key{1});
    nn::for_each_state(net, [](const std::string& name, const auto&) { FAIL_CHECK(name); });
    CHECK(nn::parameter_count(net) == nn::parameter_count(ResNet<float>({.width = 4, .stem = Stem::cifar}, Key{1})));
    auto x = randn<float>({5, 12, 12, 3});
    auto y = net.embed(x);
    Tape tape, one;
    CHECK(same_bits(y, net(constant(tape, x)).value()));
    CHECK(same_bits(y.rows(2, 3).clone(), net(constant(one, x.rows(2, 3))).value()));
    CHECK(same_bits(y, with_threads(3, [&] { return net.embed(x); })));
  }
}

TEST_CASE("several threads embed with one encoder") {
  const auto net = used<float>({.width = 4, .stem = Stem::cifar});
  auto x = randn<float>({4, 16, 16, 3});
  auto expected = net.embed(x);
  std::array<bool, 4> same{};
  std::vector<std::thread> threads;
  for (bool& ok : same)
    threads.emplace_back([&] {
      ok = true;
      for (int i = 0; i < 5; ++i) ok = ok && same_bits(net.embed(x), expected);
    });
  for (auto& t : threads) t.join();
  for (bool ok : same) CHECK(ok);
}

TEST_CASE("an encoder is a function of its options and key") {
  models::ResNetOptions o{.width = 2, .stem = Stem::cifar};
  auto x = randn<float>({2, 8, 8, 3});
  CHECK(same_bits(ResNet<float>(o, Key{1}).embed(x), ResNet<float>(o, Key{1}).embed(x)));
  CHECK(!same_bits(ResNet<float>(o, Key{1}).embed(x), ResNet<float>(o, Key{2}).embed(x)));
}

TEST_CASE("zero_init_residual sets the last gamma of every block to 0 and nothing else") {
  for (i64 depth : {18, 50}) {
    ResNet<float> net({.depth = depth, .width = 2, .zero_init_residual = true}, Key{1});
    std::string last = depth == 50 ? "bn3.weight" : "bn2.weight";
    nn::for_each_parameter(net, [&](const std::string& name, const auto& p) {
      if (name.find("bn") != std::string::npos && name.ends_with("weight"))
        CHECK_MESSAGE(p.value()[0] == (name.ends_with(last) ? 0.f : 1.f), name);
    });
  }
}

TEST_CASE("wrong options and pictures are refused by name") {
  check_message([] { ResNet<float>({.depth = 20}, Key{}); }, {"resnet", "depth 20", "18, 34 or 50"});
  check_message([] { ResNet<float>({.width = 0}, Key{}); }, {"resnet", "width 0", "at least 1"});
  ResNet<float> net({.width = 1}, Key{});
  check_message([&] { net(Var<float>(randn<float>({2, 8, 8, 1}))); }, {"resnet", "[2, 8, 8, 1]", "[N, H, W, 3]"});
  check_message([&] { net.embed(randn<float>({8, 8, 3})); }, {"embed", "[8, 8, 3]", "[N, H, W, 3]"});
  CHECK(net.embed(Tensor<float>({0, 8, 8, 3})).shape() == Shape{0, 8});
}
