// The host side of CUDA: errors, the stream, launches. Only .cu files include it.
//
// Every CUDA call goes through `succeed`, which throws nacre::Error with the call and CUDA's own words.
// Tested through tests/parity/cuda.cpp.
#pragma once

#include <nacre/backend/cuda.hpp>
#include <nacre/core/error.hpp>
#include <nacre/cuda/worker.cuh>

#include <cuda_runtime.h>

#include <algorithm>

namespace nacre::cuda {

inline void succeed(const char* call, cudaError_t status) {
  check(status == cudaSuccess, "cuda", [&] {
    return std::string(call) + ": " + cudaGetErrorName(status) + ", " + cudaGetErrorString(status);
  });
}

cudaStream_t stream();  // where all work of the calling process runs, in order
int grid_limit();       // blocks that fill the device

template <class Kernel, class... Args>
__global__ void __launch_bounds__(block_size) run_kernel(Args... args) {
  constexpr int threads = Kernel::Worker::threads;
  i64 index = (i64{blockIdx.x} * block_size + threadIdx.x) / threads, count = i64{gridDim.x} * block_size / threads;
  Kernel::run(typename Kernel::Worker{index, count}, args...);
}

struct Device {
  // Kernel::run on as many workers as there are units, or as the device holds at once.
  template <class Kernel, class... Args>
  void launch(Kernel, i64 units, const Args&... args) const {
    constexpr int workers = block_size / Kernel::Worker::threads;  // in one block
    i64 blocks = std::min<i64>((units + workers - 1) / workers, grid_limit());
    run_kernel<Kernel, Args...><<<static_cast<unsigned>(blocks), block_size, 0, stream()>>>(args...);
    succeed("kernel launch", cudaGetLastError());
  }
  template <class S>
  using Scratch = Array<S>;
};

}  // namespace nacre::cuda
