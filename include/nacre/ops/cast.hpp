// cast<U>(x): the same values in another storage type: float, double or bf16.
//
// The gradient of a variable has its value's type, so gx = gy rounded to x's type; a bf16 leaf that is read in
// several places therefore adds in bf16: keep a float leaf and cast it once where that matters.
// Tested in tests/ops/cast.cpp.
#pragma once

#include <nacre/ops/elementwise.hpp>

namespace nacre {

namespace detail {

template <class U, class T, class D>
void convert(const Tensor<T, D>& x, U* y, Into into) {
  backend::map(
      D{}, [](acc_t<T> v) { return static_cast<acc_t<U>>(v); }, y, 1, x.size(), into,
      backend::Dense<T>{x.data(), x.size()});
}

}  // namespace detail

template <class U, class T, class D>
Var<U, D> cast(const Var<T, D>& x) {
  if constexpr (std::is_same_v<U, T>) return x;
  else {
    Tensor<U, D> y(x.shape());
    detail::convert(x.value(), y.data(), Into::assign);
    return make_op("cast", y, [nx = x.node()](const Tensor<U, D>& gy) {
      if (auto g = gradient_of(nx)) detail::convert(gy, g.data(), g.into);
    }, x);
  }
}

}  // namespace nacre
