// bf16: the upper half of a float, rounded to nearest even; bit-identical to CUDA's __nv_bfloat16.
//
// Storage only: arithmetic happens in acc_t<T> (float for bf16). Tested in tests/core/bf16.cpp.
// (__builtin_bit_cast, since nvcc keeps std::bit_cast to the host.)
#pragma once

#include <nacre/core/config.hpp>

#include <concepts>

namespace nacre {

struct bf16 {
  std::uint16_t bits = 0;

  bf16() = default;
  NACRE_HD explicit bf16(float x) {
    u32 u = __builtin_bit_cast(u32, x);
    bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    bits = nan ? std::uint16_t(0x7fff) : static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
  NACRE_HD explicit operator float() const { return __builtin_bit_cast(float, u32{bits} << 16); }
  bool operator==(const bf16&) const = default;
};

template <class T>
struct Accumulator {
  using type = T;
};
template <>
struct Accumulator<bf16> {
  using type = float;
};
template <class T>
using acc_t = typename Accumulator<T>::type;

// The two arithmetic types every op is written for.
template <class T>
concept Real = std::same_as<T, float> || std::same_as<T, double>;

}  // namespace nacre
