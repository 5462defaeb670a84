// ops/dropout.hpp
#include "../helpers.hpp"

#include <nacre/ops/dropout.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("dropout has the gradient it says") {
  for (const Shape& shape : {Shape{3}, Shape{5, 17}})
    check_op(op_case("dropout", [](const auto& v) { return dropout(v[0], 0.3); }, {uniform(shape, 0.5, 2)}));
}

TEST_CASE("a share p is dropped, the rest is scaled so that the mean stays") {
  Tape tape(Mode::train, Key{3});
  auto x = constant(tape, Tensor<float>::full({100003}, 1));
  auto y = dropout(x, 0.25).value();
  i64 dropped = 0;
  for (float v : y.span()) {
    dropped += v == 0;
    CHECK_UNARY(v == 0 || v == 1 / 0.75f);
  }
  CHECK(std::abs(static_cast<double>(dropped) / 100003 - 0.25) < 5 * std::sqrt(0.25 * 0.75 / 100003));
}

TEST_CASE("the mask depends on the key and the place on the tape, not on the type or the threads") {
  auto draw = [](u64 key, int before) {
    Tape tape(Mode::train, Key{key});
    for (int i = 0; i < before; ++i) tape.next_key();
    return dropout(constant(tape, Tensor<float>::full({40001}, 1)), 0.5).value();
  };
  CHECK(same_bits(draw(1, 0), draw(1, 0)));
  CHECK_FALSE(same_bits(draw(1, 0), draw(2, 0)));
  CHECK_FALSE(same_bits(draw(1, 0), draw(1, 1)));
  check_threads(op_case("dropout", [](const auto& v) { return dropout(v[0], 0.5); }, {randn({40001})}));
}

TEST_CASE("inference leaves everything as it is") {
  Tape tape(Mode::infer);
  auto x = constant(tape, randn<float>({7}));
  CHECK(dropout(x, 0.5).node() == x.node());
  Var<float> free(randn<float>({7}));
  CHECK(dropout(free, 0.5).node() == free.node());
}

TEST_CASE("p outside [0, 1) is refused by name") {
  Var<float> x(randn<float>({7}));
  check_message([&] { dropout(x, 1); }, {"dropout", "p is 1", "x is [7]", "0 <= p < 1"});
  check_message([&] { dropout(x, -0.1); }, {"dropout", "p is -0.1"});
  check_message([&] { dropout(x, std::nan("")); }, {"dropout", "0 <= p < 1"});
}
