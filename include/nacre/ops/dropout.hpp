// dropout: y = x mask / (1 - p) in training, mask[i] = 0 with probability p; y = x otherwise.
//
// mask[i] is a pure function of the tape's key, the op's place among the tape's random ops, and i: the same for
// any thread count and in a repeated pass. Backward keeps the mask: gx = gy mask / (1 - p).
// Srivastava et al., 2014. Throws nacre::Error. Tested in tests/ops/dropout.cpp.
#pragma once

#include <nacre/ops/elementwise.hpp>

namespace nacre {

template <class T, class D>
Var<T, D> dropout(const Var<T, D>& x, double p) {
  check(0 <= p && p < 1, "dropout",
        [&] { return "p is " + std::to_string(p) + ", x is " + x.shape().str() + "; need 0 <= p < 1"; });
  if (!x.training() || p == 0) return x;
  Key key = x.tape()->next_key();
  Tensor<T, D> mask(x.shape());  // 0 or 1 / (1 - p)
  T keep = static_cast<T>(1 / (1 - p));
  u64 threshold = static_cast<u64>(p * 0x1p32);
  parallel_for((mask.size() + 3) / 4, 1 << 12, [&](i64 begin, i64 end) {  // four words a draw
    for (i64 i = begin; i < end; ++i) {
      Bits128 b = key.bits(static_cast<u64>(i));
      for (i64 j = 4 * i; j < std::min(mask.size(), 4 * i + 4); ++j) mask[j] = b.v[j & 3] < threshold ? T(0) : keep;
    }
  });
  i64 n = x.value().size();
  auto times_mask = [mask, n](const Tensor<T, D>& t, T* out, Into into) {
    using backend::Dense;
    backend::map(D{}, math::Mul{}, out, 1, n, into, Dense<T>{t.data(), n}, Dense<T>{mask.data(), n});
  };
  Tensor<T, D> y(x.shape());
  times_mask(x.value(), y.data(), Into::assign);
  return make_op("dropout", y, [times_mask, nx = x.node()](const Tensor<T, D>& gy) {
    if (auto g = gradient_of(nx)) times_mask(gy, g.data(), g.into);
  }, x);
}

}  // namespace nacre
