// Definitions of backend/cpu/simd.hpp.
#pragma once

#include <nacre/backend/cpu/simd.hpp>

#include <cstdlib>
#include <cstring>

namespace nacre::backend {
namespace detail {

inline Isa cpu_isa() {
#if NACRE_X86
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2"))
    return Isa::baseline;
  bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return wide ? Isa::avx512 : Isa::avx2;
#else
  return Isa::baseline;
#endif
}
inline Isa chosen_isa() {
  Isa best = cpu_isa();
  const char* wanted = std::getenv("NACRE_ISA");
  auto asked = [&](Isa i) { return wanted && std::strcmp(wanted, isa_name(i)) == 0; };
  if (asked(Isa::baseline)) return Isa::baseline;
  return asked(Isa::avx2) && best > Isa::avx2 ? Isa::avx2 : best;
}
inline Isa& current_isa() {
  static Isa i = chosen_isa();
  return i;
}

}  // namespace detail

NACRE_INLINE Isa isa() { return detail::current_isa(); }
NACRE_INLINE void set_isa(Isa wanted) {
  Isa best = detail::cpu_isa();
  detail::current_isa() = wanted < best ? wanted : best;
}

}  // namespace nacre::backend
