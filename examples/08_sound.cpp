// Seen and heard: pictures and their spoken names meet in one space, without a label (AVID). Reads the stamps of
// Debian's tuxpaint-stamps-default where they and libsndfile are here, else it draws squares that hum.
//
//   picture -> encoder -> unit row      the row of a picture is to lie near the row of its sound and far from
//   sound   -> encoder -> unit row      all others' sounds, and the row of a sound likewise
//
//   libraries="-ltbb -lpng -ljpeg -lsndfile"
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/08_sound.cpp $libraries -o sound
//   ./sound [SEED] [EPOCHS] [PICTURES, 0: all]
#include <nacre/data/file.hpp>
#include <nacre/data/image_io.hpp>
#include <nacre/data/loader.hpp>
#include <nacre/data/talking_pictures.hpp>
#include <nacre/eval/knn.hpp>
#include <nacre/methods/avid.hpp>
#include <nacre/optim/adamw.hpp>
#include <nacre/pretext/sound_views.hpp>
#include <nacre/train/trainer.hpp>
#if __has_include(<sndfile.h>)
#include <nacre/data/sndfile.hpp>
#endif

#include <cstdio>
#include <cstdlib>

namespace nc = nacre;
using nc::i64, nc::Var;

// 128 sources: squares of 16 sizes in 8 colours; a tone for the size, then one for the colour.
nc::data::TalkingPictures humming_squares(const nc::data::LogMel& mel = {}) {
  nc::data::TalkingPictures all;
  auto pixels = nc::Tensor<nc::u8>::full({128, 32, 32, 3}, 128);
  for (i64 i = 0; i < 128; ++i) {
    i64 half = i / 8, color = i % 8;
    for (i64 at = 0; at < 3 * 32 * 32; ++at)
      if (std::max(std::abs(at / 96 - 16), std::abs(at / 3 % 32 - 16)) <= half)
        pixels[i * 3072 + at] = (color >> at % 3 & 1) ? 230 : 30;
    nc::data::Sound hum{nc::Tensor<float>({20000}), mel.rate};
    for (i64 t = 0; t < 20000; ++t)
      hum.samples[t] = std::sin(2e-4f * static_cast<float>(t * (t < 10000 ? 200 + 80 * half : 250 + 160 * color)));
    all.sounds.log_mel.push_back(nc::data::log_mel(hum, mel));
    all.sounds.of.push_back({i, i + 1});
  }
  all.pictures = nc::data::make_images(pixels);
  nc::data::measure(all.sounds, mel.silence());
  return all;
}

double right(const nc::Tensor<float>& rows, const nc::Tensor<float>& among) {  // per cent whose nearest is their own
  double hits = 0;
  auto nearest = nc::eval::nearest(rows, among, 1).index;
  for (i64 i = 0; i < rows.dim(0); ++i) hits += nearest[i] == i;
  return 100 * hits / static_cast<double>(rows.dim(0));
}

int main(int argc, char** argv) {
  const nc::Key key{.seed = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1};
  const i64 epochs = argc > 2 ? std::atoi(argv[2]) : 100, most = argc > 3 ? std::atoi(argv[3]) : 128;
  const i64 size = 32, frames = 112;  // pixels, hundredths of a second
  nc::data::TalkingPictures set;
#if __has_include(<sndfile.h>)
  nc::data::TalkingOptions french{.side = 40, .seconds = 3, .tags = {"desc_fr"}, .most = most};
  if (const char* stamps = "/usr/share/tuxpaint/stamps"; nc::data::is_directory(stamps))
    set = nc::data::talking_pictures(stamps, nc::data::read_image, nc::data::read_sound, french);
#endif
  if (set.pictures.empty()) set = humming_squares();
  const i64 n = set.pictures.size();
  auto norm = nc::data::mean_std(set.pictures);
  auto pictures = [&](i64 a, i64 b) { return nc::data::evaluation_batch(set.pictures, a, b, size, norm); };
  // Asked with the last window of each recording: training draws earlier starts. A word shorter than a window, as half
  // of them are, was heard whole, only moved in time.
  auto sounds = [&](i64 a, i64 b) { return nc::data::sound_batch(set.sounds, a, b, nc::data::last, frames); };
  nc::methods::AvidOptions options;
  options.form = nc::losses::NceForm::info_nce, options.temperature = 0.1;
  options.negatives = std::min<i64>(n - 1, 512);
  options.encoder = {.width = 16, .stem = nc::models::Stem::cifar};
  options.sound_encoder = {.width = 16, .in_channels = 1};
  nc::methods::Avid<float> avid(options, n, key);
  nc::methods::encode_banks(avid, pictures, sounds);  // rows: what the untrained networks say
  double untrained = right(avid.bank.rows(), avid.sound_bank.rows());

  auto views = nc::pretext::sound_views({.image = size, .frames = frames, .augment = nc::data::gentle(),
                                         .until = 0.7, .mask_frames = 6, .sounds = set.sounds});
  nc::Loader loader(set.pictures, views, {.batch = 32, .epochs = epochs, .normalization = norm}, key);
  nc::optim::AdamW<float> adam(avid);
  nc::train::Trainer trainer(avid, adam, {.lr = 1e-3, .steps = loader.steps()}, key);
  for (nc::Batch& batch : loader) {
    double loss = trainer.step(batch);
    if (batch.step % 40 == 0) std::printf("%3.0f %%: loss %.2f\n", 100 * static_cast<double>(batch.progress), loss);
  }
  Var<float> seen = avid.embed_image(Var<float>(pictures(0, n))), heard = avid.embed_sound(Var<float>(sounds(0, n)));
  std::printf("seed %llu: %.1f %% of %lld pictures find their sound (untrained %.1f, chance %.1f), ",
              static_cast<unsigned long long>(key.seed), right(seen.value(), heard.value()),
              static_cast<long long>(n), untrained, 100. / static_cast<double>(n));
  std::printf("%.1f %% of sounds their picture\n", right(heard.value(), seen.value()));
}
