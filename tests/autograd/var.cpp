// autograd/var.hpp
#include "../helpers.hpp"

#include <nacre/ops/reduce.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("a variable used in several places gets the sum of their gradients") {
  Tape tape;
  auto x = variable(tape, Tensor<double>::scalar(3));
  backward(x * x * x + 2 * x);
  CHECK(x.grad().item() == 29);
}

TEST_CASE("no gradient flows to constants, past detach, or where nothing depends on it") {
  Tape tape;
  auto x = variable(tape, Tensor<double>::scalar(3)), unused = variable(tape, Tensor<double>::scalar(1));
  auto c = constant(tape, Tensor<double>::scalar(2));
  auto side = square(x);  // on the tape, not in the loss
  backward(x * c + square(x).detach());
  CHECK(x.grad().item() == 2);
  CHECK(c.grad().item() == 0);
  CHECK_FALSE(c.node()->has_grad);
  CHECK(unused.grad().item() == 0);
  CHECK_FALSE(side.node()->has_grad);
}

TEST_CASE("the first writer of a gradient assigns, whatever the memory held") {
  Tape tape;
  auto x = variable(tape, Tensor<double>::scalar(3));
  x.node()->grad = Tensor<double>::full({}, std::nan(""));
  backward(square(x) + x);
  CHECK(x.grad().item() == 7);
}

TEST_CASE("inner gradients are given back, leaves keep theirs") {
  Tape tape;
  auto x = variable(tape, randn({5}));
  auto inner = square(x);
  backward(sum(inner));
  CHECK(inner.node()->grad.empty());
  CHECK(x.node()->has_grad);
}

TEST_CASE("inputs from two tapes are refused by the op's name") {
  Tape a, b;
  auto x = variable(a, Tensor<float>::scalar(1)), y = variable(b, Tensor<float>::scalar(1));
  check_message([&] { x + y; }, {"add", "two different tapes"});
  CHECK((x + Var<float>(Tensor<float>::scalar(2))).item() == 3);  // one without a tape meets any
}

TEST_CASE("backward wants a scalar that depends on something, once") {
  Tape tape;
  auto x = variable(tape, randn<float>({2, 3}));
  check_message([&] { backward(x); }, {"backward", "scalar", "[2, 3]"});
  check_message([&] { backward(sum(x.detach())); }, {"backward", "depends on no parameter"});
  check_message([&] { backward(Var<float>(Tensor<float>::scalar(1))); }, {"backward", "depends on no parameter"});
  auto y = sum(x), z = square(y);
  backward(z);
  check_message([&] { backward(z); }, {"backward", "already run"});
  check_message([&] { backward(y + y); }, {"backward", "already run"});
}

TEST_CASE("without a tape values are computed and nothing is kept") {
  Var<float> x(Tensor<float>::full({3}, 2));
  auto y = square(x);
  CHECK(y.tape() == nullptr);
  CHECK_FALSE(y.training());
  CHECK_FALSE(y.needs_grad());
  CHECK(same_bits(y.value(), Tensor<float>::full({3}, 4)));
}
