// Who runs a kernel: a thread, or a warp whose 32 lanes merge their states. On the host both are emulated.
//
// A kernel is a struct with `Worker` (Thread or Warp) and a static `run(worker, args...)` that strides over units of
// work by worker.index and worker.count. What a unit does depends on the unit alone, so any grid gives the same bits.
// The same source runs under `Emulator`, one worker after another, in a plain C++ program.
// Tested in tests/cuda/map.cpp and tests/cuda/reduce.cpp.
#pragma once

#include <nacre/core/config.hpp>

#include <cstring>
#include <vector>

namespace nacre::cuda {

inline constexpr int warp_size = 32, block_size = 256;

struct Thread {
  static constexpr int threads = 1;
  i64 index, count;
};

#if defined(__CUDACC__)
// State of the lane `by` above, copied word by word.
template <class S>
__device__ S shuffle_down(const S& s, int by) {
  static_assert(sizeof(S) % 4 == 0, "a reducer's state is made of 4-byte words");
  unsigned word[sizeof(S) / 4];
  memcpy(word, &s, sizeof(S));
  for (unsigned& w : word) w = __shfl_down_sync(0xffffffffu, w, static_cast<unsigned>(by));
  S other;
  memcpy(&other, word, sizeof(S));
  return other;
}
#endif

struct Warp {
  static constexpr int threads = warp_size;
  i64 index, count;

  // The states lane(0) ... lane(31), merged by a fixed tree; valid where leader() is true.
  template <class R, class Lane>
  NACRE_HD auto merge(const Lane& lane) const {
#if defined(__CUDA_ARCH__)
    auto s = lane(static_cast<int>(threadIdx.x % warp_size));
    for (int width = warp_size / 2; width > 0; width /= 2) s = R::merge(s, shuffle_down(s, width));
    return s;
#else
    decltype(lane(0)) s[warp_size];
    for (int i = 0; i < warp_size; ++i) s[i] = lane(i);
    for (int width = warp_size / 2; width > 0; width /= 2)
      for (int i = 0; i < width; ++i) s[i] = R::merge(s[i], s[i + width]);
    return s[0];
#endif
  }

  NACRE_HD bool leader() const {
#if defined(__CUDA_ARCH__)
    return threadIdx.x % warp_size == 0;
#else
    return true;
#endif
  }
};

// Runs kernels on the host: `workers` of them, the last one first.
struct Emulator {
  i64 workers = 1;

  template <class Kernel, class... Args>
  void launch(Kernel, i64 /*units*/, const Args&... args) const {
    for (i64 i = workers; i-- > 0;) Kernel::run(typename Kernel::Worker{i, workers}, args...);
  }
  template <class S>
  struct Scratch {
    std::vector<S> states;
    explicit Scratch(i64 n) : states(static_cast<std::size_t>(n)) {}
    S* data() { return states.data(); }
  };
};

}  // namespace nacre::cuda
