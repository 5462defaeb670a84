// exp, log and friends for one number, host and device, written so that a loop over them vectorises.
//
// float exp: Cody-Waite reduction and a degree-6 polynomial, error below 2 ulp, same bits on every instruction
// set (tested in tests/math/scalar.cpp). The rest forwards to the C library; glibc's float functions do not
// depend on the processor, its double ones may differ in the last bit between processors.
// (__builtin_bit_cast, since nvcc keeps std::bit_cast to the host.)
#pragma once

#include <nacre/core/config.hpp>

#include <cmath>
#include <limits>

namespace nacre::scalar {

template <class A>
inline constexpr A infinity = std::numeric_limits<A>::infinity();  // a constant: device code may read it

NACRE_HD inline float exp(float x) {
  float shifted = x * 1.44269504f + 12582912.0f;  // round to nearest by the mantissa's end
  float n = shifted - 12582912.0f;
  float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.98756915e-4f;
  p = p * r + 1.39819995e-3f;
  p = p * r + 8.33345205e-3f;
  p = p * r + 4.16657962e-2f;
  p = p * r + 1.66666657e-1f;
  p = p * r + 5.00000000e-1f;
  p = p * r * r + r + 1.0f;
  // 2^n in two factors: n = 128 would overflow one, n < -126 underflow
  int k = static_cast<int>(__builtin_bit_cast(u32, shifted) - __builtin_bit_cast(u32, 12582912.0f)), half = k >> 1;
  float y = p * __builtin_bit_cast(float, (half + 127) << 23) * __builtin_bit_cast(float, (k - half + 127) << 23);
  // masks, as a branch would keep loops from vectorising; NaN has passed through the arithmetic
  int under = -(x < -104.0f), over = -(x > 88.72283f);
  return __builtin_bit_cast(float, (__builtin_bit_cast(int, y) & ~under & ~over) | (over & 0x7f800000));
}
NACRE_HD inline double exp(double x) { return std::exp(x); }

template <class A>
NACRE_HD A log(A x) {
  return std::log(x);
}
template <class A>
NACRE_HD A log1p(A x) {
  return std::log1p(x);
}
template <class A>
NACRE_HD A sqrt(A x) {
  return std::sqrt(x);
}
template <class A>
NACRE_HD A tanh(A x) {
  return std::tanh(x);
}
template <class A>
NACRE_HD A erf(A x) {
  return std::erf(x);
}
template <class A>
NACRE_HD A abs(A x) {
  return x < 0 ? -x : x;
}
template <class A>
NACRE_HD A sigmoid(A x) {  // never overflows: exp of a non-positive number
  A e = exp(-abs(x));
  return (x >= 0 ? A(1) : e) / (1 + e);
}

}  // namespace nacre::scalar
