// Normalisation of rows and of groups of channels; batch_norm has its own header.
//
//   l2_normalize(x)              y = x / n, n = max(|x|, eps), |x| over the last extent           keeps y, n
//                                gx = (gy - y (gy . y)) / n, and gy / n where |x| <= eps
//   layer_norm(x, weight, bias)  y = weight (x - mean) r + bias, mean and r = 1 / sqrt(var + eps) over the last
//                                extent; weight, bias [cols]                                      keeps x, mean, r
//   group_norm(x, weight, bias, groups)   x [N, .., C]: the same over each sample's pixels and C / groups channels
//   group_norm_relu(.., residual)         relu(group_norm(x) + residual) in one pass    keeps y too; as its reference
//
// For both, over the m elements that share a mean and with h = weight gy:
//   gx = r (h - sum h / m - (x - mean) r^2 sum h (x - mean) / m),  gweight = sum gy (x - mean) r,  gbias = sum gy
// Ba et al., 2016; Wu & He, 2018. Throws nacre::Error. Tested in tests/ops/normalize.cpp.
#pragma once

#include <nacre/ops/batchnorm_relu.hpp>

namespace nacre {

namespace detail {

struct L2Grad {
  template <class A> NACRE_HD A operator()(A gy, A y, A dot, A n) const { return (gy - y * dot) / n; }
};
struct SquaredDeviation {
  template <class A> NACRE_HD A operator()(A x, A mean) const { return (x - mean) * (x - mean); }
};
struct Normalized {  // (x - mean) r
  template <class A> NACRE_HD A operator()(A x, A mean, A r) const { return (x - mean) * r; }
};
struct LayerNorm {
  template <class A> NACRE_HD A operator()(A x, A mean, A r, A weight, A bias) const {
    return Normalized{}(x, mean, r) * weight + bias;
  }
};
struct TimesNormalized {  // gy weight (x - mean) r
  template <class A> NACRE_HD A operator()(A gy, A x, A mean, A r, A weight) const {
    return gy * weight * Normalized{}(x, mean, r);
  }
};
struct LayerNormGrad {  // s1 = sum h / m, s2 = sum h (x - mean) r / m
  template <class A> NACRE_HD A operator()(A gy, A x, A mean, A r, A weight, A s1, A s2) const {
    return r * (gy * weight - s1 - Normalized{}(x, mean, r) * s2);
  }
};

}  // namespace detail

// As torch.nn.functional.normalize(x, dim=-1).
template <class T, class D>
Var<T, D> l2_normalize(const Var<T, D>& x, double eps = 1e-12) {
  using backend::PerRow;
  check(x.shape().rank() >= 1, "l2_normalize", [] { return std::string("x is a scalar; need x [.., cols]"); });
  i64 rows = x.shape().rows(), cols = x.shape().cols();
  Tensor<T, D> y(x.shape()), norm({rows});
  backend::reduce_rows(D{}, math::Sum{}, math::Square{}, norm.data(), rows, cols, Into::assign,
                       detail::dense(x.value()));
  T floor = static_cast<T>(eps);
  for (i64 r = 0; r < rows; ++r) norm[r] = std::sqrt(norm[r]) <= floor ? floor : std::sqrt(norm[r]);
  backend::map(D{}, math::Div{}, y.data(), rows, cols, Into::assign, detail::dense(x.value()), PerRow<T>{norm.data()});
  return make_op("l2_normalize", y, [=, nx = x.node()](const Tensor<T, D>& gy) {
    auto g = gradient_of(nx);
    if (!g) return;
    Tensor<T, D> dot({rows});
    auto dg = detail::dense(gy), dy = detail::dense(y);
    backend::reduce_rows(D{}, math::Sum{}, math::Mul{}, dot.data(), rows, cols, Into::assign, dg, dy);
    for (i64 r = 0; r < rows; ++r)
      if (norm[r] <= floor) dot[r] = 0;
    backend::map(D{}, detail::L2Grad{}, g.data(), rows, cols, g.into, dg, dy, PerRow<T>{dot.data()},
                 PerRow<T>{norm.data()});
  }, x);
}

template <class T, class D>
Var<T, D> layer_norm(const Var<T, D>& x, const Var<T, D>& weight, const Var<T, D>& bias, double eps = 1e-5) {
  using backend::PerCol, backend::PerRow, backend::reduce_rows, backend::reduce_cols, backend::map, math::Sum,
      math::Mean;
  i64 rows = x.shape().rows(), cols = x.shape().cols();
  check(x.shape().rank() >= 1 && cols >= 1 && weight.value().size() == cols && bias.value().size() == cols,
        "layer_norm", [&] {
          return "x is " + x.shape().str() + ", weight " + weight.shape().str() + ", bias " + bias.shape().str() +
                 "; need one weight and one bias for each element of x's last extent";
        });
  Tensor<T, D> y(x.shape()), mean({rows}), r({rows});
  auto dx = detail::dense(x.value());
  reduce_rows(D{}, Mean{}, backend::Identity{}, mean.data(), rows, cols, Into::assign, dx);
  reduce_rows(D{}, Mean{}, detail::SquaredDeviation{}, r.data(), rows, cols, Into::assign, dx, PerRow<T>{mean.data()});
  for (i64 i = 0; i < rows; ++i) r[i] = 1 / std::sqrt(r[i] + static_cast<T>(eps));
  map(D{}, detail::LayerNorm{}, y.data(), rows, cols, Into::assign, dx, PerRow<T>{mean.data()}, PerRow<T>{r.data()},
      PerCol<T>{weight.value().data()}, PerCol<T>{bias.value().data()});
  return make_op("layer_norm", y, [=, nx = x.node(), nw = weight.node(), nb = bias.node(), vx = x.value(),
                                   vw = weight.value()](const Tensor<T, D>& gy) {
    auto dg = detail::dense(gy), dv = detail::dense(vx);
    PerRow<T> m{mean.data()}, s{r.data()};
    PerCol<T> w{vw.data()};
    if (auto g = gradient_of(nx)) {
      Tensor<T, D> s1({rows}), s2({rows});
      reduce_rows(D{}, Mean{}, math::Mul{}, s1.data(), rows, cols, Into::assign, dg, w);
      reduce_rows(D{}, Mean{}, detail::TimesNormalized{}, s2.data(), rows, cols, Into::assign, dg, dv, m, s, w);
      map(D{}, detail::LayerNormGrad{}, g.data(), rows, cols, g.into, dg, dv, m, s, w, PerRow<T>{s1.data()},
          PerRow<T>{s2.data()});
    }
    if (auto g = gradient_of(nw))
      reduce_cols(D{}, Sum{}, detail::TimesNormalized{}, g.data(), rows, cols, g.into, dg, dv, m, s,
                  backend::Scalar<T>{T(1)});
    if (auto g = gradient_of(nb)) reduce_cols(D{}, Sum{}, backend::Identity{}, g.data(), rows, cols, g.into, dg);
  }, x, weight, bias);
}

namespace detail {

// Each sample's channel sums come from the kernels of batch norm and are put together per group.
template <class T, class D>
Var<T, D> group_norm(const char* op, const Var<T, D>& x, const Var<T, D>& weight, const Var<T, D>& bias, i64 groups,
                     double eps, bool relu, const Var<T, D>& residual) {
  using backend::Dense, backend::PerCol, backend::map;
  const Shape& s = x.shape();
  i64 cols = s.cols();
  bool adds = residual.node() != nullptr;
  check(s.rank() >= 2 && groups >= 1 && cols >= 1 && cols % groups == 0 && weight.value().size() == cols &&
            bias.value().size() == cols && (!adds || residual.shape() == s),
        op, [&] {
          return "x is " + s.str() + ", weight " + weight.shape().str() + ", bias " + bias.shape().str() + ", groups " +
                 std::to_string(groups) + (adds ? ", residual " + residual.shape().str() : "") +
                 "; need x [N, .., C], C a multiple of groups, one weight and bias for each channel, a residual like x";
        });
  i64 n = s[0], area = s.rows() / std::max<i64>(n, 1), width = cols / groups;
  check(n == 0 || area >= 1, op, [&] { return "x is " + s.str() + "; need at least one pixel"; });
  T count = static_cast<T>(area * width);
  Tensor<T, D> y(s), mean({n, cols}), rstd({n, cols});  // of the channel's group
  const Tensor<T, D>&v = x.value(), &gamma = weight.value(), &beta = bias.value();
  parallel_for(n, 1, [&](i64 begin, i64) {
    Tensor<T, D> scale({cols}), shift({cols});
    T *m = mean.data() + begin * cols, *r = rstd.data() + begin * cols, *out = y.data() + begin * area * cols;
    const T* p = v.data() + begin * area * cols;
    backend::moments_cols(D{}, p, area, cols, m, r);
    for (i64 c0 = 0; c0 < cols; c0 += width) {
      T group_mean = 0, group_var = 0;
      for (i64 c = c0; c < c0 + width; ++c) group_mean += m[c];
      group_mean /= static_cast<T>(width);
      for (i64 c = c0; c < c0 + width; ++c) group_var += r[c] + (m[c] - group_mean) * (m[c] - group_mean);
      T rs = 1 / std::sqrt(group_var / static_cast<T>(width) + static_cast<T>(eps));
      for (i64 c = c0; c < c0 + width; ++c) {
        m[c] = group_mean;
        r[c] = rs;
        scale[c] = gamma[c] * rs;
        shift[c] = beta[c] - group_mean * scale[c];
      }
    }
    Dense<T> in{p, cols};
    PerCol<T> a{scale.data()}, b{shift.data()};
    if (adds) {
      Dense<T> more{residual.value().data() + begin * area * cols, cols};
      map(D{}, AffineAddRelu{}, out, area, cols, Into::assign, in, more, a, b);
    } else if (relu) map(D{}, AffineRelu{}, out, area, cols, Into::assign, in, a, b);
    else map(D{}, Affine{}, out, area, cols, Into::assign, in, a, b);
  });
  auto backward = [=, nx = x.node(), nw = weight.node(), nb = bias.node(), nr = residual.node(), vx = x.value(),
                   vw = weight.value(), vy = relu ? y : Tensor<T, D>()](Tensor<T, D> g) {
    if (relu && !g.unique()) g = g.clone();  // gated where it lies
    Tensor<T, D> s1({n, cols}), s2({n, cols});  // sums of g and g (x - mean) over a sample's pixels
    auto gr = adds ? gradient_over(g, nr) : Gradient<T, D>();
    auto gx = gradient_over(g, nx);
    parallel_for(n, 1, [&](i64 begin, i64) {
      Tensor<T, D> scale({cols}), slope({cols}), offset({cols}), a = s1.rows(begin, begin + 1),
                                                                 b = s2.rows(begin, begin + 1);
      const T *m = mean.data() + begin * cols, *r = rstd.data() + begin * cols;
      const i64 at = begin * area * cols;
      const T* p = vx.data() + at;
      T* dy = g.data() + at;
      if (relu) {
        backend::ReluGated<T, Dense<T>> gate{dy, cols, {vy.data() + at, cols}};
        backend::dot_cols(D{}, gate, p, m, area, cols, a.data(), b.data());
      } else backend::dot_cols(D{}, dy, p, m, area, cols, a.data(), b.data());
      if (gr && gr.data() != g.data())
        map(D{}, backend::Identity{}, gr.data() + at, area, cols, gr.into, Dense<T>{dy, cols});
      if (!gx) return;
      for (i64 c0 = 0; c0 < cols; c0 += width) {
        T h1 = 0, h2 = 0;
        for (i64 c = c0; c < c0 + width; ++c) {
          h1 += vw[c] * a[c];
          h2 += vw[c] * b[c];
        }
        for (i64 c = c0; c < c0 + width; ++c) {
          scale[c] = vw[c] * r[c];
          slope[c] = -r[c] * r[c] * r[c] * h2 / count;
          offset[c] = -r[c] * h1 / count - slope[c] * m[c];
        }
      }
      map(D{}, BatchNormGrad{}, gx.data() + at, area, cols, gx.into, Dense<T>{dy, cols}, Dense<T>{p, cols},
          PerCol<T>{scale.data()}, PerCol<T>{slope.data()}, PerCol<T>{offset.data()});
    });
    if (auto d = gradient_of(nw))
      backend::reduce_cols(D{}, math::Sum{}, math::Mul{}, d.data(), n, cols, d.into, dense(s2), dense(rstd));
    if (auto d = gradient_of(nb))
      backend::reduce_cols(D{}, math::Sum{}, backend::Identity{}, d.data(), n, cols, d.into, dense(s1));
  };
  return adds ? make_op(op, y, backward, x, weight, bias, residual) : make_op(op, y, backward, x, weight, bias);
}

}  // namespace detail

template <class T, class D>
Var<T, D> group_norm(const Var<T, D>& x, const Var<T, D>& weight, const Var<T, D>& bias, i64 groups,
                     double eps = 1e-5) {
  return detail::group_norm("group_norm", x, weight, bias, groups, eps, false, {});
}
// residual [N, .., C] may be an empty Var.
template <class T, class D>
Var<T, D> group_norm_relu(const Var<T, D>& x, const Var<T, D>& weight, const Var<T, D>& bias, i64 groups,
                          const Var<T, D>& residual = {}, double eps = 1e-5) {
  return detail::group_norm("group_norm_relu", x, weight, bias, groups, eps, true, residual);
}
template <class T, class D>
Var<T, D> group_norm_relu_reference(const Var<T, D>& x, const Var<T, D>& weight, const Var<T, D>& bias, i64 groups,
                                    const Var<T, D>& residual = {}, double eps = 1e-5) {
  Var<T, D> y = group_norm(x, weight, bias, groups, eps);
  return relu(residual.node() ? y + residual : y);
}

}  // namespace nacre
