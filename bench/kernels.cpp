// Kernels that memory binds: GB/s of the bytes that must be moved, and percent of what plain loops over memory move.
//
//   build/release/bench/kernels --benchmark_filter=/1/      one thread (CPU time); /2/ two (wall time)
//
// Each row works on tensors of 256 MB, far beyond the cache. Its bytes are those of the best order of work, not of the
// code: what is used twice while it fits the cache counts once. A kernel that reads a tensor twice from memory shows at
// most the share of the one pass that is needed; softmax and its kin pay for exponentials too. A little above 100 %
// means that part of a tensor was still in the cache.
#include <nacre/nn/batchnorm.hpp>
#include <nacre/nn/norm.hpp>
#include <nacre/ops/pool2d.hpp>
#include <nacre/ops/reduce.hpp>
#include <nacre/ops/softmax.hpp>
#include <nacre/optim/adamw.hpp>
#include <nacre/optim/ema.hpp>
#include <nacre/optim/lars.hpp>
#include <nacre/optim/sgd.hpp>

#include <memory>
#include <string>

#include "peak.hpp"

namespace {

using namespace nacre;
using bench::Work;
using V = Var<float>;

const Shape images{1024, 32, 32, 64}, rows{524288, 128}, classes{65536, 1024};
const double bytes = static_cast<double>(images.size() * i64{sizeof(float)});

Tensor<float> ramp(const Shape& shape) {
  Tensor<float> t(shape);
  for (i64 i = 0; i < t.size(); ++i) t[i] = static_cast<float>(i % 251) / 251;
  return t;
}

// prepare() -> the call that is timed.
template <class Prepare>
void measure(benchmark::State& state, const Work& work, const Prepare& prepare) {
  bench::Meter meter(static_cast<int>(state.range(0)), work);
  prepare()();  // the pool grows here
  for (auto _ : state) {
    auto call = prepare();
    state.SetIterationTime(meter.time(call));
    benchmark::ClobberMemory();
  }
  meter.report(state);
}

const nn::LayerNorm<float> layer(128);
const nn::GroupNorm<float> group(4, 64);
const nn::BatchNorm<float> batch(64);

V mean_cross_entropy(const V& x, const V&) {
  Tensor<i64> labels({x.dim(0)});
  for (i64 i = 0; i < labels.size(); ++i) labels[i] = 37 * i % x.dim(1);
  return cross_entropy(x, labels);
}

struct Op {
  const char* name;
  Shape shape;
  Work forward, backward;  // in tensors of x's size
  V (*op)(const V& x, const V& like_x);
};
const Op ops[] = {
    // x to y; y and gy to gx
    {"relu", images, {.copied = 1}, {.read = 1, .copied = 1}, [](const V& x, const V&) { return relu(x); }},
    // x to one number a row; back again
    {"sum rows", rows, {.read = 1}, {.written = 1}, [](const V& x, const V&) { return sum(x, Axis::rows); }},
    // a row stays in the cache: x to y; y and gy to gx
    {"softmax", classes, {.copied = 1}, {.read = 1, .copied = 1}, [](const V& x, const V&) { return softmax(x); }},
    {"log_softmax", classes, {.copied = 1}, {.read = 1, .copied = 1},
     [](const V& x, const V&) { return log_softmax(x); }},
    {"l2_normalize", rows, {.copied = 1}, {.read = 1, .copied = 1},
     [](const V& x, const V&) { return l2_normalize(x); }},
    // logits to one number; logits to gx
    {"cross_entropy", classes, {.read = 1}, {.copied = 1}, mean_cross_entropy},
    // a row, a sample stay in the cache: x to y; x and gy to gx, which lies over gy in group_norm
    {"layer_norm", rows, {.copied = 1}, {.read = 1, .copied = 1}, [](const V& x, const V&) { return layer(x); }},
    {"group_norm", images, {.copied = 1}, {.read = 1, .updated = 1}, [](const V& x, const V&) { return group(x); }},
    // x, then x to y; x and gy, then x to gx over gy
    {"batch_norm", images, {.read = 1, .copied = 1}, {.read = 3, .updated = 1},
     [](const V& x, const V&) { return batch(x); }},
    // the same, but the first pass back gates gy where it lies
    {"batch_norm_relu", images, {.read = 1, .copied = 1}, {.read = 2, .updated = 2},
     [](const V& x, const V&) { return batch.relu(x); }},
    // x, then x and r to y; x and y gate gy, which is r's gradient, then x and that to gx
    {"batch_norm_relu + r", images, {.read = 2, .copied = 1}, {.read = 3, .copied = 1, .updated = 1},
     [](const V& x, const V& r) { return batch.relu(x, r); }},
    // x to a quarter and its places, four bytes each; both to gx
    {"max_pool2d 2x2", images, {.read = 0.5, .copied = 0.5}, {.written = 0.5, .copied = 0.5},
     [](const V& x, const V&) { return max_pool2d(x); }},
    {"avg_pool2d 2x2", images, {.read = 0.75, .copied = 0.25}, {.written = 0.75, .copied = 0.25},
     [](const V& x, const V&) { return avg_pool2d(x); }},
    {"global_avg_pool", images, {.read = 1}, {.written = 1}, [](const V& x, const V&) { return global_avg_pool(x); }},
};

void run_op(benchmark::State& state, const Op& o, bool forward) {
  Tensor<float> x = ramp(o.shape), like_x = ramp(o.shape);
  if (forward)
    return measure(state, bytes * o.forward, [&] {
      return [&] {
        Tape tape;
        o.op(variable(tape, x), variable(tape, like_x));
      };
    });
  measure(state, bytes * o.backward, [&] {
    auto tape = std::make_unique<Tape>();
    V y = o.op(variable(*tape, x), variable(*tape, like_x));
    y.node()->grad = Tensor<float>::full(y.shape(), 0.5f);  // as if something had come after
    y.node()->has_grad = true;
    return [tape = std::move(tape)] { tape->run_backward(); };
  });
}

struct Weights {
  Parameter<float> weight{ramp(images)};
  static void visit(auto& self, auto&& f) { f("weight", self.weight); }
};

template <class Optimizer>
void run_step(benchmark::State& state, const Work& work) {
  Weights weights;
  Optimizer optimizer(weights, {.weight_decay = 1e-4});
  weights.weight.node()->grad.fill(0.5f);
  measure(state, bytes * work, [&] {
    weights.weight.node()->has_grad = true;
    return [&] { optimizer.step(1e-3); };
  });
}
void run_ema(benchmark::State& state, const Work& work) {
  Weights weights, average;
  measure(state, bytes * work, [&] { return [&] { optim::ema(average, weights, 0.99); }; });
}

struct Step {
  const char* name;
  Work work;
  void (*run)(benchmark::State&, const Work&);
};
const Step steps[] = {
    {"sgd", {.read = 1, .updated = 2}, run_step<optim::Sgd<float>>},      // g; w, velocity
    {"adamw", {.read = 1, .updated = 3}, run_step<optim::AdamW<float>>},  // g; w and two moments
    {"lars", {.read = 3, .updated = 2}, run_step<optim::Lars<float>>},    // norms of g and w; then as sgd
    {"ema", {.read = 1, .updated = 1}, run_ema},                          // the source; its average
};

}  // namespace

int main(int argc, char** argv) {
  auto add = [](const std::string& name, auto... what) {
    benchmark::RegisterBenchmark(name.c_str(), what...)->UseManualTime()->Unit(benchmark::kMillisecond)->Arg(1)->Arg(2);
  };
  for (const Op& o : ops)
    for (bool forward : {true, false})
      add(std::string(o.name) + (forward ? " forward" : " backward"), run_op, o, forward);
  for (const Step& s : steps) add(s.name, s.run, s.work);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
