// The instruction set of this process, and code compiled for it without any -march flag.
//
//   isa()          avx512, avx2 or baseline: chosen once by cpuid, lowered (never raised) by the environment
//                  variable NACRE_ISA or by set_isa.
//   simd::run(f)   calls f() out of a function compiled for isa(): f and all it calls are inlined there and its
//                  loops are vectorised at that width. f is a lambda over plain loops, called once per block of
//                  work (say >= 1000 elements), never once per element; it must not call through a pointer.
//                  Lambdas that f itself calls ask for it with NACRE_INLINED, or g++ may leave them out.
//   simd::blocks(f)  the same for loops whose innermost trip count is a constant 16: -O2 vectorises these, and
//                  compiles them in half the time.
//   simd::vectors<T>(f)  the same for loops over vectors: f takes a Width: its V holds `lanes` values of T,
//                  its Memory is the same wherever it lies among other values.
//   simd::fused(f)   blocks(f) with a * b + c in one FMA; the baseline has none and gives other bits.
//
// The widths do the same arithmetic: no other contraction to FMA, no reassociation. Sums must fix their own order.
// GNU C++ vectorises inside run at -O2 as it would at -O3. Tested in tests/backend/cpu/simd.cpp.
#pragma once

#include <nacre/core/config.hpp>

#include <cmath>

#if defined(__x86_64__)
#include <emmintrin.h>
#define NACRE_X86 1
#else
#define NACRE_X86 0
#endif

namespace nacre::backend {

enum class Isa { baseline, avx2, avx512 };

NACRE_INLINE Isa isa();
NACRE_INLINE void set_isa(Isa wanted);  // at most what the CPU has. Not while work is running.
inline const char* isa_name(Isa i) { return i == Isa::avx512 ? "avx512" : i == Isa::avx2 ? "avx2" : "baseline"; }
inline const char* isa_name() { return isa_name(isa()); }

namespace simd {

#if defined(__clang__)
#define NACRE_LOOPS(level) gnu::flatten, gnu::noinline
#define NACRE_FUSED gnu::flatten, gnu::noinline
#define NACRE_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2"
#else
#define NACRE_LOOPS(level) gnu::flatten, gnu::noinline, gnu::optimize(level, "fp-contract=off")
#define NACRE_FUSED gnu::flatten, gnu::noinline, gnu::optimize("O2", "fp-contract=fast")
#define NACRE_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,prefer-vector-width=512"
#endif
#define NACRE_AVX2 "avx2,fma,bmi2"
#define NACRE_INLINED __attribute__((always_inline))  // after a lambda's parameters; tests/inlined.sh

template <class F>
[[gnu::noinline]] void run_baseline(const F& f) {  // the fallback: as the user's flags compile it
  f();
}
#if NACRE_X86
template <class F>
[[NACRE_LOOPS("O3"), gnu::target(NACRE_AVX2)]] void run_avx2(const F& f) {
  f();
  __builtin_ia32_vzeroupper();  // g++ adds it from -O2 only, and without it all SSE code after is 100 times slower
}
template <class F>
[[NACRE_LOOPS("O3"), gnu::target(NACRE_AVX512)]] void run_avx512(const F& f) {
  f();
  __builtin_ia32_vzeroupper();
}
template <class F>
[[NACRE_LOOPS("O2"), gnu::target(NACRE_AVX2)]] void blocks_avx2(const F& f) {
  f();
  __builtin_ia32_vzeroupper();
}
template <class F>
[[NACRE_LOOPS("O2"), gnu::target(NACRE_AVX512)]] void blocks_avx512(const F& f) {
  f();
  __builtin_ia32_vzeroupper();
}
template <class F>
[[NACRE_FUSED, gnu::target(NACRE_AVX2)]] void fused_avx2(const F& f) {
  f();
  __builtin_ia32_vzeroupper();
}
template <class F>
[[NACRE_FUSED, gnu::target(NACRE_AVX512)]] void fused_avx512(const F& f) {
  f();
  __builtin_ia32_vzeroupper();
}
#endif
#undef NACRE_LOOPS
#undef NACRE_FUSED

template <class F>
void run(const F& f) {
#if NACRE_X86
  Isa i = isa();
  if (i == Isa::avx512) return run_avx512(f);
  if (i == Isa::avx2) return run_avx2(f);
#endif
  run_baseline(f);
}

template <class F>
void blocks(const F& f) {
#if NACRE_X86
  Isa i = isa();
  if (i == Isa::avx512) return blocks_avx512(f);
  if (i == Isa::avx2) return blocks_avx2(f);
#endif
  run_baseline(f);
}

template <class T, int bytes>
struct Width {
  static constexpr int lanes = bytes / sizeof(T);
  typedef T V __attribute__((vector_size(bytes)));
  typedef T Memory __attribute__((vector_size(bytes), aligned(alignof(T)), may_alias));
};

template <class T, class F>
void vectors(const F& f) {
#if NACRE_X86
  Isa i = isa();
  if (i == Isa::avx512) return blocks_avx512([&] { f(Width<T, 64>{}); });
  if (i == Isa::avx2) return blocks_avx2([&] { f(Width<T, 32>{}); });
#endif
  run_baseline([&] { f(Width<T, 16>{}); });
}

// x[j] = sqrt(x[j]) for 16 numbers. A loop over C's sqrt is not vectorised, for it may set errno.
inline void sqrt16(float* x) {
#if NACRE_X86
  for (int j = 0; j < 16; j += 4) _mm_storeu_ps(x + j, _mm_sqrt_ps(_mm_loadu_ps(x + j)));
#else
  for (int j = 0; j < 16; ++j) x[j] = std::sqrt(x[j]);
#endif
}
inline void sqrt16(double* x) {
#if NACRE_X86
  for (int j = 0; j < 16; j += 2) _mm_storeu_pd(x + j, _mm_sqrt_pd(_mm_loadu_pd(x + j)));
#else
  for (int j = 0; j < 16; ++j) x[j] = std::sqrt(x[j]);
#endif
}

template <class F>
void fused(const F& f) {
#if NACRE_X86
  Isa i = isa();
  if (i == Isa::avx512) return fused_avx512(f);
  if (i == Isa::avx2) return fused_avx2(f);
#endif
  run_baseline(f);
}

}  // namespace simd
}  // namespace nacre::backend

#if NACRE_DEFINITIONS
#include <nacre/backend/cpu/simd_impl.hpp>
#endif
