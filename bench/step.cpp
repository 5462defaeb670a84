// Training steps: forward, backward and SGD, in samples per second of the wall clock, and what the pool held at most.
//
//   resnet/WIDTH/THREADS/BATCH   ResNet-18, 3x3 stem, pictures of 32 px
//   pirl/WIDTH/THREADS/SHARED   128 pictures, 50,000 memory rows, 4,096 negatives per sample or shared by the batch
//   simclr/WIDTH/THREADS/BATCH/CHUNK   two views of BATCH pictures, CHUNK views at a time; 0: all at once
#include <nacre/methods/pirl.hpp>
#include <nacre/methods/simclr.hpp>
#include <nacre/ops/reduce.hpp>
#include <nacre/optim/sgd.hpp>

#include <benchmark/benchmark.h>

using namespace nacre;

namespace {

Tensor<float> noise(const Shape& shape, u64 seed) {
  Tensor<float> t(shape);
  Random random(Key{seed});
  for (float& x : t.span()) x = random.normal();
  return t;
}

void report(benchmark::State& state, i64 batch) {
  state.counters["samples/s"] =
      benchmark::Counter(static_cast<double>(batch * state.iterations()), benchmark::Counter::kIsRate);
  state.counters["MB"] = static_cast<double>(pool::stats().bytes_peak) / (1 << 20);
}

void resnet(benchmark::State& state) {
  pool::reset_peak();
  i64 width = state.range(0), batch = state.range(2);
  set_threads(static_cast<int>(state.range(1)));
  models::ResNet<float> net({.depth = 18, .width = width, .stem = models::Stem::cifar}, Key{1});
  optim::Sgd<float> sgd(net, {.weight_decay = 1e-4});
  Tensor<float> x = noise({batch, 32, 32, 3}, 2);
  for (auto _ : state) {
    Tape tape;
    backward(mean(net(constant(tape, x))));
    sgd.step(0.01);
  }
  report(state, batch);
}
BENCHMARK(resnet)
    ->ArgsProduct({{16, 64}, {1, 2}, {32, 64, 128, 256, 512}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void pirl(benchmark::State& state) {
  pool::reset_peak();
  i64 width = state.range(0), batch = 128;
  set_threads(static_cast<int>(state.range(1)));
  methods::PirlOptions o;
  o.encoder = {.depth = 18, .width = width, .stem = models::Stem::cifar};
  o.shared_negatives = state.range(2) != 0;
  methods::Pirl<float> method(o, 50000, Key{1});
  optim::Sgd<float> sgd(method, {.weight_decay = 1e-4});
  Batch b;
  b.image = noise({batch, 32, 32, 3}, 2);
  b.patches = noise({batch, 9, 8, 8, 3}, 3);
  b.index = Tensor<i64>({batch});
  for (i64 i = 0; i < batch; ++i) b.index[i] = 7 * i;
  u64 step = 0;
  for (auto _ : state) {
    Tape tape(Mode::train, Key{step++});
    backward(method.loss(tape, b).loss);
    sgd.step(0.01);
    method.after_step(b);
  }
  report(state, batch);
}
BENCHMARK(pirl)->Args({16, 1, 0})->Args({16, 2, 0})->Args({16, 2, 1})->UseRealTime()->Unit(benchmark::kMillisecond);

void simclr(benchmark::State& state) {
  pool::reset_peak();
  i64 width = state.range(0), batch = state.range(2);
  set_threads(static_cast<int>(state.range(1)));
  methods::SimclrOptions o;
  o.encoder = {.depth = 18, .width = width, .stem = models::Stem::cifar};
  o.chunk = state.range(3);
  methods::Simclr<float> method(o, Key{1});
  optim::Sgd<float> sgd(method, {.weight_decay = 1e-4});
  Batch b;
  b.image = noise({2 * batch, 32, 32, 3}, 2);
  u64 step = 0;
  for (auto _ : state) {
    Tape tape(Mode::train, Key{step++});
    backward(method.loss(tape, b).loss);
    sgd.step(0.01);
  }
  report(state, batch);
}
BENCHMARK(simclr)->ArgsProduct({{16}, {1, 2}, {512, 2048}, {0, 128}})->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
