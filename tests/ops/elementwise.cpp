// ops/elementwise.hpp: every functor of the lists, and the four ways in which b meets a.
#include "../helpers.hpp"

using namespace nacre;
using namespace nacre::test;

// Inputs at which a functor is defined and smooth: log and sqrt need positive numbers, kinks are kept away from.
static Tensor<double> domain(const std::string& name, const Shape& shape) {
  if (name == "log" || name == "sqrt") return uniform(shape, 0.5, 2);
  if (name == "clamp") return spread(shape);
  return spread(shape, 5);
}

TEST_CASE("every unary functor of the list has the gradient it says, at any shape") {
  for (const Shape& shape : {Shape{1}, Shape{2, 17}, Shape{3, 1, 5}, Shape{}}) {
#define NACRE_CASE(Functor, op) check_op(op_case(#op, [](const auto& x) { return op(x[0]); }, {domain(#op, shape)}));
    NACRE_UNARY(NACRE_CASE)
#undef NACRE_CASE
  }
}

TEST_CASE("every binary functor of the list has the gradients it says, however b meets a") {
  struct Pair {
    Shape a, b;
  };
  for (const Pair& s :
       {Pair{{2, 17}, {2, 17}}, Pair{{3, 5}, {5}}, Pair{{3, 5}, {3, 1}}, Pair{{2, 3, 2}, {1}}, Pair{{1}, {1}}}) {
#define NACRE_CASE(Functor, op) \
  check_op(op_case(#op, [](const auto& x) { return op(x[0], x[1]); }, {randn(s.a), uniform(s.b, 0.5, 2)}));
    NACRE_BINARY(NACRE_CASE)
#undef NACRE_CASE
  }
}

TEST_CASE("options reach the functor") {
  Var<double> x(Tensor<double>::of({3}, {-2, 0.5, 3}));
  CHECK(difference(leaky_relu(x, 0.2).value(), Tensor<double>::of({3}, {-0.4, 0.5, 3})) < 1e-15);
  CHECK(difference(clamp(x, -1, 2).value(), Tensor<double>::of({3}, {-1, 0.5, 2})) < 1e-15);
  CHECK(difference((2 * x - 1).value(), Tensor<double>::of({3}, {-5, 0, 5})) < 1e-15);
  CHECK(difference((1 - 2 * x).value(), Tensor<double>::of({3}, {5, 0, -5})) < 1e-15);
  CHECK(same_bits((1 + x).value(), (x + 1).value()));
}

TEST_CASE("NaN is not swallowed by relu and clamp") {
  Var<float> x(Tensor<float>::full({20}, std::nanf("")));
  for (auto y : {relu(x), leaky_relu(x), clamp(x), gelu(x), softplus(x), sigmoid(x)})
    for (float v : y.value().span()) CHECK(std::isnan(v));
}

TEST_CASE("shapes that do not meet are refused by name") {
  Var<float> a(randn<float>({3, 5})), b(randn<float>({4})), c(randn<float>({5, 3}));
#define NACRE_CASE(Functor, op)                                                                             \
  check_message([&] { op(a, b); }, {#op, "a is [3, 5]", "b is [4]", "need equal shapes, b [cols], b [rows, 1]"}); \
  check_message([&] { op(a, c); }, {#op, "a is [3, 5]", "b is [5, 3]"});
  NACRE_BINARY(NACRE_CASE)
#undef NACRE_CASE
}

TEST_CASE("no rows give no rows") {
  Tape tape;
  auto x = variable(tape, Tensor<float>({0, 5}));
  auto b = variable(tape, Tensor<float>::full({5}, 1));
  auto y = relu(x * b);
  CHECK(y.shape() == Shape{0, 5});
  gradient_of(y);
  tape.run_backward();
  CHECK(difference(b.grad(), Tensor<float>::zeros({5})) == 0);
}
