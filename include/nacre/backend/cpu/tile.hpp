// The micro-kernel behind gemm and convolution, for each instruction set.
//
// Every output element is one chain acc = fma(a_k, b_k, acc) over ascending k, whatever the tile, so avx2 and
// avx512 give the same bits, and a row does not depend on the rows beside it. The baseline has no FMA: it
// multiplies and adds. Scalars of A are read in place and broadcast, B comes in vectors: a tile of r rows by v
// vectors does r v FMAs on r + v loads, and few rows by many vectors read A least often. A panel of B streams from
// L2 at full speed, so only A has to be near. Tested in tests/backend/cpu/gemm.cpp.
#pragma once

#include <nacre/backend/cpu/simd.hpp>

namespace nacre::backend::detail {

// A run of k: A starts at a (offset from each row pointer), B at b beyond where the segment before ended.
struct Segment {
  i64 a, b, length;
};

// What a tile fetches for its successors while it computes: one line at `from`, the next `step` on, for each k.
template <class T>
struct Ahead {
  const T* from;
  i64 step;
};

#if defined(__clang__)
#define NACRE_TILE(isa) __attribute__((target(isa)))  // tile_body.hpp asks for FMA
#else
#define NACRE_TILE(isa) __attribute__((target(isa), optimize("O2", "fp-contract=fast")))
#endif

namespace tile_baseline {
#define NACRE_TILE_TARGET
#define NACRE_TILE_LEAVE
#define NACRE_TILE_BYTES 16
#include <nacre/backend/cpu/tile_body.hpp>
#undef NACRE_TILE_TARGET
#undef NACRE_TILE_LEAVE
#undef NACRE_TILE_BYTES
}  // namespace tile_baseline

#if NACRE_X86
#define NACRE_TILE_LEAVE __builtin_ia32_vzeroupper()
namespace tile_avx2 {
#define NACRE_TILE_TARGET NACRE_TILE(NACRE_AVX2)
#define NACRE_TILE_BYTES 32
#include <nacre/backend/cpu/tile_body.hpp>
#undef NACRE_TILE_TARGET
#undef NACRE_TILE_BYTES
}  // namespace tile_avx2

namespace tile_avx512 {
#define NACRE_TILE_TARGET NACRE_TILE(NACRE_AVX512)
#define NACRE_TILE_BYTES 64
#include <nacre/backend/cpu/tile_body.hpp>
#undef NACRE_TILE_TARGET
#undef NACRE_TILE_BYTES
}  // namespace tile_avx512
#undef NACRE_TILE_LEAVE
#endif
#undef NACRE_TILE

inline constexpr int max_tile_rows = 8;

template <class T>
struct TileShape {
  using Fn = void (*)(const Segment*, i64, const T* const*, i64, const T*, i64, T* const*, i64, bool, Ahead<T>);
  i64 rows, width;  // width in columns
  Fn run;
};

// The tiles of the process, widest first. Columns are cut into panels: as many of the widest as fit, then the rest.
template <class T>
struct Kernel {
  i64 lanes, count;
  TileShape<T> shapes[3];
  i64 shallow_steps = 0;  // of `shallow`; 0: none
  void (*shallow)(i64 m, const T* a, const T* b, T* c) = nullptr;

  i64 wide() const { return shapes[0].width; }
  i64 padded(i64 cols) const { return (cols + lanes - 1) / lanes * lanes; }
  const TileShape<T>& shape(i64 cols_left) const {  // of the next panel: the narrowest that saves no vector
    i64 i = 0;
    while (i + 1 < count && padded(cols_left) <= shapes[i].width - lanes) ++i;
    return shapes[i];
  }
  // f(shape, j, end) for each run of panels of one shape in [begin, cols); begin at a multiple of wide().
  template <class F>
  void strips(i64 begin, i64 cols, F&& f) const {
    for (i64 j = begin; j < cols;) {
      const TileShape<T>& s = shape(cols - j);
      const i64 whole = (cols - j) / s.width, end = j + (whole > 0 ? whole : 1) * s.width;
      f(s, j, end < cols ? end : cols);
      j = end;
    }
  }
};
template <class T>
Kernel<T> kernel() {
  constexpr i64 size = sizeof(T);
#if NACRE_X86
  Isa i = isa();
  if (i == Isa::avx512)
    return {64 / size, 3, {{6, 256 / size, tile_avx512::tile<T, 6, 4>}, {8, 128 / size, tile_avx512::tile<T, 8, 2>},
                           {8, 64 / size, tile_avx512::tile<T, 8, 1>}}, 16, tile_avx512::shallow_tile<T, 16>};
  if (i == Isa::avx2)
    return {32 / size, 2, {{6, 64 / size, tile_avx2::tile<T, 6, 2>}, {6, 32 / size, tile_avx2::tile<T, 6, 1>}}};
#endif
  return {16 / size, 2, {{4, 32 / size, tile_baseline::tile<T, 4, 2>}, {4, 16 / size, tile_baseline::tile<T, 4, 1>}}};
}

}  // namespace nacre::backend::detail
