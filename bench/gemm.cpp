// Matrix products: GFLOP/s and percent of the machine's FMA rate, with Eigen's product beside each shape.
//
//   build/release/bench/gemm --benchmark_filter=/1/      one thread (CPU time); /2/ two (wall time)
//
// Shapes [m, n, k]: the im2col and 1x1 products of ResNets, projection heads, logits. nn, nt, tn: which operand is
// transposed. Eigen runs on one thread, this file is compiled with -march=native for its sake.
#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/core/tensor.hpp>

#include <string>

#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

#include "peak.hpp"

namespace {

using namespace nacre;

void eigen_product(const float* a, bool trans_a, const float* b, bool trans_b, float* c, i64 m, i64 n, i64 k) {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using In = Eigen::Map<const Matrix>;
  Eigen::Map<Matrix> out(c, m, n);
  if (trans_a) out.noalias() = In(a, k, m).transpose() * In(b, k, n);
  else if (trans_b) out.noalias() = In(a, m, k) * In(b, n, k).transpose();
  else out.noalias() = In(a, m, k) * In(b, k, n);
}

struct Case {
  const char* name;
  bool trans_a, trans_b;
  i64 m, n, k;
};
constexpr Case cases[] = {
    {"nn 131072x64x27", false, false, 131072, 64, 27},    {"nn 131072x64x576", false, false, 131072, 64, 576},
    {"nn 8192x256x2304", false, false, 8192, 256, 2304},  {"nn 8192x64x64", false, false, 8192, 64, 64},
    {"nn 2048x128x128", false, false, 2048, 128, 128},    {"nn 512x256x256", false, false, 512, 256, 256},
    {"nn 128x512x512", false, false, 128, 512, 512},      {"nt 50176x64x64", false, true, 50176, 64, 64},
    {"nt 50176x64x256", false, true, 50176, 64, 256},     {"nt 12544x512x128", false, true, 12544, 512, 128},
    {"nt 3136x256x1024", false, true, 3136, 256, 1024},   {"nt 784x2048x512", false, true, 784, 2048, 512},
    {"nt 256x512x512", false, true, 256, 512, 512},       {"nt 256x2048x2048", false, true, 256, 2048, 2048},
    {"nt 4096x4096x128", false, true, 4096, 4096, 128},   {"nt 128x128x128", false, true, 128, 128, 128},
    {"tn 512x512x256", true, false, 512, 512, 256},       {"tn 2048x2048x256", true, false, 2048, 2048, 256},
    {"tn 576x64x131072", true, false, 576, 64, 131072},   {"nn 2048x2048x2048", false, false, 2048, 2048, 2048},
};

void run(benchmark::State& state, const Case& s, bool eigen) {
  auto a = Tensor<float>::full({s.m * s.k}, 0.5f), b = Tensor<float>::full({s.k * s.n}, 0.25f);
  Tensor<float> c({s.m * s.n});
  bench::Meter meter(static_cast<int>(state.range(0)), {.flops = 2.0 * static_cast<double>(s.m * s.n * s.k)});
  auto call = [&] {
    if (eigen) eigen_product(a.data(), s.trans_a, b.data(), s.trans_b, c.data(), s.m, s.n, s.k);
    else
      backend::gemm(Cpu{}, s.trans_a, s.trans_b, s.m, s.n, s.k, a.data(), s.trans_a ? s.m : s.k, b.data(),
                    s.trans_b ? s.k : s.n, c.data(), s.n, Into::assign);
  };
  call();  // the pool grows here
  for (auto _ : state) {
    state.SetIterationTime(meter.time(call));
    benchmark::ClobberMemory();
  }
  meter.report(state);
}

}  // namespace

int main(int argc, char** argv) {
  for (const Case& s : cases) {
    auto add = [&](const char* who, bool eigen) {
      return benchmark::RegisterBenchmark((std::string(s.name) + " " + who).c_str(), run, s, eigen)
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
    };
    add("nacre", false)->Arg(1)->Arg(2);
    add("eigen", true)->Arg(1);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
