// Matrix products.
//
//   matmul(a, b)             [m, k] [k, n] -> [m, n]; transposes as options: op(a) op(b)
//   linear(x, w, bias)       x [.., in], w [out, in], bias [out] or none -> [.., out] = x w^T + bias
//
// Backward keeps both operands: dA = dY B^T, dB = A^T dY (with the transposes of the options).
// Each output element is one ascending-k chain, so a row does not depend on the batch around it.
// Tested in tests/ops/matmul.cpp.
#pragma once

#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/ops/elementwise.hpp>

namespace nacre {

struct MatmulOptions {
  bool transpose_a = false, transpose_b = false;
};

template <class T, class D>
Var<T, D> matmul(const Var<T, D>& a, const Var<T, D>& b, MatmulOptions o = {}) {
  check(a.shape().rank() == 2 && b.shape().rank() == 2, "matmul",
        [&] { return "needs two matrices, got a " + a.shape().str() + ", b " + b.shape().str(); });
  bool ta = o.transpose_a, tb = o.transpose_b;
  i64 m = a.dim(ta ? 1 : 0), k = a.dim(ta ? 0 : 1), n = b.dim(tb ? 0 : 1);
  check(b.dim(tb ? 1 : 0) == k, "matmul", [&] {
    return "inner dimensions differ: a is " + a.shape().str() + (ta ? " transposed" : "") + ", b is " +
           b.shape().str() + (tb ? " transposed" : "") + "; need cols of a == rows of b";
  });
  i64 lda = a.dim(1), ldb = b.dim(1);
  Tensor<T, D> y({m, n});
  backend::gemm(D{}, ta, tb, m, n, k, a.value().data(), lda, b.value().data(), ldb, y.data(), n, Into::assign);
  return make_op(
      "matmul", y,
      [=, na = a.node(), nb = b.node(), va = a.value(), vb = b.value()](const Tensor<T, D>& gy) {
        using backend::gemm;
        if (auto g = gradient_of(na)) {
          if (!ta) gemm(D{}, false, !tb, m, k, n, gy.data(), n, vb.data(), ldb, g.data(), lda, g.into);
          else gemm(D{}, tb, true, k, m, n, vb.data(), ldb, gy.data(), n, g.data(), lda, g.into);
        }
        if (auto g = gradient_of(nb)) {
          if (!tb) gemm(D{}, !ta, false, k, n, m, va.data(), lda, gy.data(), n, g.data(), ldb, g.into);
          else gemm(D{}, true, ta, n, k, m, gy.data(), n, va.data(), lda, g.data(), ldb, g.into);
        }
      },
      a, b);
}

// bias may be an empty Var.
template <class T, class D>
Var<T, D> linear(const Var<T, D>& x, const Var<T, D>& w, const Var<T, D>& bias) {
  check(x.shape().rank() >= 1 && w.shape().rank() == 2 && x.shape().cols() == w.dim(1), "linear", [&] {
    return "x is " + x.shape().str() + ", w is " + w.shape().str() + "; need the last extent of x == w's second";
  });
  i64 rows = x.shape().rows(), in = w.dim(1), out = w.dim(0);
  check(!bias.node() || bias.value().size() == out, "linear", [&] {
    return "bias is " + bias.shape().str() + ", w is " + w.shape().str() + "; need one bias for each row of w";
  });
  Tensor<T, D> y(x.shape().with(-1, out));
  backend::gemm(D{}, false, true, rows, out, in, x.value().data(), in, w.value().data(), in, y.data(), out,
                Into::assign);
  auto backward = [=, nx = x.node(), nw = w.node(), vx = x.value(), vw = w.value()](const Tensor<T, D>& gy) {
    using backend::gemm;
    if (auto g = gradient_of(nx))
      gemm(D{}, false, false, rows, in, out, gy.data(), out, vw.data(), in, g.data(), in, g.into);
    if (auto g = gradient_of(nw))
      gemm(D{}, true, false, out, in, rows, gy.data(), out, vx.data(), in, g.data(), in, g.into);
  };
  Var<T, D> product = make_op("linear", y, backward, x, w);
  return bias.node() ? product + bias : product;
}

}  // namespace nacre
