// Convolutions and their gradients: GFLOP/s (direct, padding counted) and percent of the machine's FMA rate.
//
//   build/release/bench/conv --benchmark_filter=/1/      one thread (CPU time); /2/ two (wall time)
//
// Rows: the layers of the CIFAR ResNet-18 at batch 128, of the narrow ResNets of the demo, and of PIRL's nine 8x8
// patches of 128 images. The operations are those of the direct sum: Winograd does fewer and may pass 100 %. Where the
// library takes it, a row `exact` shows the direct kernel.
#include <nacre/backend/cpu/conv.hpp>
#include <nacre/backend/cpu/winograd.hpp>
#include <nacre/core/tensor.hpp>

#include <string>

#include "peak.hpp"

namespace {

using namespace nacre;

Window2d square(i64 n, i64 size, i64 c, i64 o, i64 k, i64 stride) {
  return {.n = n, .h = size, .w = size, .c = c, .o = o, .kh = k, .kw = k, .stride_h = stride, .stride_w = stride,
          .pad_h = k / 2, .pad_w = k / 2};
}
struct Case {
  const char* name;
  Window2d win;
};
const Case cases[] = {
    {"3-64 3x3 @32", square(128, 32, 3, 64, 3, 1)},      {"64-64 3x3 @32", square(128, 32, 64, 64, 3, 1)},
    {"64-128 3x3 s2", square(128, 32, 64, 128, 3, 2)},   {"64-128 1x1 s2", square(128, 32, 64, 128, 1, 2)},
    {"128-128 3x3 @16", square(128, 16, 128, 128, 3, 1)}, {"128-256 3x3 s2", square(128, 16, 128, 256, 3, 2)},
    {"256-512 3x3 s2", square(128, 8, 256, 512, 3, 2)},  {"256-256 3x3 @8", square(128, 8, 256, 256, 3, 1)},
    {"512-512 3x3 @4", square(128, 4, 512, 512, 3, 1)},  {"3-16 3x3 @32", square(128, 32, 3, 16, 3, 1)},
    {"16-16 3x3 @32", square(128, 32, 16, 16, 3, 1)},    {"16-32 3x3 s2", square(128, 32, 16, 32, 3, 2)},
    {"32-32 3x3 @16", square(128, 16, 32, 32, 3, 1)},    {"1-16 3x3 @28", square(128, 28, 1, 16, 3, 1)},
    {"3-16 3x3 patches", square(1152, 8, 3, 16, 3, 1)},  {"16-16 3x3 patches", square(1152, 8, 16, 16, 3, 1)},
    {"32-32 3x3 patches", square(1152, 4, 32, 32, 3, 1)}, {"128-128 3x3 patches", square(1152, 1, 128, 128, 3, 1)},
};

enum class Pass { forward, grad_input, grad_weight };

void run(benchmark::State& state, const Window2d& win, Pass pass, bool exact) {
  backend::exact_conv() = exact;
  auto x = Tensor<float>::full({win.pixels_in() * win.c}, 0.5f);
  auto y = Tensor<float>::full({win.pixels_out() * win.o}, 0.25f);
  auto w = Tensor<float>::full({win.o * win.taps() * win.c}, 0.125f);
  bench::Meter meter(static_cast<int>(state.range(0)), {.flops = 2.0 * static_cast<double>(win.multiply_adds())});
  auto call = [&] {
    if (pass == Pass::forward) backend::conv2d(Cpu{}, win, x.data(), w.data(), y.data());
    if (pass == Pass::grad_input)
      backend::conv2d_grad_input(Cpu{}, win, w.data(), y.data(), x.data(), Into::assign);
    if (pass == Pass::grad_weight)
      backend::conv2d_grad_weight(Cpu{}, win, x.data(), y.data(), w.data(), Into::assign);
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
  for (const Case& s : cases)
    for (auto [pass, name] : {std::pair{Pass::forward, " forward"}, std::pair{Pass::grad_input, " grad_input"},
                              std::pair{Pass::grad_weight, " grad_weight"}})
      for (bool exact : {false, true}) {
        if (exact && !backend::detail::winograd_fits(s.win)) continue;
        benchmark::RegisterBenchmark((std::string(s.name) + name + (exact ? " exact" : "")).c_str(), run, s.win, pass,
                                     exact)
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond)
            ->Arg(1)
            ->Arg(2);
      }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
