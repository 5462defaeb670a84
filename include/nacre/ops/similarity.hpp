// Inner products of embeddings with one another and with rows of a memory bank.
//
//   row_dot(a, b)                   a, b [N, D] -> [N]: a[n] . b[n]                        keeps a, b
//   gathered_dot(z, bank, index)    z [B, D], bank [N, D], index [B, K] -> [B, K]:
//                                   z[b] . bank[index[b, k]]                               keeps bank, index
//
// The bank is a constant: gz[b] = sum over k of gy[b, k] bank[index[b, k]]. It is kept by reference, not copied:
// update it after backward. Throws nacre::Error. Tested in tests/ops/similarity.cpp.
#pragma once

#include <nacre/backend/cpu/similarity.hpp>
#include <nacre/ops/elementwise.hpp>

namespace nacre {

template <class T, class D>
Var<T, D> row_dot(const Var<T, D>& a, const Var<T, D>& b) {
  check(a.shape().rank() == 2 && a.shape() == b.shape(), "row_dot", [&] {
    return "a is " + a.shape().str() + ", b is " + b.shape().str() + "; need two matrices [N, D] of one shape";
  });
  i64 rows = a.dim(0), cols = a.dim(1);
  Tensor<T, D> y({rows});
  backend::reduce_rows(D{}, math::Sum{}, math::Mul{}, y.data(), rows, cols, Into::assign, detail::dense(a.value()),
                       detail::dense(b.value()));
  return make_op(
      "row_dot", y,
      [=, na = a.node(), nb = b.node(), va = a.value(), vb = b.value()](const Tensor<T, D>& gy) {
        backend::PerRow<T> dy{gy.data()};
        if (auto g = gradient_of(na))
          backend::map(D{}, math::Mul{}, g.data(), rows, cols, g.into, detail::dense(vb), dy);
        if (auto g = gradient_of(nb))
          backend::map(D{}, math::Mul{}, g.data(), rows, cols, g.into, detail::dense(va), dy);
      },
      a, b);
}

namespace detail {

template <class T, class D>
void check_rows(const char* op, const char* name, const Tensor<i64>& index, const Tensor<T, D>& bank) {
  i64 n = bank.dim(0), k = index.rank() == 2 ? index.dim(1) : 0, size = index.size(), wrong = 0;
  const i64* p = index.data();
  backend::simd::run([&] {
    for (i64 i = 0; i < size; ++i) wrong |= p[i] | (n - 1 - p[i]);  // negative if either is
  });
  for (i64 i = 0; wrong < 0 && i < size; ++i)
    check(0 <= index[i] && index[i] < n, op, [&] {
      std::string at = k > 0 ? std::to_string(i / k) + ", " + std::to_string(i % k) : std::to_string(i);
      return std::string(name) + "[" + at + "] is " + std::to_string(index[i]) + ", bank is " + bank.shape().str() +
             "; need 0 to " + std::to_string(n - 1);
    });
}

}  // namespace detail

template <class T, class D>
Var<T, D> gathered_dot(const Var<T, D>& z, const Tensor<T, D>& bank, const Tensor<i64>& index) {
  check(z.shape().rank() == 2 && bank.rank() == 2 && z.dim(1) == bank.dim(1) && index.rank() == 2 &&
            index.dim(0) == z.dim(0),
        "gathered_dot", [&] {
          return "z is " + z.shape().str() + ", bank is " + bank.shape().str() + ", index is " + index.shape().str() +
                 "; need z [B, D], bank [N, D], index [B, K]";
        });
  i64 batch = z.dim(0), k = index.dim(1), dim = z.dim(1);
  detail::check_rows("gathered_dot", "index", index, bank);
  Tensor<T, D> y({batch, k});
  backend::gathered_dot(D{}, z.value().data(), bank.data(), index.data(), y.data(), batch, k, dim);
  return make_op("gathered_dot", y, [=, nz = z.node()](const Tensor<T, D>& gy) {
    if (auto g = gradient_of(nz))
      backend::gathered_sum(D{}, gy.data(), bank.data(), index.data(), g.data(), batch, k, dim, g.into);
  }, z);
}

}  // namespace nacre
