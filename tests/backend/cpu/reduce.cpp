// backend/cpu/reduce.hpp: rows, columns and everything against a plain loop, at shapes around each cut.
#include "../../helpers.hpp"

using namespace nacre;
using namespace nacre::test;
using backend::Dense, backend::Identity;

namespace {

template <class R>
double plain(const Tensor<double>& x, i64 begin, i64 n, i64 stride) {
  auto s = R::template init<double>();
  for (i64 i = 0; i < n; ++i) R::step(s, x[begin + i * stride]);
  return R::finish(s, n);
}

template <class R>
void check_shape(i64 rows, i64 cols) {
  CAPTURE(R::name);
  CAPTURE(rows);
  CAPTURE(cols);
  auto x = randn({rows, cols});
  auto close = [](double a, double b) { return std::abs(a - b) <= 1e-11 * std::max(1.0, std::abs(b)); };
  Tensor<double> by_row({rows}), by_col({cols}), all = Tensor<double>::scalar(5);
  Dense<double> view{x.data(), cols};
  backend::reduce_rows(Cpu{}, R{}, Identity{}, by_row.data(), rows, cols, Into::assign, view);
  backend::reduce_cols(Cpu{}, R{}, Identity{}, by_col.data(), rows, cols, Into::assign, view);
  backend::reduce_all(Cpu{}, R{}, Identity{}, all.data(), rows * cols, Into::add, view);
  for (i64 r = 0; r < rows; ++r) CHECK_UNARY(close(by_row[r], plain<R>(x, r * cols, cols, 1)));
  for (i64 c = 0; c < cols; ++c) CHECK_UNARY(close(by_col[c], plain<R>(x, c, rows, cols)));
  CHECK(close(all[0], 5 + plain<R>(x, 0, rows * cols, 1)));
}

}  // namespace

TEST_CASE("every reducer agrees with a plain loop") {
  for (i64 rows : {1, 63, 64, 65, 129, 4100})
    for (i64 cols : {1, 15, 17, 33}) {
#define NACRE_CASE(Reducer, op) check_shape<math::Reducer>(rows, cols);
      NACRE_REDUCERS(NACRE_CASE)
#undef NACRE_CASE
    }
}

TEST_CASE("threads and instruction sets change no bit") {
  constexpr i64 rows = 1003, cols = 257;
  auto x = randn<float>({rows, cols});
  auto run = [&] {
    Tensor<float> y({3, rows});
    y.fill(0);
    Dense<float> view{x.data(), cols};
    backend::reduce_rows(Cpu{}, math::LogSumExp{}, Identity{}, y.data(), rows, cols, Into::assign, view);
    backend::reduce_cols(Cpu{}, math::Sum{}, Identity{}, y.data() + rows, rows, cols, Into::assign, view);
    backend::reduce_all(Cpu{}, math::Sum{}, Identity{}, y.data() + 2 * rows, rows * cols, Into::assign, view);
    return y;
  };
  auto expected = with_threads(1, [&] { return with_isa(backend::Isa::baseline, run); });
  for (int n : {1, 2, 3, 7})
    for (auto isa : {backend::Isa::avx2, backend::Isa::avx512})
      CHECK_UNARY(same_bits(with_threads(n, [&] { return with_isa(isa, run); }), expected));
}

TEST_CASE("a row's result does not depend on the rows around it") {
  auto x = randn<float>({50, 333});
  Tensor<float> all({50}), one({1});
  backend::reduce_rows(Cpu{}, math::Sum{}, Identity{}, all.data(), 50, 333, Into::assign, Dense<float>{x.data(), 333});
  backend::reduce_rows(Cpu{}, math::Sum{}, Identity{}, one.data(), 1, 333, Into::assign,
                       Dense<float>{x.data() + 49 * 333, 333});
  CHECK(one[0] == all[49]);
}

TEST_CASE("f sees all operands, and an empty reduction is the neutral element") {
  auto a = randn({7, 20}), b = randn({7, 20}, 2);
  Tensor<double> y({7});
  backend::reduce_rows(Cpu{}, math::Sum{}, math::Mul{}, y.data(), 7, 20, Into::assign, Dense<double>{a.data(), 20},
                       Dense<double>{b.data(), 20});
  double s = 0;
  for (i64 i = 0; i < 20; ++i) s += a[20 + i] * b[20 + i];
  CHECK(y[1] == doctest::Approx(s));
  Tensor<double> none = Tensor<double>::full({3}, 9);
  backend::reduce_cols(Cpu{}, math::Sum{}, Identity{}, none.data(), 0, 3, Into::assign, Dense<double>{nullptr, 3});
  CHECK(same_bits(none, Tensor<double>::zeros({3})));
}
