// autograd/parameter.hpp
#include "../helpers.hpp"

#include <nacre/ops/reduce.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("a copy of a parameter or of a state has memory of its own") {
  Parameter<float> a(Tensor<float>::full({3}, 1), false);
  Parameter<float> b = a, c;
  c = a;
  a.value()[0] = 5;
  CHECK(b.value()[0] == 1);
  CHECK(c.value()[0] == 1);
  CHECK_FALSE(b.decay());
  CHECK_FALSE(c.decay());
  CHECK(b.node() != a.node());

  State<float> s(Tensor<float>::full({2}, 1)), t = s, u;
  u = s;
  s.value()[0] = 5;
  CHECK(t.value()[0] == 1);
  CHECK(u.value()[0] == 1);
  CHECK(s.shared().shares_memory(s.value()));
}

TEST_CASE("a moved parameter keeps its memory") {
  Parameter<float> a(Tensor<float>::full({3}, 1));
  const float* p = a.value().data();
  Parameter<float> b = std::move(a);
  CHECK(b.value().data() == p);
}

TEST_CASE("beside an input on a tape a parameter is trained, else it is a constant") {
  Parameter<double> p(Tensor<double>::scalar(3));
  Tape tape;
  auto x = constant(tape, Tensor<double>::scalar(2));
  backward(x * p(x));
  CHECK(p.node()->grad.item() == 2);
  Var<double> free(Tensor<double>::scalar(2));
  CHECK_FALSE(p(free).needs_grad());
  CHECK((free * p(free)).item() == 6);
  Tape silent(Mode::train, Key{}, Record::no);
  auto y = constant(silent, Tensor<double>::scalar(2));
  CHECK_FALSE((y * p(y)).needs_grad());
  CHECK(silent.size() == 0);
}

TEST_CASE("a parameter that is not there is empty") {
  CHECK(Parameter<float>().empty());
  CHECK(Parameter<float>().decay());
}
