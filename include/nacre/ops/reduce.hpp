// Reductions made from NACRE_REDUCERS: sum, mean, max, log_sum_exp.
//
//   sum(x)               [..] -> scalar
//   sum(x, Axis::rows)   [.., cols] -> [..]     one value for each row: over the last extent
//   sum(x, Axis::cols)   [.., cols] -> [cols]   one value for each column: over everything else
//
// Backward is the reducer's own formula, gx = R::grad(x, y, gy, n), and keeps x and y. Equal maxima each receive
// the gradient. Throws nacre::Error. Tested in tests/ops/reduce.cpp.
#pragma once

#include <nacre/backend/cpu/softmax.hpp>
#include <nacre/ops/elementwise.hpp>

namespace nacre {

enum class Axis { all, rows, cols };

// R is an empty functor of math/reduce.hpp.
template <class R, class T, class D>
Var<T, D> reduce(R reducer, const Var<T, D>& x, Axis axis = Axis::all) {
  using backend::Identity, backend::PerCol, backend::PerRow, backend::Scalar, backend::map;
  const Shape& s = x.shape();
  check(axis == Axis::all || s.rank() >= 1, R::name,
        [] { return std::string("x is a scalar: it has no rows and columns"); });
  i64 rows = s.rows(), cols = s.cols(), n = axis == Axis::rows ? cols : axis == Axis::cols ? rows : s.size();
  check(n > 0 || !std::is_same_v<R, math::Max>, R::name,
        [&] { return "x is " + s.str() + ": there is no largest of no elements"; });
  Tensor<T, D> y(axis == Axis::rows ? Shape(s.begin(), s.rank() - 1) : axis == Axis::cols ? Shape{cols} : Shape{});
  auto dx = detail::dense(x.value());
  if (axis == Axis::rows) backend::reduce_rows(D{}, reducer, Identity{}, y.data(), rows, cols, Into::assign, dx);
  else if (axis == Axis::cols) backend::reduce_cols(D{}, reducer, Identity{}, y.data(), rows, cols, Into::assign, dx);
  else backend::reduce_all(D{}, reducer, Identity{}, y.data(), n, Into::assign, dx);
  return make_op(R::name, y, [=, nx = x.node(), vx = x.value()](const Tensor<T, D>& gy) {
    auto g = gradient_of(nx);
    if (!g) return;
    auto backward = [&](auto vy, auto vg) {
      map(D{}, math::ReduceGrad<R>{n}, g.data(), rows, cols, g.into, detail::dense(vx), vy, vg);
    };
    if (axis == Axis::rows) backward(PerRow<T>{y.data()}, PerRow<T>{gy.data()});
    else if (axis == Axis::cols) backward(PerCol<T>{y.data()}, PerCol<T>{gy.data()});
    else backward(Scalar<T>{y[0]}, Scalar<T>{gy[0]});
  }, x);
}

#define NACRE_OP(Reducer, op)                            \
  template <class T, class D>                            \
  Var<T, D> op(const Var<T, D>& x, Axis axis = Axis::all) { \
    return reduce(math::Reducer{}, x, axis);             \
  }
NACRE_REDUCERS(NACRE_OP)
#undef NACRE_OP

}  // namespace nacre
