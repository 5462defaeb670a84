#include <nacre/backend/cpu/simd.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <vector>

using namespace nacre;
using backend::Isa;

namespace {
struct IsaGuard {
  Isa before = backend::isa();
  ~IsaGuard() { backend::set_isa(before); }
};
}  // namespace

TEST_CASE("the instruction set can be lowered and never raised above the processor's") {
  IsaGuard guard;
  backend::set_isa(Isa::avx512);
  const Isa best = backend::isa();
  for (Isa wanted : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    backend::set_isa(wanted);
    CHECK(backend::isa() == (wanted < best ? wanted : best));
  }
}

TEST_CASE_TEMPLATE("a loop has the same bits on any instruction set: no contraction to FMA", T, float, double) {
  IsaGuard guard;
  const i64 n = 1003;
  std::vector<T> x(n), y(n), first;
  for (i64 i = 0; i < n; ++i) {
    x[static_cast<std::size_t>(i)] = T(1) + T(i) / T(7);
    y[static_cast<std::size_t>(i)] = T(i) * T(i) / T(-49);
  }
  for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    backend::set_isa(isa);
    std::vector<T> out(n);
    const T *a = x.data(), *b = y.data();
    T* c = out.data();
    backend::simd::run([=] {
      for (i64 i = 0; i < n; ++i) c[i] = a[i] * a[i] + b[i];  // cancels: a fused product would show
    });
    if (first.empty()) first = out;
    CHECK(out == first);
  }
}

TEST_CASE_TEMPLATE("sqrt16 is C's sqrt in every bit, at the ends of the range too", T, float, double) {
  using limits = std::numeric_limits<T>;
  T x[16] = {0, -T(0), 1, 2, 3, T(0.1), limits::min(), limits::denorm_min(), limits::max(), limits::infinity(), -1,
             limits::quiet_NaN(), limits::epsilon(), T(1e20), T(1e-20), 7};
  T y[16];
  std::copy(x, x + 16, y);
  backend::simd::sqrt16(y);
  for (int i = 0; i < 16; ++i) {
    T root = std::sqrt(x[i]);
    CHECK_UNARY(std::isnan(root) ? std::isnan(y[i]) : root == y[i] && std::signbit(root) == std::signbit(y[i]));
  }
}
