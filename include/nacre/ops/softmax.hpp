// softmax and log_softmax over the last extent, and the mean cross entropy of class labels.
//
//   softmax(x)                 y = e^x / sum e^x                    gx = y (gy - sum gy y)         keeps y
//   log_softmax(x)             y = x - log sum e^x                  gx = gy - e^y sum gy           keeps y
//   cross_entropy(x, labels)   L = mean over n of lse(x[n]) - x[n, labels[n]]                      keeps x, lse
//                              gx[n, c] = (e^(x - lse) - [c == labels[n]]) gy / N
//
// InfoNCE is cross_entropy with the positive in column 0: labels = Tensor<i64>::zeros({N}).
// Throws nacre::Error. Tested in tests/ops/softmax.cpp.
#pragma once

#include <nacre/ops/reduce.hpp>

namespace nacre {

namespace detail {

struct SoftmaxGrad {
  template <class A> NACRE_HD A operator()(A gy, A y, A dot) const { return y * (gy - dot); }
};
struct LogSoftmaxGrad {
  template <class A> NACRE_HD A operator()(A gy, A y, A sum) const { return gy - scalar::exp(y) * sum; }
};
template <class T>
struct CrossEntropyGrad {
  T factor;
  NACRE_HD T operator()(T x, T lse) const { return factor * scalar::exp(x - lse); }
};

}  // namespace detail

template <class T, class D>
Var<T, D> softmax(const Var<T, D>& x) {
  check(x.shape().rank() >= 1, "softmax", [&] { return "x is a scalar; need x [.., classes]"; });
  i64 rows = x.shape().rows(), cols = x.shape().cols();
  Tensor<T, D> y(x.shape());
  backend::softmax_rows(D{}, x.value().data(), y.data(), rows, cols);
  return make_op("softmax", y, [=, nx = x.node()](const Tensor<T, D>& gy) {
    auto g = gradient_of(nx);
    if (!g) return;
    Tensor<T, D> dot({rows});
    auto dg = detail::dense(gy), dy = detail::dense(y);
    backend::reduce_rows(D{}, math::Sum{}, math::Mul{}, dot.data(), rows, cols, Into::assign, dg, dy);
    backend::map(D{}, detail::SoftmaxGrad{}, g.data(), rows, cols, g.into, dg, dy, backend::PerRow<T>{dot.data()});
  }, x);
}

template <class T, class D>
Var<T, D> log_softmax(const Var<T, D>& x) {
  check(x.shape().rank() >= 1, "log_softmax", [&] { return "x is a scalar; need x [.., classes]"; });
  i64 rows = x.shape().rows(), cols = x.shape().cols();
  Tensor<T, D> y(x.shape()), lse({rows});
  auto dx = detail::dense(x.value());
  backend::reduce_rows(D{}, math::LogSumExp{}, backend::Identity{}, lse.data(), rows, cols, Into::assign, dx);
  backend::map(D{}, math::Sub{}, y.data(), rows, cols, Into::assign, dx, backend::PerRow<T>{lse.data()});
  return make_op("log_softmax", y, [=, nx = x.node()](const Tensor<T, D>& gy) {
    auto g = gradient_of(nx);
    if (!g) return;
    Tensor<T, D> sum({rows});
    auto dg = detail::dense(gy);
    backend::reduce_rows(D{}, math::Sum{}, backend::Identity{}, sum.data(), rows, cols, Into::assign, dg);
    backend::map(D{}, detail::LogSoftmaxGrad{}, g.data(), rows, cols, g.into, dg, detail::dense(y),
                 backend::PerRow<T>{sum.data()});
  }, x);
}

// logits [N, C], labels [N] in 0 .. C - 1 -> scalar.
template <class T, class D>
Var<T, D> cross_entropy(const Var<T, D>& logits, const Tensor<i64>& labels) {
  const Shape& s = logits.shape();
  check(s.rank() == 2 && labels.shape() == Shape{s[0]} && s[0] >= 1, "cross_entropy", [&] {
    return "logits is " + s.str() + ", labels " + labels.shape().str() +
           "; need logits [N, C] and labels [N] with N at least 1";
  });
  i64 rows = s[0], cols = s[1];
  for (i64 r = 0; r < rows; ++r)
    check(0 <= labels[r] && labels[r] < cols, "cross_entropy", [&] {
      return "labels[" + std::to_string(r) + "] is " + std::to_string(labels[r]) + ", logits is " + s.str() +
             "; need labels from 0 to " + std::to_string(cols - 1);
    });
  Tensor<T, D> lse({rows});
  backend::reduce_rows(D{}, math::LogSumExp{}, backend::Identity{}, lse.data(), rows, cols, Into::assign,
                       detail::dense(logits.value()));
  double total = 0;
  for (i64 r = 0; r < rows; ++r)
    total += static_cast<double>(lse[r]) - static_cast<double>(logits.value()[r * cols + labels[r]]);
  auto y = Tensor<T, D>::scalar(static_cast<T>(total / static_cast<double>(rows)));
  return make_op("cross_entropy", y, [=, nx = logits.node(), vx = logits.value()](const Tensor<T, D>& gy) {
    auto g = gradient_of(nx);
    if (!g) return;
    T factor = gy[0] / static_cast<T>(rows);
    backend::map(D{}, detail::CrossEntropyGrad<T>{factor}, g.data(), rows, cols, g.into, detail::dense(vx),
                 backend::PerRow<T>{lse.data()});
    for (i64 r = 0; r < rows; ++r) g.data()[r * cols + labels[r]] -= factor;
  }, logits);
}

}  // namespace nacre
