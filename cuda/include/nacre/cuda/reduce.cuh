// Reductions of a [rows, cols] view by a reducer R of math/reduce.hpp, in an order set by the shape alone.
//
//   reduce_rows  a warp takes 4096 columns of a row: lane l steps through columns l, l + 32, ..., a tree merges lanes
//   reduce_cols  a thread takes one column of a chunk of rows, so neighbours read neighbours
//   reduce_all   reduce_rows of one long row
//
// Where a result has several parts, a warp merges them in the same way. No atomics.
// Tested in tests/cuda/reduce.cpp (emulated, any number of workers) and tests/parity/cuda.cpp (on a GPU).
#pragma once

#include <nacre/backend/cuda.hpp>
#include <nacre/cuda/worker.cuh>
#if defined(__CUDACC__)
#include <nacre/cuda/runtime.cuh>
#endif

namespace nacre::cuda {

template <class R, class S, class T>
NACRE_HD void write_result(const S& s, T* y, i64 n, Into into) {
  using A = acc_t<T>;
  A a = R::finish(s, n);
  *y = static_cast<T>(into == Into::add ? a + static_cast<A>(*y) : a);
}

// One warp for each piece of a row. With one piece a row it writes y, with more part[row, piece].
template <class R>
struct ReduceRowsKernel {
  using Worker = Warp;

  template <class S, class F, class T, class... V>
  NACRE_HD static void run(Warp warp, S* part, i64 pieces, i64 length, F f, T* y, i64 rows, i64 cols, Into into,
                           V... v) {
    using A = acc_t<T>;
    for (i64 i = warp.index; i < rows * pieces; i += warp.count) {
      i64 row = i / pieces, begin = (i - row * pieces) * length, end = begin + length < cols ? begin + length : cols;
      S s = warp.merge<R>([&](int lane) {
        S mine = R::template init<A>();
        for (i64 c = begin + lane; c < end; c += warp_size) R::step(mine, static_cast<A>(f(v(row, c)...)));
        return mine;
      });
      if (!warp.leader()) continue;
      if (pieces == 1) write_result<R>(s, y + row, cols, into);
      else part[i] = s;
    }
  }
};

// One thread for each column of each chunk of rows: part[chunk, col].
template <class R>
struct ReduceColsKernel {
  using Worker = Thread;

  template <class S, class F, class T, class... V>
  NACRE_HD static void run(Thread t, S* part, i64 chunks, i64 length, F f, T* y, i64 rows, i64 cols, Into into,
                           V... v) {
    using A = acc_t<T>;
    for (i64 i = t.index; i < chunks * cols; i += t.count) {
      i64 chunk = i / cols, col = i - chunk * cols, begin = chunk * length;
      i64 end = begin + length < rows ? begin + length : rows;
      S s = R::template init<A>();
      for (i64 row = begin; row < end; ++row) R::step(s, static_cast<A>(f(v(row, col)...)));
      if (chunks == 1) write_result<R>(s, y + col, rows, into);
      else part[i] = s;
    }
  }
};

// One warp for each of `results`: merges part[i * result_stride + k * part_stride] over k < parts.
template <class R>
struct MergeKernel {
  using Worker = Warp;

  template <class S, class T>
  NACRE_HD static void run(Warp warp, const S* part, i64 parts, i64 result_stride, i64 part_stride, T* y, i64 results,
                           i64 n, Into into) {
    using A = acc_t<T>;
    for (i64 i = warp.index; i < results; i += warp.count) {
      S s = warp.merge<R>([&](int lane) {
        S mine = R::template init<A>();
        for (i64 k = lane; k < parts; k += warp_size) mine = R::merge(mine, part[i * result_stride + k * part_stride]);
        return mine;
      });
      if (warp.leader()) write_result<R>(s, y + i, n, into);
    }
  }
};

template <class R, class Engine, class F, class T, class... V>
void reduce_rows_on(const Engine& engine, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  using S = typename R::template State<acc_t<T>>;
  if (rows == 0) return;
  constexpr i64 length = 4096;
  i64 pieces = cols <= length ? 1 : (cols + length - 1) / length;
  typename Engine::template Scratch<S> part(pieces == 1 ? 0 : rows * pieces);
  engine.launch(ReduceRowsKernel<R>{}, rows * pieces, part.data(), pieces, length, f, y, rows, cols, into, v...);
  if (pieces > 1) engine.launch(MergeKernel<R>{}, rows, part.data(), pieces, pieces, i64{1}, y, rows, cols, into);
}

template <class R, class Engine, class F, class T, class... V>
void reduce_cols_on(const Engine& engine, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  using S = typename R::template State<acc_t<T>>;
  if (cols == 0) return;
  i64 length = rows <= 64 * 1024 ? 64 : (rows + 1023) / 1024;  // at most 1024 chunks
  i64 chunks = rows <= length ? 1 : (rows + length - 1) / length;
  typename Engine::template Scratch<S> part(chunks == 1 ? 0 : chunks * cols);
  engine.launch(ReduceColsKernel<R>{}, chunks * cols, part.data(), chunks, length, f, y, rows, cols, into, v...);
  if (chunks > 1) engine.launch(MergeKernel<R>{}, cols, part.data(), chunks, i64{1}, cols, y, cols, rows, into);
}

}  // namespace nacre::cuda

#if defined(__CUDACC__)
namespace nacre::backend {

template <class R, class F, class T, class... V>
void reduce_rows(Cuda, R, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  cuda::reduce_rows_on<R>(cuda::Device{}, f, y, rows, cols, into, v...);
}
template <class R, class F, class T, class... V>
void reduce_cols(Cuda, R, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  cuda::reduce_cols_on<R>(cuda::Device{}, f, y, rows, cols, into, v...);
}
template <class R, class F, class T, class... V>
void reduce_all(Cuda, R, const F& f, T* y, i64 n, Into into, const V&... v) {
  static_assert((V::flat && ...), "reduce_all: operands must be Dense or Scalar");
  cuda::reduce_rows_on<R>(cuda::Device{}, f, y, 1, n, into, v...);
}

}  // namespace nacre::backend
#endif
