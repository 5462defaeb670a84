// Ops that move elements and compute nothing; backward moves the gradient back along the same path.
//
//   reshape(x, {n, -1})             the same elements in the same order (a view)
//   slice(x, extent, begin, end)    begin <= i < end of one extent; a view if it is the first
//   concat({a, b}, extent)          along an extent they have          stack({a, b}, extent)   along a new one
//   transpose(x)                    [m, n] -> [n, m]
//   gather_rows(x, index)           x [N, ..], index [K] -> [K, ..]     y[i] = x[index[i]]
//   scatter_rows(x, index, n)       x [K, ..], index [K] -> [n, ..]     y[index[i]] += x[i], in order, from zeros
//   permute_patches(x, order)       x [B, P, ..], order [B, P] -> same  y[b, p] = x[b, order[b, p]]
//
// Extents may be negative: -1 is the last. Throws nacre::Error. Tested in tests/ops/shape.cpp.
#pragma once

#include <nacre/autograd/var.hpp>
#include <nacre/backend/cpu/reduce.hpp>
#include <nacre/backend/cpu/rows.hpp>

namespace nacre {

namespace detail {

// x seen as [outer, extent, inner] around one of its extents.
struct Around {
  i64 outer = 1, extent = 1, inner = 1;
  Around(const Shape& s, int i) : extent(s[i]) {
    for (int k = 0; k < i; ++k) outer *= s[k];
    for (int k = i + 1; k < s.rank(); ++k) inner *= s[k];
  }
};

inline int extent_of(const char* op, const Shape& s, int i) {
  check(-s.rank() <= i && i < s.rank(), op, [&] {
    return "extent " + std::to_string(i) + " is asked for, x is " + s.str() + "; need one of its extents";
  });
  return i < 0 ? i + s.rank() : i;
}

inline void check_index(const char* op, const Tensor<i64>& index, i64 n) {
  for (i64 i = 0; i < index.size(); ++i)
    check(0 <= index[i] && index[i] < n, op, [&] {
      return "index[" + std::to_string(i) + "] is " + std::to_string(index[i]) + "; need 0 to " + std::to_string(n - 1);
    });
}

// Many variables as one input of make_op.
template <class T, class D>
struct Inputs {
  const std::vector<Var<T, D>>& all;
  const char* op;
  Tape* tape() const {
    Tape* t = nullptr;
    for (auto& x : all) join(op, t, x.tape());
    return t;
  }
  bool needs_grad() const {
    for (auto& x : all)
      if (x.needs_grad()) return true;
    return false;
  }
};

// y[i] = x[index[i]] on rows of `cols` elements.
template <class T, class D>
Var<T, D> gather(const char* op, const Var<T, D>& x, const Tensor<i64>& index, const Shape& shape, i64 rows, i64 cols) {
  Tensor<T, D> y(shape);
  backend::gather_rows(D{}, x.value().data(), index.data(), y.data(), index.size(), cols, Into::assign);
  return make_op(op, y, [=, nx = x.node()](const Tensor<T, D>& gy) {
    if (auto g = gradient_of(nx))
      backend::scatter_rows(D{}, gy.data(), index.data(), index.size(), g.data(), rows, cols, g.into);
  }, x);
}

}  // namespace detail

template <class T, class D>
Var<T, D> reshape(const Var<T, D>& x, const Shape& shape) {
  return make_op("reshape", x.value().reshape(shape), [nx = x.node()](const Tensor<T, D>& gy) {
    if (auto g = gradient_of(nx))
      backend::map(D{}, backend::Identity{}, g.data(), 1, gy.size(), g.into, backend::Dense<T>{gy.data(), gy.size()});
  }, x);
}
template <class T, class D>
Var<T, D> reshape(const Var<T, D>& x, std::initializer_list<i64> extents) {
  return reshape(x, x.value().reshape(extents).shape());
}

template <class T, class D>
Var<T, D> slice(const Var<T, D>& x, int extent, i64 begin, i64 end) {
  const Shape& s = x.shape();
  int k = detail::extent_of("slice", s, extent);
  check(0 <= begin && begin <= end && end <= s[k], "slice", [&] {
    return "begin " + std::to_string(begin) + ", end " + std::to_string(end) + ", x is " + s.str() +
           "; need 0 <= begin <= end <= " + std::to_string(s[k]) + " (extent " + std::to_string(k) + ")";
  });
  detail::Around a(s, k);
  i64 whole = a.extent * a.inner, part = (end - begin) * a.inner, offset = begin * a.inner;
  Tensor<T, D> y;
  if (k == 0) y = x.value().rows(begin, end);
  else {
    y = Tensor<T, D>(s.with(k, end - begin));
    backend::copy_rows(D{}, x.value().data() + offset, whole, y.data(), part, a.outer, part, Into::assign);
  }
  return make_op("slice", y, [=, nx = x.node()](const Tensor<T, D>& gy) {
    auto g = gradient_of(nx);
    if (!g) return;
    if (g.into == Into::assign) g.tensor.fill(T(0));
    backend::copy_rows(D{}, gy.data(), part, g.data() + offset, whole, a.outer, part, Into::add);
  }, x);
}

template <class T, class D = Cpu>
Var<T, D> concat(const std::vector<Var<T, D>>& xs, int extent) {
  check(!xs.empty(), "concat", [] { return std::string("needs at least one input"); });
  const Shape& first = xs[0].shape();
  int k = detail::extent_of("concat", first, extent);
  i64 total = 0;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const Shape& s = xs[i].shape();
    check(s.rank() == first.rank() && s.with(k, 0) == first.with(k, 0), "concat", [&] {
      return "input 0 is " + first.str() + ", input " + std::to_string(i) + " is " + s.str() +
             "; need equal extents but for extent " + std::to_string(k);
    });
    total += s[k];
  }
  Tensor<T, D> y(first.with(k, total));
  i64 outer = detail::Around(first, k).outer, inner = detail::Around(first, k).inner, offset = 0;
  std::vector<std::shared_ptr<Node<T, D>>> nodes;
  for (auto& x : xs) {
    i64 part = x.dim(k) * inner;
    backend::copy_rows(D{}, x.value().data(), part, y.data() + offset, total * inner, outer, part, Into::assign);
    offset += part;
    nodes.push_back(x.node());
  }
  return make_op("concat", y, [=](const Tensor<T, D>& gy) {
    i64 at = 0;
    for (auto& n : nodes) {
      i64 part = n->value.dim(k) * inner;
      if (auto g = gradient_of(n))
        backend::copy_rows(D{}, gy.data() + at, total * inner, g.data(), part, outer, part, g.into);
      at += part;
    }
  }, detail::Inputs<T, D>{xs, "concat"});
}

// The new extent stands at position `extent` of the result.
template <class T, class D = Cpu>
Var<T, D> stack(const std::vector<Var<T, D>>& xs, int extent = 0) {
  check(!xs.empty(), "stack", [] { return std::string("needs at least one input"); });
  const Shape& s = xs[0].shape();
  int rank = s.rank() + 1, k = extent < 0 ? extent + rank : extent;
  check(0 <= k && k < rank, "stack", [&] {
    return "extent " + std::to_string(extent) + " is asked for, input 0 is " + s.str() +
           "; need a position in a shape of rank " + std::to_string(rank);
  });
  std::vector<Var<T, D>> rows;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    check(xs[i].shape() == s, "stack", [&] {
      return "input 0 is " + s.str() + ", input " + std::to_string(i) + " is " + xs[i].shape().str() +
             "; need equal shapes";
    });
    i64 e[Shape::max_rank + 1];
    for (int j = 0; j < rank; ++j) e[j] = j == k ? 1 : s[j < k ? j : j - 1];
    rows.push_back(reshape(xs[i], Shape(e, rank)));
  }
  return concat(rows, k);
}

template <class T, class D>
Var<T, D> transpose(const Var<T, D>& x) {
  check(x.shape().rank() == 2, "transpose", [&] { return "x is " + x.shape().str() + "; need a matrix"; });
  i64 m = x.dim(0), n = x.dim(1);
  Tensor<T, D> y({n, m});
  backend::transpose(D{}, x.value().data(), y.data(), m, n, Into::assign);
  return make_op("transpose", y, [=, nx = x.node()](const Tensor<T, D>& gy) {
    if (auto g = gradient_of(nx)) backend::transpose(D{}, gy.data(), g.data(), n, m, g.into);
  }, x);
}

template <class T, class D>
Var<T, D> gather_rows(const Var<T, D>& x, const Tensor<i64>& index) {
  const Shape& s = x.shape();
  check(s.rank() >= 1 && index.rank() == 1, "gather_rows", [&] {
    return "x is " + s.str() + ", index " + index.shape().str() + "; need x [N, ..] and index [K]";
  });
  detail::check_index("gather_rows", index, s[0]);
  return detail::gather("gather_rows", x, index, s.with(0, index.size()), s[0], detail::Around(s, 0).inner);
}

template <class T, class D>
Var<T, D> scatter_rows(const Var<T, D>& x, const Tensor<i64>& index, i64 n) {
  const Shape& s = x.shape();
  check(s.rank() >= 1 && index.rank() == 1 && index.size() == s[0] && n >= 0, "scatter_rows", [&] {
    return "x is " + s.str() + ", index " + index.shape().str() + ", n is " + std::to_string(n) +
           "; need x [K, ..], index [K] and n at least 0";
  });
  detail::check_index("scatter_rows", index, n);
  i64 cols = detail::Around(s, 0).inner;
  Tensor<T, D> y(s.with(0, n));
  backend::scatter_rows(D{}, x.value().data(), index.data(), index.size(), y.data(), n, cols, Into::assign);
  return make_op(
      "scatter_rows", y,
      [=, nx = x.node()](const Tensor<T, D>& gy) {
        if (auto g = gradient_of(nx))
          backend::gather_rows(D{}, gy.data(), index.data(), g.data(), index.size(), cols, g.into);
      },
      x);
}

template <class T, class D>
Var<T, D> permute_patches(const Var<T, D>& x, const Tensor<i64>& order) {
  const Shape& s = x.shape();
  check(s.rank() >= 2 && order.shape() == Shape{s[0], s[1]}, "permute_patches", [&] {
    return "x is " + s.str() + ", order " + order.shape().str() + "; need x [B, P, ..] and order [B, P]";
  });
  i64 batch = s[0], patches = s[1];
  Tensor<i64> index(order.shape());  // of rows of x seen as [B P, ..]
  std::vector<char> seen;
  for (i64 b = 0; b < batch; ++b) {
    seen.assign(static_cast<std::size_t>(patches), 0);
    for (i64 p = 0; p < patches; ++p) {
      i64 o = order[b * patches + p];
      check(0 <= o && o < patches && !std::exchange(seen[static_cast<std::size_t>(o)], 1), "permute_patches", [&] {
        return "order[" + std::to_string(b) + ", " + std::to_string(p) + "] is " + std::to_string(o) + ", x is " +
               s.str() + "; need each of 0 to " + std::to_string(patches - 1) + " once in a row";
      });
      index[b * patches + p] = b * patches + o;
    }
  }
  return detail::gather("permute_patches", x, index, s, batch * patches, detail::Around(s, 1).inner);
}

}  // namespace nacre
