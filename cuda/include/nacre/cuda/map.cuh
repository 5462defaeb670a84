// y[row, col] = f(operands(row, col)...), or += : the one elementwise kernel of the GPU.
//
// A thread takes 16 bytes of y at a time where every pointer allows it, single elements elsewhere; rows and columns
// are seen as one long row when no operand tells them apart. Memory-bound: the arithmetic is free.
// Tested in tests/cuda/map.cpp (emulated, bit for bit against the CPU) and tests/parity/cuda.cpp (on a GPU).
#pragma once

#include <nacre/backend/cuda.hpp>
#include <nacre/cuda/worker.cuh>
#if defined(__CUDACC__)
#include <nacre/cuda/runtime.cuh>
#endif

namespace nacre::cuda {

// W neighbours of one row; loads and stores of 16 bytes or less are one instruction.
template <class T, int W>
struct alignas(sizeof(T) * W < 16 ? sizeof(T) * W : 16) Pack {
  T at[W];
};

template <int W, class T>
NACRE_HD bool aligned(const T* p) {
  return reinterpret_cast<std::uintptr_t>(p) % alignof(Pack<T, W>) == 0;
}
template <int W, class T>
NACRE_HD Pack<T, W>* pack(T* p) {
#if !defined(__CUDA_ARCH__)
  if (!aligned<W>(p)) __builtin_trap();  // what a GPU does
#endif
  return reinterpret_cast<Pack<T, W>*>(p);
}
template <int W, class V>
NACRE_HD bool aligned_view(const V&) { return true; }
template <int W, class T>
NACRE_HD bool aligned_view(const backend::Dense<T>& v) { return aligned<W>(v.p); }
template <int W, class T>
NACRE_HD bool aligned_view(const backend::PerCol<T>& v) { return aligned<W>(v.p); }

// Elements [row, col] ... [row, col + W - 1] as a view reads them.
template <class A, int W, class T>
NACRE_HD Pack<A, W> load(const T* p) {
  Pack<T, W> raw = *pack<W>(const_cast<T*>(p));
  Pack<A, W> x;
  for (int j = 0; j < W; ++j) x.at[j] = static_cast<A>(raw.at[j]);
  return x;
}
template <class A, int W, class V>
NACRE_HD Pack<A, W> load_view(const V& v, i64 row, i64 col) {
  Pack<A, W> x;
  for (int j = 0; j < W; ++j) x.at[j] = static_cast<A>(v(row, col + j));
  return x;
}
template <class A, int W, class T>
NACRE_HD Pack<A, W> load_view(const backend::Dense<T>& v, i64 row, i64 col) {
  return load<A, W>(v.p + row * v.cols + col);
}
template <class A, int W, class T>
NACRE_HD Pack<A, W> load_view(const backend::PerCol<T>& v, i64, i64 col) {
  return load<A, W>(v.p + col);
}

struct MapKernel {
  using Worker = Thread;

  template <class F, class T, class... V>
  NACRE_HD static void run(Thread t, F f, T* y, i64 rows, i64 cols, Into into, V... v) {
    using A = acc_t<T>;
    constexpr int W = 16 / sizeof(T);
    bool wide = aligned<W>(y) && (aligned_view<W>(v) && ...) && (rows == 1 || cols % W == 0);
    i64 packs = wide ? cols / W : 0, rest = cols - packs * W;  // of one row
    for (i64 i = t.index; i < rows * packs; i += t.count) {
      i64 row = rows == 1 ? 0 : i / packs, col = (i - row * packs) * W;
      write<A, W>(f, y + row * cols + col, into, load_view<A, W>(v, row, col)...);
    }
    for (i64 i = t.index; i < rows * rest; i += t.count) {
      i64 row = rows == 1 ? 0 : i / rest, col = packs * W + i - row * rest;
      A r = f(static_cast<A>(v(row, col))...);
      T& to = y[row * cols + col];
      to = static_cast<T>(into == Into::add ? r + static_cast<A>(to) : r);
    }
  }

 private:
  template <class A, int W, class F, class T, class... X>
  NACRE_HD static void write(const F& f, T* y, Into into, const X&... x) {
    Pack<A, W> old{};
    if (into == Into::add) old = load<A, W>(y);
    Pack<T, W> r;
    for (int j = 0; j < W; ++j) {
      A value = f(x.at[j]...);
      r.at[j] = static_cast<T>(into == Into::add ? value + old.at[j] : value);
    }
    *pack<W>(y) = r;
  }
};

template <class Engine, class F, class T, class... V>
void map_on(const Engine& engine, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  if (rows * cols == 0) return;
  if constexpr ((V::flat && ...)) cols *= std::exchange(rows, 1);
  engine.launch(MapKernel{}, (rows * cols * static_cast<i64>(sizeof(T)) + 15) / 16, f, y, rows, cols, into, v...);
}

}  // namespace nacre::cuda

#if defined(__CUDACC__)
namespace nacre::backend {

template <class F, class T, class... V>
void map(Cuda, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  cuda::map_on(cuda::Device{}, f, y, rows, cols, into, v...);
}

}  // namespace nacre::backend
#endif
