// Losses with their gradients: rows per second, and the memory above the inputs at its highest.
//
//   nt_xent/ROWS/THREADS              rows of 128 numbers
//   bank/ROWS/THREADS/SHARED          both heads of PIRL, 128 samples, 4,096 negatives per sample or shared by the batch
#include <nacre/bank/memory_bank.hpp>
#include <nacre/bank/negatives.hpp>
#include <nacre/losses/nt_xent.hpp>
#include <nacre/losses/pirl.hpp>

#include <benchmark/benchmark.h>

using namespace nacre;

namespace {

Tensor<float> unit_rows(i64 n, u64 seed) { return MemoryBank<float>(n, 128, Key{seed}).rows(); }

template <class F>
void measure(benchmark::State& state, i64 rows, const F& call) {
  u64 before = pool::stats().bytes_in_use;
  pool::reset_peak();
  for (auto _ : state) call();
  state.counters["rows/s"] =
      benchmark::Counter(static_cast<double>(rows * state.iterations()), benchmark::Counter::kIsRate);
  state.counters["MB"] = static_cast<double>(pool::stats().bytes_peak - before) / (1 << 20);
}

void nt_xent(benchmark::State& state) {
  i64 rows = state.range(0);
  set_threads(static_cast<int>(state.range(1)));
  Tensor<float> z = unit_rows(rows, 1);
  measure(state, rows, [&] {
    Tape tape;
    backward(losses::nt_xent(variable(tape, z), 0.1));
  });
}
BENCHMARK(nt_xent)
    ->ArgsProduct({{512, 1024, 4096, 16384, 65536}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void bank(benchmark::State& state) {
  i64 rows = state.range(0), batch = 128;
  set_threads(static_cast<int>(state.range(1)));
  MemoryBank<float> memory(rows, 128, Key{1});
  Tensor<float> image = unit_rows(batch, 2), patches = unit_rows(batch, 3);
  Tensor<i64> index({batch});
  for (i64 i = 0; i < batch; ++i) index[i] = 7 * i;
  u64 step = 0;
  measure(state, batch, [&] {
    Tape tape(Mode::train, Key{step++});
    NegativesOptions draw{.count = 4096, .shared = state.range(2) != 0};
    Tensor<i64> negatives = draw_negatives(index, rows, draw, tape.next_key());
    backward(losses::pirl(variable(tape, image), variable(tape, patches), memory.rows(), index, negatives, {}).loss);
  });
}
BENCHMARK(bank)
    ->ArgsProduct({{10000, 50000, 200000, 1280000}, {1, 2}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
