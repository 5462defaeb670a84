// Losses with their gradients: rows per second, percent of what the machine can do, and the memory above the inputs at
// its highest. One thread: CPU time, two: wall time.
//
//   nt_xent/ROWS/THREADS        n rows of d = 128 numbers. GFLOP/s of 4 n^2 d: of each pair of rows one score forward,
//                               one again backward and its two products with rows
//   bank/ROWS/THREADS/SHARED    both heads of PIRL, 128 samples, 4,096 negatives per sample or shared by the batch.
//                               Per sample: GB/s of the rows gathered, each once for both heads, in percent of a pass
//                               over memory: a small bank stays in the cache and may pass 100 %.
//                               Shared: GFLOP/s of a score and its product with a row, for each sample and head
#include <nacre/bank/memory_bank.hpp>
#include <nacre/bank/negatives.hpp>
#include <nacre/losses/nt_xent.hpp>
#include <nacre/losses/pirl.hpp>

#include "peak.hpp"

using namespace nacre;

namespace {

constexpr i64 dim = 128;

Tensor<float> unit_rows(i64 n, u64 seed) { return MemoryBank<float>(n, dim, Key{seed}).rows(); }

template <class F>
void measure(benchmark::State& state, i64 rows, const bench::Work& work, const F& call) {
  bench::Meter meter(static_cast<int>(state.range(1)), work);
  u64 before = pool::stats().bytes_in_use;
  pool::reset_peak();
  for (auto _ : state) state.SetIterationTime(meter.time(call));
  meter.report(state);
  state.counters["rows/s"] =
      benchmark::Counter(static_cast<double>(rows * state.iterations()), benchmark::Counter::kIsRate);
  state.counters["MB"] = static_cast<double>(pool::stats().bytes_peak - before) / (1 << 20);
}

void nt_xent(benchmark::State& state) {
  i64 rows = state.range(0);
  Tensor<float> z = unit_rows(rows, 1);
  measure(state, rows, {.flops = 4.0 * static_cast<double>(rows * rows * dim)}, [&] {
    Tape tape;
    backward(losses::nt_xent(variable(tape, z), 0.1));
  });
}
BENCHMARK(nt_xent)
    ->ArgsProduct({{512, 1024, 4096, 16384, 65536}, {1, 2}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

void bank(benchmark::State& state) {
  i64 rows = state.range(0), batch = 128;
  MemoryBank<float> memory(rows, dim, Key{1});
  Tensor<float> image = unit_rows(batch, 2), patches = unit_rows(batch, 3);
  Tensor<i64> index({batch});
  for (i64 i = 0; i < batch; ++i) index[i] = 7 * i;
  u64 step = 0;
  NegativesOptions draw{.count = 4096, .shared = state.range(2) != 0};
  double numbers = static_cast<double>(batch * draw.count * dim);  // of all negatives
  bench::Work work = draw.shared ? bench::Work{.flops = 2 * 4 * numbers} : bench::Work{.read = sizeof(float) * numbers};
  measure(state, batch, work, [&] {
    Tape tape(Mode::train, Key{step++});
    Tensor<i64> negatives = draw_negatives(index, rows, draw, tape.next_key());
    backward(losses::pirl(variable(tape, image), variable(tape, patches), memory.rows(), index, negatives, {}).loss);
  });
}
BENCHMARK(bank)
    ->ArgsProduct({{10000, 50000, 200000, 1280000}, {1, 2}, {0, 1}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
