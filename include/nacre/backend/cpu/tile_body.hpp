// One tile of a product, written once. tile.hpp includes this file once per instruction set, inside a namespace,
// with NACRE_TILE_TARGET (attributes: the instruction set, a * b + c as one FMA), NACRE_TILE_BYTES (vector width) and
// NACRE_TILE_LEAVE (vzeroupper: g++ adds it from -O2 only).
//
//   c_i[j] = chain over the segments, k ascending, of fma(a_i[s.a + k*a_step], b[k*b_step + j], acc)
//
// for `rows` rows (each its own pointer; a row may be given twice) and `cols` <= NV vectors of columns.
// The chain starts at zero or, with `resume`, at what c holds. B is read in whole vectors: past `cols` its
// values are ignored but must be readable. Tested in tests/backend/cpu/gemm.cpp.

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(NACRE_TILE_BYTES)));
  typedef T unaligned __attribute__((vector_size(NACRE_TILE_BYTES), aligned(sizeof(T)), may_alias));
};

template <class T, int rows, int NV>
NACRE_TILE_TARGET void tile(const Segment* segments, i64 count, const T* const* a, i64 a_step, const T* b, i64 b_step,
                            T* const* c, i64 cols, bool resume, Ahead<T> ahead) {
#if defined(__clang__)
#pragma clang fp contract(fast)
#endif
  using V = typename Vector<T>::type;
  using U = typename Vector<T>::unaligned;
  constexpr int lanes = NACRE_TILE_BYTES / sizeof(T), width = NV * lanes;

  alignas(64) T edge[rows][width];  // stands in for c where the columns end inside a vector
  T *edge_row[rows], *const* out = c;
  if (cols < width) {
    out = edge_row;
    for (int i = 0; i < rows; ++i) {
      edge_row[i] = edge[i];
      for (int j = 0; resume && j < width; ++j) edge[i][j] = j < cols ? c[i][j] : T(0);
    }
  }

  const T* p[rows];
  V acc[rows][NV];
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
    p[i] = a[i];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) acc[i][v] = resume ? V(*reinterpret_cast<const U*>(out[i] + v * lanes)) : V{};
  }
  for (i64 s = 0; s < count; ++s) {
    i64 x = segments[s].a;
    b += segments[s].b;
    for (const T* end = b + segments[s].length * b_step; b != end; b += b_step, x += a_step) {
      V row[NV];
      __builtin_prefetch(ahead.from);
      ahead.from += ahead.step;
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) row[v] = V(*reinterpret_cast<const U*>(b + v * lanes));
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) {
        const V scalar = p[i][x] - V{};  // in every lane
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) acc[i][v] += scalar * row[v];
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) *reinterpret_cast<U*>(out[i] + v * lanes) = acc[i][v];

  if (cols < width)
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < cols; ++j) c[i][j] = edge[i][j];
  NACRE_TILE_LEAVE;
}

// c [m, lanes] = a [m, steps] b [steps, lanes], dense and in the same order, for m >= 8: b stays in registers.
template <class T, int steps>
NACRE_TILE_TARGET void shallow_tile(i64 m, const T* a, const T* b, T* c) {
#if defined(__clang__)
#pragma clang fp contract(fast)
#endif
  using V = typename Vector<T>::type;
  using U = typename Vector<T>::unaligned;
  constexpr int rows = 8, lanes = NACRE_TILE_BYTES / sizeof(T);
  V row[steps];
#pragma GCC unroll 16
  for (int k = 0; k < steps; ++k) row[k] = V(*reinterpret_cast<const U*>(b + k * lanes));
  for (i64 i = 0; i < m; i += rows) {
    const i64 first = i + rows <= m ? i : m - rows;  // the last rows may be computed twice
    const T* p = a + first * steps;
    V acc[rows];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) acc[r] = V{};
#pragma GCC unroll 16
    for (int k = 0; k < steps; ++k)
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) acc[r] += (p[r * steps + k] - V{}) * row[k];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) *reinterpret_cast<U*>(c + (first + r) * lanes) = acc[r];
  }
  NACRE_TILE_LEAVE;
}
