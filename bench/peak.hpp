// What a kernel does in a second beside what the machine can do, measured in the same run.
//
// Meter times a kernel and, between its calls, the plainest loops of the same kind: independent multiply-adds of the
// widest kind, or passes over 256 MB. All in thread CPU time on one thread and in wall time on more, so that a
// throttled machine does not change the percentage. More threads want the machine for themselves.
#pragma once

#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/tensor.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
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

// What a kernel cannot do without: multiply-adds where they bind it, else bytes that are not in the cache.
struct Work {
  double flops = 0;
  double read = 0, written = 0;  // bytes
  double copied = 0;             // bytes read in one place, and as many written in another
  double updated = 0;            // bytes read, and written where they lie

  std::array<double, 5> parts() const { return {flops, read, written, copied, updated}; }
  double bytes() const { return read + written + 2 * copied + 2 * updated; }
  friend Work operator*(double s, Work w) {
    return {s * w.flops, s * w.read, s * w.written, s * w.copied, s * w.updated};
  }
};

class Meter {
 public:
  Meter(int threads, const Work& work)
      : threads_(threads), clock_(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC), work_(work) {
    set_threads(threads);
    if (work.bytes() > 0) a_ = Tensor<float>::full({1 << 26}, 1), b_ = Tensor<float>::full({1 << 26}, 1);
  }

  template <class F>
  double time(const F& f) {  // seconds of one call; the loops run after it
    times_.push_back(clocked(f));
    for (std::size_t part = 0; part < costs_.size(); ++part)
      for (double spent = 0; work_.parts()[part] > 0 && spent < 0.05 * times_.back();) {
        double done = 0, took = clocked([&] { done = part == 0 ? multiply_adds() : pass(part); });
        costs_[part].push_back(took / done);
        spent += took;
      }
    return times_.back();
  }
  // GFLOP/s or GB/s by the median time, and how much of that time the loops would take for the same work.
  void report(benchmark::State& state) {
    double took = median(times_), least = 0;
    for (std::size_t part = 0; part < costs_.size(); ++part)
      if (!costs_[part].empty()) least += work_.parts()[part] * median(costs_[part]);
    if (work_.flops > 0) state.counters["GFLOP/s"] = work_.flops / took * 1e-9;
    else state.counters["GB/s"] = work_.bytes() / took * 1e-9;
    state.counters["peak%"] = 100 * least / took;
  }

 private:
  template <class F>
  double clocked(const F& f) const {
    double start = seconds(clock_);
    f();
    return seconds(clock_) - start;
  }
  double multiply_adds() const {  // returns the operations
    std::vector<double> done(static_cast<std::size_t>(threads_));
    parallel_for(threads_, 1, [&](i64 i, i64) { done[static_cast<std::size_t>(i)] = multiply_add_loop(20000); });
    double all = 0;
    for (double d : done) all += d;
    return all;
  }
  double pass(std::size_t part) {  // of Work::parts, over 256 MB; returns the bytes
    float *a = a_.data(), *b = b_.data();
    parallel_for(a_.size(), 1 << 18, [&](i64 begin, i64 end) {
      backend::simd::run([&] {
        float sum[32] = {}, all = 0;
        switch (part) {
          case 1:
            for (i64 i = begin; i < end; i += 32)
              for (int q = 0; q < 32; ++q) sum[q] += a[i + q];
            for (float s : sum) all += s;
            benchmark::DoNotOptimize(all);
            return;
          case 2:
            for (i64 i = begin; i < end; ++i) b[i] = 0.5f;
            return;
          case 3:
            for (i64 i = begin; i < end; ++i) b[i] = 0.5f * a[i];
            return;
          default:
            for (i64 i = begin; i < end; ++i) a[i] = 0.5f + 0.5f * a[i];
        }
      });
    });
    return static_cast<double>(a_.size()) * sizeof(float);
  }
  static double median(std::vector<double> v) {
    std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
    return v[v.size() / 2];
  }
  int threads_;
  clockid_t clock_;
  Work work_;
  Tensor<float> a_, b_;
  std::vector<double> times_;
  std::array<std::vector<double>, 5> costs_;  // seconds of one operation or byte
};

}  // namespace nacre::bench
