// math/elementwise.hpp: every formula against its derivative, from the list.
#include "../helpers.hpp"

#include <nacre/math/lists.hpp>

using namespace nacre;

namespace {

// Six-point difference of f at x.
template <class F>
double slope(F&& f, double x) {
  double h = 1e-3;
  return (45 * (f(x + h) - f(x - h)) - 9 * (f(x + 2 * h) - f(x - 2 * h)) + (f(x + 3 * h) - f(x - 3 * h))) / (60 * h);
}
bool close(double a, double b) { return std::abs(a - b) <= 1e-8 * std::max(1.0, std::abs(b)); }

template <class F>
void check_unary(const char* name) {
  F f{};
  CAPTURE(name);
  CHECK(std::string(F::name) == name);
  bool positive = std::string(name) == "log" || std::string(name) == "sqrt";
  for (double x : {-7.3, -3.1, -1.7, -0.61, -0.2, -0.013, 0.013, 0.2, 0.61, 1.7, 3.1, 7.3}) {
    if (positive && x < 0.1) continue;
    CAPTURE(x);
    double kept = F::keep == Keep::input ? x : F::keep == Keep::output ? f(x) : std::nan("");  // not read
    CHECK(close(f.grad(kept, 1.3), 1.3 * slope(f, x)));
    CHECK(std::abs(static_cast<double>(f(static_cast<float>(x))) - f(x)) < 1e-5 * std::max(1.0, std::abs(f(x))));
  }
}
template <class F>
void check_binary(const char* name) {
  F f{};
  CAPTURE(name);
  CHECK(std::string(F::name) == name);
  for (double a : {-2.3, 0.7, 5.0})
    for (double b : {-1.9, 0.4, 3.0}) {
      CHECK(close(f.grad_a(a, b, 1.3), 1.3 * slope([&](double v) { return f(v, b); }, a)));
      CHECK(close(f.grad_b(a, b, 1.3), 1.3 * slope([&](double v) { return f(a, v); }, b)));
    }
}

}  // namespace

TEST_CASE("the derivative of every functor of one argument is that of its formula, and its name is the op's") {
#define NACRE_CASE(Functor, op) check_unary<math::Functor>(#op);
  NACRE_UNARY(NACRE_CASE)
#undef NACRE_CASE
}

TEST_CASE("the derivatives of every functor of two arguments are those of its formula, and its name is the op's") {
#define NACRE_CASE(Functor, op) check_binary<math::Functor>(#op);
  NACRE_BINARY(NACRE_CASE)
#undef NACRE_CASE
}

TEST_CASE("softplus, sigmoid, silu and gelu stay finite at the ends") {
  for (float x : {-1e4f, -200.0f, 200.0f, 1e4f}) {
    CHECK(math::Softplus{}(x) == (x > 0 ? x : 0));
    CHECK(math::Sigmoid{}(x) == (x > 0 ? 1 : 0));
    CHECK(math::Silu{}(x) == (x > 0 ? x : 0));
    CHECK(math::Gelu{}(x) == (x > 0 ? x : 0));
    CHECK(std::isfinite(math::Silu{}.grad(x, 1.0f)));
    CHECK(std::isfinite(math::Gelu{}.grad(x, 1.0f)));
  }
}
