// The loader's views, in samples per second of one core (CPU time of the thread that makes them).
//
// Rows: SimCLR's two views and PIRL's image + nine patches at 32 pixels, the same from pictures of 500 x 375 at 224,
// a whole Loader pass, and
//   jpeg/SIDE/VIEW/SHRINK   two views of VIEW px of a JPEG of SIDE x SIDE that is decoded for each sample, at the
//                           scale the crops need (SHRINK 1) or at full size (0)
// bench/peers runs PyTorch's transforms beside these.
#include <nacre/data/image_io.hpp>
#include <nacre/data/loader.hpp>
#include <nacre/pretext/jigsaw.hpp>
#include <nacre/pretext/two_views.hpp>

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>

#include <jpeglib.h>

namespace {

using namespace nacre;

data::Images noise(i64 n, i64 h, i64 w, i64 c) {
  Tensor<u8> pixels({n, h, w, c});
  Random random(Key{7});
  for (i64 i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<u8>(random.word());
  return data::make_images(pixels);
}

// Waves with noise on them: about the bytes a pixel of a photograph.
void write_jpeg(const std::string& path, i64 side) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  jpeg_compress_struct c{};
  jpeg_error_mgr errors{};
  c.err = jpeg_std_error(&errors);
  jpeg_create_compress(&c);
  jpeg_stdio_dest(&c, file);
  c.image_height = c.image_width = static_cast<JDIMENSION>(side);
  c.input_components = 3;
  c.in_color_space = JCS_RGB;
  jpeg_set_defaults(&c);
  jpeg_set_quality(&c, 90, TRUE);
  jpeg_start_compress(&c, TRUE);
  std::vector<u8> row(static_cast<std::size_t>(3 * side));
  Random random(Key{5});
  for (i64 y = 0; y < side; ++y) {
    for (std::size_t k = 0; k < row.size(); ++k) {
      float wave = std::sin(0.03f * static_cast<float>(y) + 0.01f * static_cast<float>(k));
      row[k] = static_cast<u8>(128 + 80 * wave + 10 * random.normal());
    }
    JSAMPROW p = row.data();
    jpeg_write_scanlines(&c, &p, 1);
  }
  jpeg_finish_compress(&c);
  jpeg_destroy_compress(&c);
  std::fclose(file);
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

void jpeg(benchmark::State& state) {
  i64 side = state.range(0);
  std::string file = "bench_loader.jpg";
  write_jpeg(file, side);
  data::Decode full = [](const std::string& path, i64) { return data::read_image(path); };
  data::Decode shrunk = [](const std::string& path, i64 shrink) { return data::read_image(path, shrink); };
  auto views = pretext::two_views({.image = state.range(1)});
  Batch batch;
  views.prepare(batch, 1, 3);
  u64 i = 0;
  for (auto _ : state)
    views.fill(batch, 0, {nullptr, side, side, 3, &file, state.range(2) ? shrunk : full}, data::imagenet_normalization,
               Key{1}.fold(i++));
  std::remove(file.c_str());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(jpeg)
    ->ArgsProduct({{400, 800, 1600}, {64, 224}, {0, 1}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
