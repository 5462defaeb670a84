#include <nacre/losses/align_uniform.hpp>

#include "../helpers.hpp"

#include <nacre/eval/metrics.hpp>
#include <nacre/ops/normalize.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

Tensor<double> unit_rows(const Shape& shape, u64 seed) {
  return l2_normalize(Var<double>(randn(shape, seed))).value();
}

}  // namespace

TEST_CASE("the gradients are right, for powers other than two as well") {
  for (double alpha : {1., 2., 3.})
    check_op(op_case("alignment", [=](const auto& v) { return losses::alignment(v[0], v[1], alpha); },
                     {randn({5, 3}, 1), randn({5, 3}, 2)}));
  for (double t : {.5, 2.})
    check_op(op_case("uniformity", [=](const auto& v) { return losses::uniformity(v[0], t); }, {unit_rows({6, 3}, 1)}));
  check_op(op_case("both", [=](const auto& v) { return losses::align_uniform(v[0], v[1]); },
                   {unit_rows({5, 3}, 1), unit_rows({5, 3}, 2)}));
}

TEST_CASE("the losses are what the monitors measure") {
  for (i64 n : {2, 40}) {
    auto a = unit_rows({n, 6}, 1), b = unit_rows({n, 6}, 2);
    for (double power : {1., 2., 3.}) {
      CHECK(losses::alignment(Var<double>(a), Var<double>(b), power).item() ==
            doctest::Approx(eval::alignment(a, b, power)).epsilon(1e-12));
      CHECK(losses::uniformity(Var<double>(a), power).item() ==
            doctest::Approx(eval::uniformity(a, power)).epsilon(1e-12));
    }
    losses::AlignUniformOptions o{.weight_align = 3, .weight_uniform = .5};
    double expected = 3 * eval::alignment(a, b) + .25 * (eval::uniformity(a) + eval::uniformity(b));
    CHECK(losses::align_uniform(Var<double>(a), Var<double>(b), o).item() == doctest::Approx(expected).epsilon(1e-12));
  }
}

TEST_CASE("equal rows have alignment 0, uniformity 0, and finite gradients") {
  for (double alpha : {1., 2.}) {
    Tape tape;
    Var<float> a = variable(tape, Tensor<float>::full({4, 4}, .5f));
    Var<float> loss = losses::align_uniform(a, Var<float>(a.value()), {.alpha = alpha});
    CHECK(std::abs(loss.item()) < 1e-6f);
    backward(loss);
    for (float g : a.grad().span()) CHECK(std::abs(g) < 1e-6f);
  }
}

// The guard against the trivial solution: alignment alone is content with one point.
TEST_CASE("from near the constant solution uniformity moves rows apart, and alignment alone lets them meet") {
  auto spread_after = [](const losses::AlignUniformOptions& o) {
    auto z = randn({16, 8});
    for (double& x : z.span()) x = 1 + 1e-2 * x;
    for (int step = 0; step < 200; ++step) {
      Tape tape;
      Var<double> raw = variable(tape, z), u = l2_normalize(raw);
      backward(losses::align_uniform(slice(u, 0, 0, 8), slice(u, 0, 8, 16), o));
      for (i64 i = 0; i < z.size(); ++i) z[i] -= raw.grad()[i];
    }
    return eval::spread(z);
  };
  CHECK(spread_after({}) > .25);  // 1 / sqrt(8) is .35
  CHECK(spread_after({.weight_uniform = 0}) < .01);
}

TEST_CASE("bad calls are refused with the rule") {
  Var<double> a(randn({1, 4})), b(randn({2, 4}));
  check_message([&] { losses::uniformity(a); }, {"uniformity", "[1, 4]", "N >= 2"});
  check_message([&] { losses::alignment(a, b); }, {"a is [1, 4], b is [2, 4]", "one shape"});
  check_message([&] { losses::alignment(a, a, 0); }, {"alignment", "alpha", "not above 0"});
}
