// eigen.hpp: one memory seen by both, and an op written in Eigen expressions.
#include "../helpers.hpp"

#include <nacre/eigen.hpp>

using namespace nacre;
using namespace nacre::test;

template <class T>
static Var<T> swish(const Var<T>& x) {
  auto v = as_array(x.value());
  EigenArray<T> s = (1 + (-v).exp()).inverse();
  Tensor<T> y = like(x.value());
  as_array(y) = v * s;
  return make_op("swish", y, [x, s](const Tensor<T>& gy) {
    accumulate(x, as_array(gy) * (s + as_array(x.value()) * s * (1 - s)));
  }, x);
}
template <class T>
static Var<T> product(const Var<T>& a, const Var<T>& b) {
  return make_op("product", to_tensor(as_matrix(a.value()) * as_matrix(b.value())), [a, b](const Tensor<T>& gy) {
    accumulate(a, as_matrix(gy) * as_matrix(b.value()).transpose());
    accumulate(b, as_matrix(a.value()).transpose() * as_matrix(gy));
  }, a, b);
}

TEST_CASE("ops written in Eigen expressions pass the checks of the library's own") {
  check_op(op_case("swish", [](const auto& v) { return swish(v[0]); }, {randn({3, 17})}));
  check_op(op_case("product", [](const auto& v) { return product(v[0], v[1]); }, {randn({3, 5}), randn({5, 2}, 2)}));
}

TEST_CASE("maps are the tensor's own memory, row-major, and const where the tensor is") {
  auto t = Tensor<float>::of({2, 1, 3}, {1, 2, 3, 4, 5, 6});
  auto m = as_matrix(t);
  CHECK(m.rows() == 2);
  CHECK(m(1, 0) == 4);
  m(1, 0) = 7;
  as_array(t)(5) = 8;
  CHECK(t[3] == 7);
  CHECK(t[5] == 8);
  const Tensor<float>& c = t;
  static_assert(!std::is_assignable_v<decltype(as_matrix(c)(0, 0)), float>);
  CHECK(as_array(c).sum() == 26);
}

TEST_CASE("an expression that does not fit is refused, and none is evaluated where no gradient is wanted") {
  Tape tape;
  auto x = variable(tape, randn<float>({2, 3}));
  Tensor<float> wrong_size = randn<float>({7});
  check_message([&] { accumulate(x, as_array(wrong_size)); }, {"accumulate", "[6, 1]", "[7, 1]"});
  accumulate(constant(tape, randn<float>({2, 3})), as_array(wrong_size));  // not looked at
}
