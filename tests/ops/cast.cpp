// ops/cast.hpp: float, double, bf16.
#include "../helpers.hpp"

#include <nacre/ops/cast.hpp>
#include <nacre/ops/reduce.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("values round to the type, gradients come back in the type they left") {
  Tape tape;
  auto x = variable(tape, randn<double>({3, 17}));
  auto y = cast<float>(x);
  CHECK(same_bits(y.value(), converted<float>(x.value())));
  backward(sum(cast<double>(y) * cast<double>(y)));
  CHECK(difference(x.grad(), (2 * Var<double>(x.value())).value()) < 1e-6);
}

TEST_CASE("a cast there and back adds up where it is used twice, and a broken one is noticed") {
  auto there_and_back = [](const Var<double>& x) { return cast<double>(cast<float>(x)); };
  for (auto broken : {std::size_t(-1), std::size_t{0}, std::size_t{1}}) {
    Tape tape;
    auto x = variable(tape, uniform({5}, 0.5, 2));
    auto y = sum(there_and_back(x) + there_and_back(x));
    tape.break_step(broken);
    backward(y);
    CHECK((difference(x.grad(), Tensor<double>::full({5}, 2)) < 1e-6) == (broken == std::size_t(-1)));
  }
}

TEST_CASE("bf16 keeps eight bits of the value and of the gradient") {
  Tape tape;
  auto x = variable(tape, randn<float>({33}));
  auto h = cast<bf16>(x);
  for (i64 i = 0; i < 33; ++i) CHECK(h.value()[i] == bf16(x.value()[i]));
  auto y = cast<float>(h);
  CHECK(difference(y.value(), x.value()) < 0x1p-8);
  backward(sum(y * 1.01));
  for (float g : x.grad().span()) CHECK(g == static_cast<float>(bf16(1.01f)));
}

TEST_CASE("a cast to the same type is the variable itself") {
  Var<float> x(randn<float>({3}));
  CHECK(cast<float>(x).node() == x.node());
  CHECK(cast<double>(Var<float>(Tensor<float>({0, 2}))).shape() == Shape{0, 2});
}
