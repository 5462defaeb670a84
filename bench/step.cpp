// Training steps, forward, backward and SGD: samples per second, direct GFLOP/s and percent of the machine's FMA rate,
// and what the pool held at most. One thread: CPU time, two: wall time.
//
//   resnet/WIDTH/THREADS/BATCH   ResNet-18, 3x3 stem, pictures of 32 px
//   pirl/WIDTH/THREADS/SHARED   128 pictures, 50,000 memory rows, 4,096 negatives per sample or shared by the batch
//   simclr/WIDTH/THREADS/BATCH/CHUNK   two views of BATCH pictures, CHUNK views at a time; 0: all at once
//
// Operations: the direct sums of convolutions and linear layers, each three times, forward and two gradients; but no
// gradient of the pictures, and nothing for chunks that are computed again. Winograd does fewer and may pass 100 %.
#include <nacre/methods/pirl.hpp>
#include <nacre/methods/simclr.hpp>
#include <nacre/ops/reduce.hpp>
#include <nacre/optim/sgd.hpp>

#include "peak.hpp"

using namespace nacre;

namespace {

Tensor<float> noise(const Shape& shape, u64 seed) {
  Tensor<float> t(shape);
  Random random(Key{seed});
  for (float& x : t.span()) x = random.normal();
  return t;
}

// Of a module's linear layers on n rows, or of a ResNet-18 with 3x3 stem on n maps of side x side.
double step_flops(const auto& module, i64 n, i64 side = 1) {
  i64 multiply_adds = 0;
  nn::for_each_parameter(module, [&](const std::string& name, const Parameter<float>& p) {
    if (p.shape().rank() < 2) return;  // biases and norms
    i64 halvings = name.starts_with("layer") ? name[5] - '1' : 0, map = ((side - 1) >> halvings) + 1;
    multiply_adds += (name == "conv1.weight" ? 2 : 3) * n * map * map * p.value().size();
  });
  return 2 * static_cast<double>(multiply_adds);
}

template <class F>
void measure(benchmark::State& state, i64 batch, double flops, const F& step) {
  bench::Meter meter(static_cast<int>(state.range(1)), {.flops = flops});
  step();  // the pool grows here
  for (auto _ : state) state.SetIterationTime(meter.time(step));
  meter.report(state);
  state.counters["samples/s"] =
      benchmark::Counter(static_cast<double>(batch * state.iterations()), benchmark::Counter::kIsRate);
  state.counters["MB"] = static_cast<double>(pool::stats().bytes_peak) / (1 << 20);
}

void resnet(benchmark::State& state) {
  pool::reset_peak();
  i64 width = state.range(0), batch = state.range(2);
  models::ResNet<float> net({.depth = 18, .width = width, .stem = models::Stem::cifar}, Key{1});
  optim::Sgd<float> sgd(net, {.weight_decay = 1e-4});
  Tensor<float> x = noise({batch, 32, 32, 3}, 2);
  measure(state, batch, step_flops(net, batch, 32), [&] {
    Tape tape;
    backward(mean(net(constant(tape, x))));
    sgd.step(0.01);
  });
}
BENCHMARK(resnet)
    ->ArgsProduct({{16, 64}, {1, 2}, {32, 64, 128, 256, 512}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

void pirl(benchmark::State& state) {
  pool::reset_peak();
  i64 width = state.range(0), batch = 128;
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
  double flops = step_flops(method.encoder, batch, 32) + step_flops(method.encoder, 9 * batch, 8) +
                 step_flops(method.head_image, batch) + step_flops(method.head_jigsaw.patch, 9 * batch) +
                 step_flops(method.head_jigsaw.jigsaw, batch);
  measure(state, batch, flops, [&] {
    Tape tape(Mode::train, Key{step++});
    backward(method.loss(tape, b).loss);
    sgd.step(0.01);
    method.after_step(b);
  });
}
BENCHMARK(pirl)->Args({16, 1, 0})->Args({16, 2, 0})->Args({16, 2, 1})->UseManualTime()->Unit(benchmark::kMillisecond);

void simclr(benchmark::State& state) {
  pool::reset_peak();
  i64 width = state.range(0), batch = state.range(2);
  methods::SimclrOptions o;
  o.encoder = {.depth = 18, .width = width, .stem = models::Stem::cifar};
  o.chunk = state.range(3);
  methods::Simclr<float> method(o, Key{1});
  optim::Sgd<float> sgd(method, {.weight_decay = 1e-4});
  Batch b;
  b.image = noise({2 * batch, 32, 32, 3}, 2);
  u64 step = 0;
  measure(state, batch, step_flops(method.encoder, 2 * batch, 32) + step_flops(method.head, 2 * batch), [&] {
    Tape tape(Mode::train, Key{step++});
    backward(method.loss(tape, b).loss);
    sgd.step(0.01);
  });
}
BENCHMARK(simclr)->ArgsProduct({{16}, {1, 2}, {512, 2048}, {0, 128}})->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
