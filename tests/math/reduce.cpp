// math/reduce.hpp: the merge law of every reducer of the list, and its gradient.
#include "../helpers.hpp"

#include <nacre/math/lists.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

template <class R>
typename R::template State<double> over(const Tensor<double>& x, i64 begin, i64 end) {
  auto s = R::template init<double>();
  for (i64 i = begin; i < end; ++i) R::step(s, x[i]);
  return s;
}

template <class R>
void check_reducer(const char* name) {
  CAPTURE(name);
  CHECK(std::string(R::name) == name);
  constexpr i64 n = 37;
  auto x = spread({n});
  double whole = R::finish(over<R>(x, 0, n), n);
  for (i64 cut = 0; cut <= n; ++cut) {  // an empty part is neutral on either side
    double merged = R::finish(R::merge(over<R>(x, 0, cut), over<R>(x, cut, n)), n);
    CHECK_UNARY(std::abs(merged - whole) <= 1e-13 * std::abs(whole) + 1e-14);
    double swapped = R::finish(R::merge(over<R>(x, cut, n), over<R>(x, 0, cut)), n);
    CHECK_UNARY(std::abs(swapped - whole) <= 1e-13 * std::abs(whole) + 1e-14);
  }
  for (i64 i = 0; i < n; ++i) {
    double x0 = x[i], h = 1e-4;
    x[i] = x0 + h;
    double up = R::finish(over<R>(x, 0, n), n);
    x[i] = x0 - h;
    double down = R::finish(over<R>(x, 0, n), n);
    x[i] = x0;
    CHECK_UNARY(std::abs(R::grad(x0, whole, 1.3, n) - 1.3 * (up - down) / (2 * h)) < 1e-7);
  }
}

}  // namespace

TEST_CASE("every reducer of the list obeys the merge law and has the gradient it says") {
#define NACRE_CASE(Reducer, op) check_reducer<math::Reducer>(#op);
  NACRE_REDUCERS(NACRE_CASE)
#undef NACRE_CASE
}

TEST_CASE("log-sum-exp neither overflows nor makes NaN of infinities") {
  double inf = std::numeric_limits<double>::infinity();
  auto of = [](std::vector<double> v) {
    auto t = Tensor<double>::of({static_cast<i64>(v.size())}, v);
    return math::LogSumExp::finish(over<math::LogSumExp>(t, 0, t.size()), t.size());
  };
  CHECK(of({1000, 1000}) == doctest::Approx(1000 + std::log(2.0)));
  CHECK(of({-1000, -1000}) == doctest::Approx(-1000 + std::log(2.0)));
  CHECK(of({-inf, -inf}) == -inf);
  CHECK(of({-inf, 3}) == 3);
  CHECK(of({}) == -inf);
}

TEST_CASE("max does not lose NaN") {
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<double> v{1, 2, 3};
    v[i] = std::nan("");
    auto t = Tensor<double>::of({3}, v);
    CHECK(std::isnan(math::Max::merge(over<math::Max>(t, 0, 2), over<math::Max>(t, 2, 3)).m));
    CHECK(std::isnan(over<math::Max>(t, 0, 3).m));
  }
}
