#include "../nn/check.hpp"

#include <nacre/models/resnet.hpp>
#include <nacre/nn/linear.hpp>
#include <nacre/ops/reduce.hpp>
#include <nacre/optim/sgd.hpp>

using namespace nacre;
using namespace nacre::test;
using optim::Sgd, optim::Store;

namespace {

models::ResNet<float> small() { return models::ResNet<float>({.width = 3, .stem = models::Stem::cifar}, Key{1}); }

struct Nothing {
  static void visit(auto&, auto&&) {}
};

// The gradient of one parameter, as backward leaves it.
template <class T>
void give(Parameter<T>& p, T value) {
  if (auto g = gradient_of(p.node())) g.tensor.fill(value);
}

}  // namespace

TEST_CASE("packing keeps values, makes every parameter a view of one block and puts decayed ones first") {
  auto net = small(), before = net;
  Store<float> store(net);
  std::size_t i = 0, decayed = 0;
  nn::for_each_parameter_pair("test", net, before, [](auto& now, const auto& then) { CHECK(same_bits(now, then)); });
  nn::for_each_parameter(net, [&](const std::string&, Parameter<float>& p) {
    ++i;
    decayed += p.decay();
    CHECK(p.value().data() >= store.values());
    CHECK(p.value().data() + p.value().size() <= store.values() + store.size());
    CHECK(reinterpret_cast<std::uintptr_t>(p.value().data()) % 64 == 0);
  });
  REQUIRE(store.slots().size() == i);
  for (std::size_t k = 0; k < i; ++k) {
    CHECK(store.slots()[k].decay == (k < decayed));
    if (k > 0) CHECK(store.slots()[k].offset >= store.slots()[k - 1].offset + store.slots()[k - 1].size);
  }
}

TEST_CASE("a packed module trains, copies and moves as before") {
  auto net = small();
  Store<float> store(net);
  auto copy = net;
  copy.embed(randn<float>({1, 4, 4, 3}));
  auto moved = std::move(net);
  auto x = randn<float>({4, 8, 8, 3});
  auto gradient = [&](const models::ResNet<float>& m) {
    Tape tape;
    backward(sum(m(constant(tape, x))));
  };
  gradient(moved);
  gradient(copy);  // a copy is not packed
  std::vector<Tensor<float>> expected;
  nn::for_each_parameter(copy, [&](const std::string&, Parameter<float>& p) { expected.push_back(p.node()->grad); });
  std::size_t i = 0;
  nn::for_each_parameter(moved, [&](const std::string& name, Parameter<float>& p) {
    CHECK_MESSAGE(same_bits(p.node()->grad, expected[i]), name);
    CHECK(p.node()->grad.data() >= store.grads());
    CHECK(p.node()->grad.data() < store.grads() + store.size());
    ++i;
  });
}

TEST_CASE("pieces cover every element that has a gradient once, and no parameter that has none") {
  auto net = small();
  Store<float> store(net);
  std::vector<int> expected(static_cast<std::size_t>(store.size())), seen(expected.size());
  for (std::size_t k = 0; k < store.slots().size(); ++k) {
    const auto& s = store.slots()[k];
    if (k % 5 == 2) continue;
    s.node->has_grad = true;
    for (i64 e = 0; e < s.size; ++e) expected[static_cast<std::size_t>(s.offset + e)] = s.decay ? 1 : 100;
  }
  store.for_each_piece([&](i64 at, i64 n, bool decay) {
    for (i64 e = at; e < at + n; ++e) seen[static_cast<std::size_t>(e)] += decay ? 1 : 100;
  });
  for (const auto& s : store.slots())
    for (i64 e = s.offset; e < s.offset + s.size; ++e) {
      auto at = static_cast<std::size_t>(e);
      if (seen[at] != expected[at]) FAIL_CHECK(s.name << " element " << e - s.offset << ": " << seen[at] << " visits");
    }
}

TEST_CASE("a parameter without a gradient is left alone, and a step takes the gradients") {
  nn::Linear<float> a(3, 2, Key{1});
  Sgd<float> sgd(a, {.momentum = 0.9, .weight_decay = 0.1});
  auto weight = a.weight.value().clone(), bias = a.bias.value().clone();
  give(a.bias, 1.f);
  sgd.step(0.1);
  CHECK(same_bits(a.weight.value(), weight));
  CHECK(a.bias.value()[0] == doctest::Approx(bias[0] - 0.1f));
  bias = a.bias.value().clone();
  sgd.step(0.1);  // nothing new: not even momentum moves it
  CHECK(same_bits(a.bias.value(), bias));
}

TEST_CASE("the gradient norm counts what has a gradient; clipping scales it to the limit") {
  nn::Linear<double> a(2, 2, Key{1});
  Store<double> store(a);
  CHECK(store.gradient_norm() == 0);
  give(a.weight, 2.0);  // 4 elements
  CHECK(store.gradient_norm() == doctest::Approx(4));
  give(a.bias, 3.0);  // 2 elements
  CHECK(store.gradient_norm() == doctest::Approx(std::sqrt(34.0)));
  CHECK(store.clip_gradients(100) == doctest::Approx(std::sqrt(34.0)));
  CHECK(a.bias.node()->grad[1] == 3);
  store.clip_gradients(1);
  CHECK(store.gradient_norm() == doctest::Approx(1));
  CHECK(a.bias.node()->grad[1] == doctest::Approx(3 / std::sqrt(34.0)));
}

TEST_CASE("the first gradient that is not finite is named; a large finite one is not") {
  auto net = small();
  Store<float> store(net);
  nn::for_each_parameter(net, [&](const std::string&, Parameter<float>& p) { give(p, 3e38f); });  // the sum overflows
  CHECK(store.non_finite_gradient() == "");
  nn::for_each_parameter(net, [&](const std::string& name, Parameter<float>& p) {
    if (name == "layer3.1.conv2.weight") p.node()->grad[p.value().size() - 1] = std::nanf("");
  });
  CHECK(store.non_finite_gradient() == "layer3.1.conv2.weight");
  store.clear_gradients();
  CHECK(store.non_finite_gradient() == "");
}

TEST_CASE("a module that was re-assigned or given to a second optimizer is noticed") {
  nn::Linear<float> a(3, 2, Key{1});
  Sgd<float> sgd(a);
  a.weight.value() = Tensor<float>::zeros({2, 3});
  check_message([&] { sgd.step(0.1); }, {"optimizer", "weight", "one optimizer"});

  nn::Linear<float> b(3, 2, Key{1});
  Sgd<float> first(b), second(b);
  check_message([&] { first.step(0.1); }, {"optimizer", "weight"});
  second.step(0.1);

  Nothing nothing;
  check_message([&] { Store<float> store(nothing); }, {"optimizer", "no parameters"});
}

TEST_CASE("a warm step takes no memory from the system, and its bits do not depend on the threads") {
  auto run = [](int n) {
    return with_threads(n, [] {
      models::ResNet<float> net({.width = 16}, Key{1});
      Sgd<float> sgd(net, {.momentum = 0.9, .weight_decay = 1e-4});
      auto step = [&] {
        u64 k = 0;
        nn::for_each_parameter(
            net, [&](const std::string&, Parameter<float>& p) { give(p, 0.01f * static_cast<float>(++k)); });
        CHECK(sgd.store().non_finite_gradient() == "");
        sgd.store().clip_gradients(1);
        sgd.step(0.1);
      };
      step();
      u64 before = pool::stats().system_allocations, in_use = pool::stats().bytes_in_use;
      step();
      CHECK(pool::stats().system_allocations == before);
      CHECK(pool::stats().bytes_in_use == in_use);
      std::vector<Tensor<float>> all;
      nn::for_each_parameter(net, [&](const std::string&, Parameter<float>& p) { all.push_back(p.value().clone()); });
      return all;
    });
  };
  auto one = run(1), three = run(3);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], three[i]));
}
