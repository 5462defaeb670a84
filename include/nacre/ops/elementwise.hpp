// Elementwise ops made from the lists of math/lists.hpp, and + - * / on variables.
//
//   relu(x), gelu(x), leaky_relu(x, 0.2), clamp(x, lo, hi), ...      y has x's shape; keeps x or y (Functor::keep)
//   a + b, a - b, a * b, a / b     shapes equal, or b is seen on a's [rows, cols]:
//                                  b [cols] is added to each row, b [rows, 1] (a of rank 2) to each column,
//                                  b of one element to all; keeps a and b where the derivative reads them
//
// Tested in tests/ops/elementwise.cpp.
#pragma once

#include <nacre/autograd/parameter.hpp>
#include <nacre/backend/cpu/map.hpp>
#include <nacre/backend/cpu/reduce.hpp>
#include <nacre/math/lists.hpp>

namespace nacre {

namespace detail {

using math::GradOf, math::GradA, math::GradB;

template <class T, class D>
backend::Dense<T> dense(const Tensor<T, D>& x) {
  return {x.data(), x.shape().cols()};
}

}  // namespace detail

// y = f(x) for a functor of one argument.
template <class F, class T, class D>
Var<T, D> unary(const F& f, const Var<T, D>& x) {
  using backend::Dense, backend::map;
  i64 rows = x.shape().rows(), cols = x.shape().cols();
  Tensor<T, D> y(x.shape());
  map(D{}, f, y.data(), rows, cols, Into::assign, detail::dense(x.value()));
  Tensor<T, D> kept = F::keep == Keep::output ? y : F::keep == Keep::input ? x.value() : Tensor<T, D>();
  return make_op(F::name, y, [n = x.node(), kept, f, rows, cols](const Tensor<T, D>& gy) {
    const T* k = F::keep == Keep::nothing ? gy.data() : kept.data();
    if (auto g = gradient_of(n))
      map(D{}, detail::GradOf<F>{f}, g.data(), rows, cols, g.into, Dense<T>{k, cols}, detail::dense(gy));
  }, x);
}

namespace detail {

// How b meets a of shape [rows, cols].
enum class Meet { same, per_col, per_row, scalar };
inline Meet meet(const char* op, const Shape& a, const Shape& b) {
  if (a == b) return Meet::same;
  if (b.size() == 1) return Meet::scalar;
  if (b.rank() == 1 && b[0] == a.cols()) return Meet::per_col;
  if (a.rank() == 2 && b.rank() == 2 && b[0] == a[0] && b[1] == 1) return Meet::per_row;
  fail(op, "shapes do not meet: a is " + a.str() + ", b is " + b.str() +
               "; need equal shapes, b [cols], b [rows, 1] or one element");
}

// Calls k(view of b): two kinds, so that an op costs two loops to compile and not four.
template <class T, class D, class K>
void with_view(Meet m, const Tensor<T, D>& b, i64 cols, K&& k) {
  if (m == Meet::same) k(backend::Dense<T>{b.data(), cols});
  else k(backend::Spread<T>{b.data(), m == Meet::per_row, m == Meet::per_col});
}

}  // namespace detail

// y = f(a, b) for a functor of two arguments. The gradient of a repeated b is summed over what it was repeated for.
template <class F, class T, class D>
Var<T, D> binary(const F& f, const Var<T, D>& a, const Var<T, D>& b) {
  using backend::Dense, backend::map;
  detail::Meet m = detail::meet(F::name, a.shape(), b.shape());
  i64 rows = a.shape().rows(), cols = a.shape().cols();
  Tensor<T, D> y(a.shape());
  detail::with_view(m, b.value(), cols, [&](auto vb) {
    map(D{}, f, y.data(), rows, cols, Into::assign, detail::dense(a.value()), vb);
  });
  Tensor<T, D> ka = F::keeps ? a.value() : Tensor<T, D>(), kb = F::keeps ? b.value() : Tensor<T, D>();
  return make_op(F::name, y, [na = a.node(), nb = b.node(), ka, kb, m, f, rows, cols](const Tensor<T, D>& gy) {
    // where the derivative reads neither a nor b, gy stands in for them
    const Tensor<T, D>&va = F::keeps ? ka : gy, &vb = F::keeps ? kb : gy;
    auto da = detail::dense(va);
    auto dy = detail::dense(gy);
    if (auto g = gradient_of(na))
      detail::with_view(m, vb, cols, [&](auto view) {
        map(D{}, detail::GradA<F>{f}, g.data(), rows, cols, g.into, da, view, dy);
      });
    auto g = gradient_of(nb);
    if (!g) return;
    math::GradB<F> grad{f};
    if (m == detail::Meet::same) return map(D{}, grad, g.data(), rows, cols, g.into, da, Dense<T>{vb.data(), cols}, dy);
    Tensor<T, D> each({rows, cols});  // before the sum over what b was repeated for
    detail::with_view(m, vb, cols,
                      [&](auto view) { map(D{}, grad, each.data(), rows, cols, Into::assign, da, view, dy); });
    backend::Identity id;
    if (m == detail::Meet::per_col)
      backend::reduce_cols(D{}, math::Sum{}, id, g.data(), rows, cols, g.into, detail::dense(each));
    else if (m == detail::Meet::per_row)
      backend::reduce_rows(D{}, math::Sum{}, id, g.data(), rows, cols, g.into, detail::dense(each));
    else backend::reduce_all(D{}, math::Sum{}, id, g.data(), rows * cols, g.into, detail::dense(each));
  }, a, b);
}

#define NACRE_OP(Functor, op)                                        \
  template <class T, class D, class... Options>                      \
  Var<T, D> op(const Var<T, D>& x, Options... options) {             \
    return unary(math::Functor{static_cast<double>(options)...}, x); \
  }
NACRE_UNARY(NACRE_OP)
#undef NACRE_OP

#define NACRE_OP(Functor, op)                                \
  template <class T, class D>                                \
  Var<T, D> op(const Var<T, D>& a, const Var<T, D>& b) {     \
    return binary(math::Functor{}, a, b);                    \
  }
NACRE_BINARY(NACRE_OP)
#undef NACRE_OP

template <class T, class D> Var<T, D> operator+(const Var<T, D>& a, const Var<T, D>& b) { return add(a, b); }
template <class T, class D> Var<T, D> operator-(const Var<T, D>& a, const Var<T, D>& b) { return sub(a, b); }
template <class T, class D> Var<T, D> operator*(const Var<T, D>& a, const Var<T, D>& b) { return mul(a, b); }
template <class T, class D> Var<T, D> operator/(const Var<T, D>& a, const Var<T, D>& b) { return div(a, b); }
template <class T, class D> Var<T, D> operator-(const Var<T, D>& a) { return neg(a); }
template <class T, class D> Var<T, D> operator*(const Var<T, D>& a, double s) { return scale(a, s); }
template <class T, class D> Var<T, D> operator*(double s, const Var<T, D>& a) { return scale(a, s); }
template <class T, class D> Var<T, D> operator/(const Var<T, D>& a, double s) { return scale(a, 1 / s); }
template <class T, class D> Var<T, D> operator+(const Var<T, D>& a, double s) { return shift(a, s); }
template <class T, class D> Var<T, D> operator+(double s, const Var<T, D>& a) { return shift(a, s); }
template <class T, class D> Var<T, D> operator-(const Var<T, D>& a, double s) { return shift(a, -s); }
template <class T, class D> Var<T, D> operator-(double s, const Var<T, D>& a) { return shift(neg(a), s); }

}  // namespace nacre
