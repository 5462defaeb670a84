// Floating-point operations per second beside what the machine can do, measured in the same run.
//
// Meter times a kernel and, between its calls, a loop of independent multiply-adds of the widest kind; both in thread
// CPU time on one thread and in wall time on more, so that a throttled machine does not change the percentage.
#pragma once

#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/parallel.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <vector>

namespace nacre::bench {

inline double seconds(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// 16 chains of fma on registers; returns the floating-point operations done (float).
inline double multiply_add_loop(i64 rounds) {
#define NACRE_BENCH_FMA(r, i) "vfmadd231ps %%" r "30, %%" r "31, %%" r #i "\n"
#define NACRE_BENCH_FMA16(r)                                                                                         \
  NACRE_BENCH_FMA(r, 0) NACRE_BENCH_FMA(r, 1) NACRE_BENCH_FMA(r, 2) NACRE_BENCH_FMA(r, 3) NACRE_BENCH_FMA(r, 4)       \
  NACRE_BENCH_FMA(r, 5) NACRE_BENCH_FMA(r, 6) NACRE_BENCH_FMA(r, 7) NACRE_BENCH_FMA(r, 8) NACRE_BENCH_FMA(r, 9)       \
  NACRE_BENCH_FMA(r, 10) NACRE_BENCH_FMA(r, 11) NACRE_BENCH_FMA(r, 12) NACRE_BENCH_FMA(r, 13) NACRE_BENCH_FMA(r, 14) \
  NACRE_BENCH_FMA(r, 15)
#define NACRE_BENCH_CLOBBER                                                                                         \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", \
      "xmm14", "xmm15"
  if (backend::isa() == backend::Isa::avx512) {
    for (i64 i = 0; i < rounds; ++i)
      asm volatile("vpxorq %%zmm30, %%zmm30, %%zmm30\n vpxorq %%zmm31, %%zmm31, %%zmm31\n" NACRE_BENCH_FMA16("zmm")
                       NACRE_BENCH_FMA16("zmm") NACRE_BENCH_FMA16("zmm") NACRE_BENCH_FMA16("zmm")::
                           : NACRE_BENCH_CLOBBER);
    return static_cast<double>(rounds) * 64 * 32;
  }
#define NACRE_BENCH_FMA_Y(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"
#define NACRE_BENCH_FMA_Y12                                                                                          \
  NACRE_BENCH_FMA_Y(0) NACRE_BENCH_FMA_Y(1) NACRE_BENCH_FMA_Y(2) NACRE_BENCH_FMA_Y(3) NACRE_BENCH_FMA_Y(4)            \
  NACRE_BENCH_FMA_Y(5) NACRE_BENCH_FMA_Y(6) NACRE_BENCH_FMA_Y(7) NACRE_BENCH_FMA_Y(8) NACRE_BENCH_FMA_Y(9)            \
  NACRE_BENCH_FMA_Y(10) NACRE_BENCH_FMA_Y(11)
  for (i64 i = 0; i < rounds; ++i)
    asm volatile("vpxor %%ymm14, %%ymm14, %%ymm14\n vpxor %%ymm15, %%ymm15, %%ymm15\n" NACRE_BENCH_FMA_Y12
                     NACRE_BENCH_FMA_Y12 NACRE_BENCH_FMA_Y12 NACRE_BENCH_FMA_Y12::
                         : NACRE_BENCH_CLOBBER);
  return static_cast<double>(rounds) * 48 * 16;
}

class Meter {
 public:
  explicit Meter(int threads) : threads_(threads), clock_(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC) {
    set_threads(threads);
  }

  template <class F>
  double time(const F& f) {  // seconds of one call, and one of the loop after it
    double start = seconds(clock_);
    f();
    double took = seconds(clock_) - start;
    times_.push_back(took);
    start = seconds(clock_);
    std::vector<double> done(static_cast<std::size_t>(threads_));
    parallel_for(threads_, 1, [&](i64 i, i64) { done[static_cast<std::size_t>(i)] = multiply_add_loop(20000); });
    double all = 0;
    for (double d : done) all += d;
    peaks_.push_back(all / (seconds(clock_) - start));
    return took;
  }
  // GFLOP/s by the median time, and percent of the median peak.
  void report(benchmark::State& state, double flops) {
    double rate = flops / median(times_), peak = median(peaks_);
    state.counters["GFLOP/s"] = rate * 1e-9;
    state.counters["peak%"] = 100 * rate / peak;
  }

 private:
  static double median(std::vector<double> v) {
    std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
    return v[v.size() / 2];
  }
  int threads_;
  clockid_t clock_;
  std::vector<double> times_, peaks_;
};

}  // namespace nacre::bench
