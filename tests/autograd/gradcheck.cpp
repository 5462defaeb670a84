// autograd/gradcheck.hpp: the judge is judged. Ops that are wrong in every way we know must be caught.
#include "../helpers.hpp"

#include <nacre/ops/reduce.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

using Inputs = std::vector<Var<double>>;

// y = x^2 with a backward that is wrong in one way.
enum class Flaw { none, factor, unwritten_element, ignores_add, writes_nothing, sign_of_one };
Var<double> flawed_square(const Var<double>& x, Flaw flaw) {
  Tensor<double> y(x.shape());
  for (i64 i = 0; i < y.size(); ++i) y[i] = x.value()[i] * x.value()[i];
  return make_op("flawed_square", y, [=, n = x.node(), v = x.value()](const Tensor<double>& gy) {
    if (flaw == Flaw::writes_nothing) return;
    auto g = gradient_of(n);
    for (i64 i = 0; i < v.size(); ++i) {
      double d = 2 * v[i] * gy[i];
      if (flaw == Flaw::factor) d *= 1 + 1e-6;
      if (flaw == Flaw::sign_of_one && i == v.size() - 1) d = -d;
      if (flaw == Flaw::unwritten_element && i == v.size() - 1) continue;
      g.data()[i] = d + (g.into == Into::add && flaw != Flaw::ignores_add ? g.data()[i] : 0);
    }
  }, x);
}
Op<double> twice(Flaw flaw) {
  return [flaw](const Inputs& x) { return flawed_square(x[0], flaw) + flawed_square(x[0], flaw); };
}

}  // namespace

TEST_CASE("a right gradient passes and every flaw is caught") {
  CHECK(gradcheck(twice(Flaw::none), {randn({7})}).ok());
  for (Flaw f : {Flaw::factor, Flaw::unwritten_element, Flaw::ignores_add, Flaw::writes_nothing, Flaw::sign_of_one})
    CHECK_FALSE(gradcheck(twice(f), {randn({7})}).ok());
}

TEST_CASE("the report names the worst input and element") {
  auto f = [](const Inputs& x) { return x[0] * flawed_square(x[1], Flaw::sign_of_one); };
  GradReport report = gradcheck(f, {uniform({5}, 1, 2), uniform({5}, 1, 2, 2)});
  CHECK(report.input == 1);
  CHECK(report.element == 4);
  CHECK(report.str().find("input 1 element 4") != std::string::npos);
  CHECK(report.steps == 2);
}

TEST_CASE("an input that is left out of the tape is caught") {
  auto f = [](const Inputs& x) { return x[0] * x[1].detach(); };
  CHECK_FALSE(gradcheck(f, {randn({3}), randn({3}, 2)}).ok());
}

TEST_CASE("the inputs are as they were, and a result that depends on nothing is refused") {
  auto x = randn({5}), before = x.clone();
  gradcheck([](const Inputs& v) { return exp(v[0]); }, {x});
  CHECK(same_bits(x, before));
  check_message([&] { gradcheck([](const Inputs& v) { return v[0].detach(); }, {x}); },
                {"gradcheck", "does not depend"});
}
