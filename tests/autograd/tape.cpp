// autograd/tape.hpp
#include "../helpers.hpp"

#include <nacre/ops/reduce.hpp>

#include <pthread.h>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("a million steps run forward, backward and away on a stack of 64 kB") {
  static double gradient;
  static std::size_t steps;
  auto work = [](void*) -> void* {
    for (bool run : {true, false}) {  // the second tape is destroyed with all its steps
      Tape tape;
      auto x = variable(tape, Tensor<float>::scalar(1));
      auto y = x;
      for (int i = 0; i < 1000000; ++i) y = make_op("step", y.value(), [n = y.node()](const Tensor<float>& gy) {
        if (auto g = gradient_of(n)) g.data()[0] = gy[0] + (g.into == Into::add ? g.data()[0] : 0.0f);
      }, y);
      steps = tape.size();
      if (!run) continue;
      backward(y);
      gradient = static_cast<double>(x.grad()[0]);
      if (tape.size() != 0) gradient = -1;
    }
    return nullptr;
  };
  pthread_attr_t small;
  pthread_attr_init(&small);
  REQUIRE(pthread_attr_setstacksize(&small, 64 << 10) == 0);
  pthread_t thread;
  REQUIRE(pthread_create(&thread, &small, work, nullptr) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&small);
  CHECK(steps == 1000000);
  CHECK(gradient == 1);
}

TEST_CASE("steps are destroyed as soon as they have run") {
  Tape tape;
  auto held = std::make_shared<int>(1);
  auto x = variable(tape, Tensor<float>::scalar(1));
  long seen = -1;
  auto first = make_op(
      "first", x.value().clone(),
      [&seen, watch = std::weak_ptr<int>(held)](const Tensor<float>&) { seen = watch.use_count(); }, x);
  auto second = make_op(
      "second", x.value().clone(), [held, n = first.node()](const Tensor<float>&) { gradient_of(n).tensor.fill(1); },
      first);
  held.reset();
  backward(second);
  CHECK(seen == 0);
}

TEST_CASE("keys of random ops differ from one another and repeat on a new tape") {
  Tape a(Mode::train, Key{4}), b(Mode::train, Key{4}), c(Mode::train, Key{5});
  u64 first = a.next_key().seed, second = a.next_key().seed;
  CHECK(first != second);
  CHECK(b.next_key().seed == first);
  CHECK(c.next_key().seed != first);
}

TEST_CASE("a tape that does not record keeps no steps") {
  Tape tape(Mode::train, Key{}, Record::no);
  auto x = variable(tape, Tensor<float>::scalar(3));
  auto y = square(x);
  CHECK(y.item() == 9);
  CHECK(tape.size() == 0);
  CHECK(y.training());
  check_message([&] { backward(y); }, {"backward", "depends on no parameter"});
}

TEST_CASE("names of steps are those of the ops") {
  Tape tape;
  auto x = variable(tape, Tensor<float>::scalar(3));
  sum(square(x) + x);
  REQUIRE(tape.size() == 3);
  CHECK(std::string(tape.name(0)) == "square");
  CHECK(std::string(tape.name(1)) == "add");
  CHECK(std::string(tape.name(2)) == "sum");
}
