// ops/softmax.hpp: softmax, log_softmax, cross_entropy.
#include "../helpers.hpp"

#include <nacre/ops/softmax.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("softmax, log_softmax and cross_entropy have the gradients they say") {
  for (const Shape& shape : {Shape{1, 1}, Shape{3, 5}, Shape{2, 33}}) {
    auto x = randn(shape);
    Tensor<i64> labels(Shape{shape[0]});
    for (i64 i = 0; i < labels.size(); ++i) labels[i] = (7 * i + 2) % shape[1];
    if (shape[1] > 1) {  // of one class all gradients are 0: nothing to break
      check_op(op_case("log_softmax", [](const auto& v) { return log_softmax(v[0]); }, {x}));
      check_op(op_case("cross_entropy", [=](const auto& v) { return cross_entropy(v[0], labels); }, {x}));
      check_op(op_case("softmax", [](const auto& v) { return softmax(v[0]); }, {x}));
    }
  }
  check_op(op_case("softmax", [](const auto& v) { return softmax(v[0]); }, {randn({2, 3, 4})}));
}

TEST_CASE("softmax of one class is 1, its cross entropy 0 and its gradient 0") {
  Tape tape;
  auto x = variable(tape, Tensor<float>::of({2, 1}, {3, -4}));
  CHECK(same_bits(softmax(x).value(), Tensor<float>::full({2, 1}, 1)));
  auto loss = cross_entropy(x, Tensor<i64>::zeros({2}));
  CHECK(loss.item() == 0);
  backward(loss);
  CHECK(difference(x.grad(), Tensor<float>::zeros({2, 1})) == 0);
}

TEST_CASE("cross_entropy is the mean of -log_softmax at the labels") {
  auto x = randn({4, 19});
  auto labels = Tensor<i64>::of({4}, {0, 18, 3, 3});
  auto log_p = log_softmax(Var<double>(x)).value();
  double expected = 0;
  for (i64 i = 0; i < 4; ++i) expected -= log_p[i * 19 + labels[i]] / 4;
  CHECK(std::abs(cross_entropy(Var<double>(x), labels).item() - expected) < 1e-14);
}

TEST_CASE("equal logits cost log C, large ones do not overflow, and float is exact to 1e-6 at 65537 columns") {
  for (i64 c : {4097, 65537}) {
    Var<float> x(Tensor<float>::full({2, c}, 300));
    CHECK(std::abs(cross_entropy(x, Tensor<i64>::zeros({2})).item() - std::log(static_cast<double>(c))) < 1e-4);
    auto wide = randn<float>({3, c});
    double loss = cross_entropy(Var<double>(converted<double>(wide)), Tensor<i64>::zeros({3})).item();
    CHECK(std::abs(cross_entropy(Var<float>(wide), Tensor<i64>::zeros({3})).item() - loss) < 1e-6 * loss);
    auto p = softmax(Var<float>(wide)).value();
    double total = 0;
    for (i64 i = 0; i < c; ++i) total += static_cast<double>(p[i]);
    CHECK(std::abs(total - 1) < 1e-6);
  }
}

TEST_CASE("a logit of -inf has probability 0 and no gradient") {
  Tape tape;
  float inf = std::numeric_limits<float>::infinity();
  auto x = variable(tape, Tensor<float>::of({1, 3}, {1, -inf, 1}));
  CHECK(same_bits(softmax(x).value(), Tensor<float>::of({1, 3}, {0.5f, 0, 0.5f})));
  backward(cross_entropy(x, Tensor<i64>::zeros({1})));
  CHECK(difference(x.grad(), Tensor<float>::of({1, 3}, {-0.5f, 0, 0.5f})) < 1e-7);
}

TEST_CASE("the thread count and the instruction set change no bit") {
  auto x = randn({37, 1031});
  auto labels = Tensor<i64>::full({37}, 5);
  check_threads(op_case("softmax", [](const auto& v) { return softmax(v[0]); }, {x}));
  OpCase loss = op_case("cross_entropy", [=](const auto& v) { return cross_entropy(v[0], labels); }, {x});
  check_threads(loss);
  auto run = [&] { return value_and_gradients(loss.in_float, loss.inputs); };
  auto expected = with_isa(backend::Isa::baseline, run);
  for (auto isa : {backend::Isa::avx2, backend::Isa::avx512}) {
    auto got = with_isa(isa, run);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(same_bits(got[i], expected[i]));
  }
}

TEST_CASE("wrong shapes and labels are refused by name") {
  Var<float> x(randn<float>({2, 3})), scalar(Tensor<float>::scalar(1));
  check_message([&] { softmax(scalar); }, {"softmax", "x is a scalar"});
  check_message([&] { log_softmax(scalar); }, {"log_softmax", "x is a scalar"});
  check_message([&] { cross_entropy(x, Tensor<i64>::zeros({3})); },
                {"cross_entropy", "logits is [2, 3]", "labels [3]", "[N, C]"});
  check_message(
      [&] {
        cross_entropy(x, Tensor<i64>::of({2}, {0, 3}));
      },
      {"cross_entropy", "labels[1] is 3", "from 0 to 2"});
  check_message([&] { cross_entropy(x, Tensor<i64>::of({2}, {-1, 0})); }, {"cross_entropy", "labels[0] is -1"});
  check_message(
      [&] {
        cross_entropy(Var<float>(Tensor<float>({0, 3})), Tensor<i64>({0}));
      },
      {"cross_entropy", "N at least 1"});
}
