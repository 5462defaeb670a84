// Reductions as init, step, merge, finish over a small state: one body for a loop, a fixed tree of chunks,
// a warp, and a streaming loss. grad(x, y, gy, n) is dL/dx of one element, y the finished result.
//
// The merge law, merge(reduce(a), reduce(b)) = reduce(a, b), is tested in tests/math/reduce.cpp.
#pragma once

#include <nacre/math/scalar.hpp>

namespace nacre::math {

struct Sum {
  static constexpr const char* name = "sum";
  template <class A> struct State { A s; };
  template <class A> NACRE_HD static State<A> init() { return {A(0)}; }
  template <class A> NACRE_HD static void step(State<A>& t, A x) { t.s += x; }
  template <class A> NACRE_HD static State<A> merge(State<A> a, State<A> b) { return {a.s + b.s}; }
  template <class A> NACRE_HD static A finish(State<A> t, i64) { return t.s; }
  template <class A> NACRE_HD static A grad(A, A, A gy, i64) { return gy; }
};

struct Mean : Sum {
  static constexpr const char* name = "mean";
  template <class A> NACRE_HD static A finish(State<A> t, i64 n) { return t.s / A(n); }
  template <class A> NACRE_HD static A grad(A, A, A gy, i64 n) { return gy / A(n); }
};

struct Max {  // equal maxima each receive the gradient
  static constexpr const char* name = "max";
  template <class A> struct State { A m; };
  template <class A> NACRE_HD static State<A> init() { return {-scalar::infinity<A>}; }
  template <class A> NACRE_HD static void step(State<A>& t, A x) { t.m = x > t.m || x != x ? x : t.m; }
  template <class A> NACRE_HD static State<A> merge(State<A> a, State<A> b) {
    step(a, b.m);
    return a;
  }
  template <class A> NACRE_HD static A finish(State<A> t, i64) { return t.m; }
  template <class A> NACRE_HD static A grad(A x, A y, A gy, i64) { return x == y ? gy : A(0); }
};

struct LogSumExp {  // m + log sum e^(x - m), m the running maximum
  static constexpr const char* name = "log_sum_exp";
  template <class A> struct State { A m, s; };
  template <class A> NACRE_HD static State<A> init() { return {-scalar::infinity<A>, A(0)}; }
  template <class A> NACRE_HD static void step(State<A>& t, A x) { t = merge(t, State<A>{x, A(1)}); }
  template <class A> NACRE_HD static State<A> merge(State<A> a, State<A> b) {
    if (a.s == 0) return b;
    if (b.s == 0) return a;
    A m = a.m > b.m ? a.m : b.m;
    if (m == -scalar::infinity<A>) return {m, a.s + b.s};  // inf - inf would be NaN
    return {m, a.s * scalar::exp(a.m - m) + b.s * scalar::exp(b.m - m)};
  }
  template <class A> NACRE_HD static A finish(State<A> t, i64) { return t.m + scalar::log(t.s); }
  template <class A> NACRE_HD static A grad(A x, A y, A gy, i64) { return gy * scalar::exp(x - y); }
};

// The derivative of one element as a function of (x, y, gy), for `map`.
template <class R>
struct ReduceGrad {
  i64 n;
  template <class A> NACRE_HD A operator()(A x, A y, A gy) const { return R::grad(x, y, gy, n); }
};

}  // namespace nacre::math
