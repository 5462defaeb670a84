// The micro-kernel behind gemm and convolution, for each instruction set.
//
// Every output element is one chain acc = fma(a_k, b_k, acc) over ascending k, whatever the tile, so avx2 and
// avx512 give the same bits, and a row does not depend on the rows beside it. The baseline has no FMA: it
// multiplies and adds. Scalars of A are read in place and broadcast; B comes in vectors. Tested in
// tests/backend/cpu/gemm.cpp.
#pragma once

#include <nacre/backend/cpu/simd.hpp>

#if NACRE_X86
#include <immintrin.h>
#endif

namespace nacre::backend::detail {

// A run of k: A starts at a (offset from each row pointer), B at b beyond where the segment before ended.
struct Segment {
  i64 a, b, length;
};

namespace tile_baseline {
#define NACRE_TILE_TARGET
#define NACRE_TILE_LEAVE
#define NACRE_TILE_BYTES 16
#define NACRE_TILE_ROWS 4
template <class V>
[[gnu::always_inline]] inline V fma(V a, V b, V c) {
  return a * b + c;
}
[[gnu::always_inline]] inline auto splat(float x) {
  float __attribute__((vector_size(16))) v = {x, x, x, x};
  return v;
}
[[gnu::always_inline]] inline auto splat(double x) {
  double __attribute__((vector_size(16))) v = {x, x};
  return v;
}
#include <nacre/backend/cpu/tile_body.hpp>
#undef NACRE_TILE_TARGET
#undef NACRE_TILE_LEAVE
#undef NACRE_TILE_BYTES
#undef NACRE_TILE_ROWS
}  // namespace tile_baseline

#if NACRE_X86
namespace tile_avx2 {
#define NACRE_TILE_TARGET __attribute__((target(NACRE_AVX2)))
#define NACRE_TILE_LEAVE __builtin_ia32_vzeroupper()
#define NACRE_TILE_INLINE [[gnu::always_inline]] NACRE_TILE_TARGET inline
#define NACRE_TILE_BYTES 32
#define NACRE_TILE_ROWS 6
NACRE_TILE_INLINE __m256 fma(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }
NACRE_TILE_INLINE __m256d fma(__m256d a, __m256d b, __m256d c) { return _mm256_fmadd_pd(a, b, c); }
NACRE_TILE_INLINE __m256 splat(float x) { return _mm256_set1_ps(x); }
NACRE_TILE_INLINE __m256d splat(double x) { return _mm256_set1_pd(x); }
#include <nacre/backend/cpu/tile_body.hpp>
#undef NACRE_TILE_TARGET
#undef NACRE_TILE_LEAVE
#undef NACRE_TILE_INLINE
#undef NACRE_TILE_BYTES
#undef NACRE_TILE_ROWS
}  // namespace tile_avx2

namespace tile_avx512 {
#define NACRE_TILE_TARGET __attribute__((target(NACRE_AVX512)))
#define NACRE_TILE_LEAVE __builtin_ia32_vzeroupper()
#define NACRE_TILE_INLINE [[gnu::always_inline]] NACRE_TILE_TARGET inline
#define NACRE_TILE_BYTES 64
#define NACRE_TILE_ROWS 8
NACRE_TILE_INLINE __m512 fma(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(a, b, c); }
NACRE_TILE_INLINE __m512d fma(__m512d a, __m512d b, __m512d c) { return _mm512_fmadd_pd(a, b, c); }
NACRE_TILE_INLINE __m512 splat(float x) { return _mm512_set1_ps(x); }
NACRE_TILE_INLINE __m512d splat(double x) { return _mm512_set1_pd(x); }
#include <nacre/backend/cpu/tile_body.hpp>
#undef NACRE_TILE_TARGET
#undef NACRE_TILE_LEAVE
#undef NACRE_TILE_INLINE
#undef NACRE_TILE_BYTES
#undef NACRE_TILE_ROWS
}  // namespace tile_avx512
#endif

inline constexpr int max_tile_rows = 8;

// The tile of the process: `rows` rows by one (narrow) or two (wide) vectors of `lanes` columns.
template <class T>
struct Kernel {
  using Fn = void (*)(const Segment*, i64, const T* const*, i64, const T*, i64, T* const*, i64, bool);
  i64 rows, lanes;
  Fn narrow, wide;

  i64 width(i64 cols_left) const { return cols_left > lanes ? 2 * lanes : lanes; }  // of the next panel
  i64 padded(i64 cols) const { return (cols + lanes - 1) / lanes * lanes; }
};
template <class T>
Kernel<T> kernel() {
#if NACRE_X86
  Isa i = isa();
  if (i == Isa::avx512) return {8, 64 / sizeof(T), tile_avx512::tile<T, 1>, tile_avx512::tile<T, 2>};
  if (i == Isa::avx2) return {6, 32 / sizeof(T), tile_avx2::tile<T, 1>, tile_avx2::tile<T, 2>};
#endif
  return {4, 16 / sizeof(T), tile_baseline::tile<T, 1>, tile_baseline::tile<T, 2>};
}

}  // namespace nacre::backend::detail
