// The CUDA backend as a plain C++ compiler sees it: declarations only, no CUDA header. Link nacre::cuda.
//
//   map          y[row, col] = f(operands(row, col)...), or +=        as backend/cpu/map.hpp
//   reduce_rows  y[row] = R over cols     reduce_cols  y[col] = R over rows     reduce_all  y[0] = R over n
//
// Pointers are device memory. nacre::cuda holds these functions for the functors of math/lists.hpp, their derivatives
// and the optimizers, float and double. Another functor is a link error that names it; it goes away with one line,
// NACRE_CUDA_UNARY(MyFunctor), in any .cu file that includes <nacre/cuda/instantiate.cuh>.
//
// All work runs in order on one stream; a call returns before its kernel ends, `download` waits for it.
// Results depend on shapes only, never on the grid. Reductions add in another order than the CPU's.
// Throws nacre::Error with the failed CUDA call. Tested in tests/cuda (kernels emulated), tests/parity/cuda.cpp (GPU).
#pragma once

#include <nacre/backend/view.hpp>
#include <nacre/core/device.hpp>
#include <nacre/core/pool.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace nacre::backend {

// y: [rows, cols] dense. Operands may be y itself.
template <class F, class T, class... V>
void map(Cuda, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v);

// y: [rows]
template <class R, class F, class T, class... V>
void reduce_rows(Cuda, R, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v);

// y: [cols]
template <class R, class F, class T, class... V>
void reduce_cols(Cuda, R, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v);

// y: one element; all operands Dense or Scalar.
template <class R, class F, class T, class... V>
void reduce_all(Cuda, R, const F& f, T* y, i64 n, Into into, const V&... v);

}  // namespace nacre::backend

namespace nacre::cuda {

int device_count();         // 0 without a GPU or a driver; never throws
std::string device_name();  // of the current device

// Device memory from a caching pool (size classes of core/pool.hpp), 256-byte aligned. Thread-safe.
void* allocate(std::size_t bytes);
void release(void* block, std::size_t bytes) noexcept;  // bytes as asked for
PoolStats stats();

void upload(void* device, const void* host, std::size_t bytes);    // returns when host may be reused
void download(void* host, const void* device, std::size_t bytes);  // waits for all work before it
void copy(void* to, const void* from, std::size_t bytes);          // both on the device
void zero(void* device, std::size_t bytes);
void synchronize();

// n elements on the device.
template <class T>
class Array {
 public:
  explicit Array(i64 n) : n_(n), p_(static_cast<T*>(allocate(bytes()))) {}
  explicit Array(const std::vector<T>& host) : Array(static_cast<i64>(host.size())) {
    upload(p_, host.data(), bytes());
  }
  Array(Array&& o) noexcept : n_(std::exchange(o.n_, 0)), p_(std::exchange(o.p_, nullptr)) {}
  Array& operator=(Array&&) = delete;
  ~Array() {
    if (p_) release(p_, bytes());
  }

  T* data() const { return p_; }
  i64 size() const { return n_; }
  std::vector<T> host() const {
    std::vector<T> v(static_cast<std::size_t>(n_));
    download(v.data(), p_, bytes());
    return v;
  }

 private:
  std::size_t bytes() const { return static_cast<std::size_t>(n_) * sizeof(T); }
  i64 n_;
  T* p_;
};

}  // namespace nacre::cuda
