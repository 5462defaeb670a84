// methods/method.hpp: a method whose type has been forgotten does, holds and saves what the method itself does.
#include "../train/method.hpp"

#include <nacre/methods/method.hpp>
#include <nacre/train/trainer.hpp>

using namespace nacre;

namespace {

struct Attract : test::Attract {
  using test::Attract::Attract;
  methods::Related<float> newest() const { return {rows, {}}; }
  double expected_loss(i64) const { return 1; }
};
static_assert(methods::Method<Attract>);
static_assert(methods::Method<methods::AnyMethod>);
static_assert(!methods::Method<test::Attract>);

template <class M>
std::vector<double> trained(M& method, i64 steps) {
  optim::Sgd<float> sgd(method, {.momentum = 0.9});
  Loader loader = test::two_view_loader();
  train::Trainer trainer(method, sgd, {.lr = 0.05, .steps = loader.steps()}, Key{7});
  std::vector<double> losses;
  for (auto& batch : loader) {
    if (static_cast<i64>(losses.size()) == steps) break;
    losses.push_back(trainer.step(batch));
  }
  return losses;
}

}  // namespace

TEST_CASE("training through AnyMethod gives the bits of training the method") {
  Attract plain(Key{1});
  methods::AnyMethod any{Attract(Key{1})};
  CHECK(trained(plain, 7) == trained(any, 7));
  CHECK(test::bits(plain) == test::bits(any));
  CHECK(any.expected_loss(8) == 1);
  CHECK(any.newest().a.span()[0] == plain.rows.span()[0]);
  REQUIRE(any.as<Attract>());
  CHECK(any.as<Attract>()->seen.value()[0] == plain.seen.value()[0]);
  CHECK(any.as<test::Attract>() == nullptr);
}

TEST_CASE("a copy of an AnyMethod is a method of its own") {
  methods::AnyMethod any{Attract(Key{1})}, copy = any;
  std::string before = test::bits(any);
  trained(any, 2);
  CHECK(test::bits(copy) == before);
  CHECK(test::bits(any) != before);
  copy = any;
  CHECK(test::bits(copy) == test::bits(any));
}
