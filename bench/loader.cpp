// The loader's views, in samples per second of one core (CPU time of the thread that makes them).
//
// Rows: SimCLR's two views and PIRL's image + nine patches at 32 pixels, the same from pictures of 500 x 375 at 224,
// and a whole Loader pass. Reference figures: PyTorch's transforms make 485 PIRL and 1,720 SimCLR samples/s a core at
// 32 px.
#include <nacre/data/loader.hpp>
#include <nacre/pretext/jigsaw.hpp>
#include <nacre/pretext/two_views.hpp>

#include <benchmark/benchmark.h>

namespace {

using namespace nacre;

data::Images noise(i64 n, i64 h, i64 w, i64 c) {
  Tensor<u8> pixels({n, h, w, c});
  Random random(Key{7});
  for (i64 i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<u8>(random.word());
  return data::make_images(pixels);
}

template <class Views>
void make_views(benchmark::State& state, const Views& views, i64 h, i64 w, i64 c) {
  data::Images images = noise(8, h, w, c);
  data::Normalization normalization = data::mean_std(images);
  Batch batch;
  views.prepare(batch, 8, c);
  u64 i = 0;
  for (auto _ : state) {
    views.fill(batch, static_cast<i64>(i % 8), images[static_cast<i64>(i % 8)], normalization, Key{1}.fold(i));
    ++i;
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}

void simclr_32(benchmark::State& s) { make_views(s, pretext::two_views({.image = 32}), 32, 32, 3); }
void pirl_32(benchmark::State& s) { make_views(s, pretext::jigsaw_views({.image = 32}), 32, 32, 3); }
void pirl_32_grey(benchmark::State& s) { make_views(s, pretext::jigsaw_views({.image = 32}), 28, 28, 1); }
void simclr_224_blur(benchmark::State& s) {
  make_views(s, pretext::two_views({.image = 224, .augment = data::simclr(1, 0.5f)}), 375, 500, 3);
}
void simclr_224(benchmark::State& s) { make_views(s, pretext::two_views({.image = 224}), 375, 500, 3); }
void pirl_224(benchmark::State& s) { make_views(s, pretext::jigsaw_views({.image = 224}), 375, 500, 3); }
BENCHMARK(simclr_32);
BENCHMARK(pirl_32);
BENCHMARK(pirl_32_grey);
BENCHMARK(simclr_224)->Unit(benchmark::kMicrosecond);
BENCHMARK(simclr_224_blur)->Unit(benchmark::kMicrosecond);
BENCHMARK(pirl_224)->Unit(benchmark::kMicrosecond);

void loader_pirl_32(benchmark::State& state) {  // wall time, all threads, as a training loop sees it
  data::Images images = noise(4096, 32, 32, 3);
  for (auto _ : state) {
    Loader loader(images, pretext::jigsaw_views(), {.batch = 128, .normalization = data::imagenet_normalization},
                  Key{1});
    for (Batch& batch : loader) benchmark::DoNotOptimize(batch.patches.data());
  }
  state.SetItemsProcessed(state.iterations() * 4096);
}
BENCHMARK(loader_pirl_32)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
