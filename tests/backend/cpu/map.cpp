// backend/cpu/map.hpp: the views, assigning and adding, and the same bits however the work is cut.
#include "../../helpers.hpp"

using namespace nacre;
using namespace nacre::test;
using backend::Dense, backend::PerCol, backend::PerRow, backend::Scalar;

namespace {

struct Mix {
  template <class A> A operator()(A a, A b, A c, A d) const { return a * b + c - d * a; }
};

// Mix over all four views, at a shape.
template <class T>
Tensor<T> mixed(i64 rows, i64 cols, Into into) {
  auto a = randn<T>({rows, cols}), b = randn<T>({cols}, 2), c = randn<T>({rows}, 3);
  auto y = Tensor<T>::full({rows, cols}, T(3));
  backend::map(Cpu{}, Mix{}, y.data(), rows, cols, into, Dense<T>{a.data(), cols}, PerCol<T>{b.data()},
               PerRow<T>{c.data()}, Scalar<T>{T(2)});
  return y;
}

}  // namespace

TEST_CASE("each view reads its element; add adds") {
  for (i64 rows : {1, 3, 700})
    for (i64 cols : {1, 15, 16, 49}) {
      auto a = randn({rows, cols}), b = randn({cols}, 2), c = randn({rows}, 3);
      auto y = mixed<double>(rows, cols, Into::assign), z = mixed<double>(rows, cols, Into::add);
      for (i64 r = 0; r < rows; ++r)
        for (i64 k = 0; k < cols; ++k) {
          double v = a[r * cols + k], expected = v * b[k] + c[r] - 2 * v;
          CHECK_UNARY(y[r * cols + k] == doctest::Approx(expected));
          CHECK_UNARY(z[r * cols + k] == doctest::Approx(expected + 3));
        }
    }
}

TEST_CASE("threads and instruction sets change no bit, of float or of double") {
  auto check = [](auto run) {
    auto expected = with_threads(1, [&] { return with_isa(backend::Isa::baseline, run); });
    for (int n : {1, 2, 3, 7})
      for (auto isa : {backend::Isa::avx2, backend::Isa::avx512})
        CHECK_UNARY(same_bits(with_threads(n, [&] { return with_isa(isa, run); }), expected));
  };
  check([] { return mixed<float>(1001, 61, Into::add); });
  check([] { return mixed<double>(1001, 61, Into::assign); });
  auto x = randn<float>({100, 1001});
  check([&] { return silu(Var<float>(x)).value(); });
  check([&] { return tanh(Var<float>(x)).value(); });
}

TEST_CASE("an operand may be the result itself, and nothing is touched where there is nothing") {
  auto y = Tensor<float>::full({40}, 3);
  backend::map(Cpu{}, math::Square{}, y.data(), 1, 40, Into::assign, Dense<float>{y.data(), 40});
  CHECK(same_bits(y, Tensor<float>::full({40}, 9)));
  backend::map(Cpu{}, math::Square{}, static_cast<float*>(nullptr), 0, 5, Into::assign, Dense<float>{nullptr, 5});
  backend::map(Cpu{}, math::Add{}, static_cast<float*>(nullptr), 5, 0, Into::add, Dense<float>{nullptr, 0},
               PerRow<float>{nullptr});
}

TEST_CASE("bf16 is computed in float and rounded once") {
  Tensor<bf16> x({33}), y({33});
  auto f = randn<float>({33});
  for (i64 i = 0; i < 33; ++i) x[i] = bf16(f[i]);
  backend::map(Cpu{}, math::Scale{3}, y.data(), 1, 33, Into::assign, Dense<bf16>{x.data(), 33});
  for (i64 i = 0; i < 33; ++i) CHECK(y[i] == bf16(3 * static_cast<float>(x[i])));
}

TEST_CASE("update moves several arrays by one rule, each element once") {
  auto rule = [](auto& w, auto& v, auto g) {
    v = 2 * v + g;
    w -= v;
  };
  for (i64 n : {0, 1, 16, 37, 40000}) {
    auto w = randn({n}, 1), v = randn({n}, 2), g = randn({n}, 3), ew = w.clone(), ev = v.clone();
    for (i64 i = 0; i < n; ++i) rule(ew[i], ev[i], g[i]);
    with_threads(3, [&] { backend::update(Cpu{}, rule, n, w.data(), v.data(), g.data()); });
    CHECK(same_bits(w, ew));
    CHECK(same_bits(v, ev));
  }
}
