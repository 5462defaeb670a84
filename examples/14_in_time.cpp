// Seen and heard at one time: a picture of a film is to lie near the sound of its moment, and away from the other
// film's sound and from its own half a second away (AVTS). Films with sound: two of Debian's opencv-doc where FFmpeg's
// libraries read them, else squares that climb and hum. Trained on the first 70 % of each film, asked on the rest.
//
//   libraries="-ltbb -lz -lavformat -lavcodec -lswscale -lavutil"
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/14_in_time.cpp $libraries -o in_time
//   ./in_time [SEED] [EPOCHS]
#include <nacre/data/clips.hpp>
#include <nacre/data/file.hpp>
#include <nacre/eval/knn.hpp>
#include <nacre/methods/avts.hpp>
#include <nacre/optim/adamw.hpp>
#include <nacre/pretext/sound_views.hpp>
#include <nacre/train/trainer.hpp>
#if __has_include(<libavformat/avformat.h>)
#include <nacre/data/ffmpeg.hpp>
#endif
#include <cstdio>
#include <cstdlib>

namespace nc = nacre;
using nc::i64, nc::Var;
using Film = std::pair<nc::data::Video, nc::data::Sound>;
Film climber(i64 period) {  // 20 s, 10 pictures a second; period: pictures
  Film film{{nc::Tensor<nc::u8>::full({200, 32, 32, 3}, 40), "climber", 10}, {nc::Tensor<float>({320000}), 16000}};
  auto height = [=](i64 part, i64 whole) { return part % whole * 24 / whole; };
  for (i64 f = 0; f < 200; ++f)
    for (i64 at = 0; at < 64; ++at)
      film.first.frames[((f * 32 + 31 - height(f, period) - at / 8) * 32 + 12 + at % 8) * 3 + period / 40] = 220;
  for (i64 t = 0; t < 320000; ++t)
    film.second.samples[t] = std::sin(1e-3f * static_cast<float>(t * (40 + 10 * height(t, 1600 * period)) % 6283185));
  return film;
}

int main(int argc, char** argv) {
  const nc::Key key{.seed = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1};
  const i64 epochs = argc > 2 ? std::atoi(argv[2]) : 20, size = 32, frames = 96, half_a_second = 50;
  std::vector<Film> films{climber(70), climber(30)};
#if __has_include(<libavformat/avformat.h>)
  if (std::string at = "/usr/share/doc/opencv-doc/opencv4/html/"; nc::data::is_file(at + "box.mp4.gz"))
    for (std::size_t i = 0; i < 2; ++i) {
      std::string file = at + (i ? "cup.mp4.gz" : "box.mp4.gz");
      auto [samples, rate] = nc::data::decode_sound(file);
      films[i] = {nc::data::read_video(file, {.every = 3, .side = 48}), {samples, rate}};
    }
#endif
  std::vector<nc::data::Video> videos[2];  // the beginnings, the rest
  nc::data::Recordings sounds[2];
  for (const auto& [video, sound] : films) {
    i64 n = video.frames.dim(0), cut[] = {0, n * 7 / 10, n};
    auto sample = [&](i64 f) { return f * sound.samples.size() / n; };
    for (int part : {0, 1}) {
      i64 a = cut[part], b = cut[part + 1];
      videos[part].push_back({video.frames.rows(a, b), video.name, video.fps});
      append_video(sounds[part], {sound.samples.rows(sample(a), sample(b)), sound.rate}, b - a, video.fps, {});
    }
  }
  auto &train = sounds[0], &held = sounds[1];
  nc::data::measure(train, nc::data::LogMel{}.silence());
  held.mean = train.mean, held.std = train.std, held.silence = train.silence;
  auto pictures = nc::data::make_clips(videos[0]).frames, asked = nc::data::make_clips(videos[1]).frames;
  auto norm = nc::data::mean_std(pictures);
  const i64 n = asked.size();
  nc::methods::AvtsOptions options;
  options.encoder = {.width = 16, .stem = nc::models::Stem::cifar};
  options.sound_encoder = {.width = 16, .in_channels = 1};
  nc::methods::Avts<float> avts(options, key);
  struct Percent { double film = 0, moment = 0, any_film = 0, any_moment = 0; };
  auto ask = [&] {  // the nearest sound of each held-out picture
    std::vector<nc::data::Window> windows;
    for (i64 i = 0; i < n; ++i) windows.push_back(nc::data::around(held, i, frames));
    Var<float> seen = avts.embed_image(Var<float>(nc::data::evaluation_batch(asked, 0, n, size, norm)));
    Var<float> heard = avts.embed_sound(Var<float>(nc::data::sound_batch(held, windows, frames)));
    double one = 100. / static_cast<double>(n);
    Percent p;
    auto found = nc::eval::nearest(seen.value(), heard.value(), 1).index;
    for (i64 i = 0; i < n; ++i)
      for (i64 j = 0; j < n; ++j) {
        bool same = held.of_picture(i).begin == held.of_picture(j).begin;
        bool near = same && std::abs(held.at[i] - held.at[j]) <= half_a_second;
        if (j == found[i]) p.film += same * one, p.moment += near * one;
        p.any_film += same * one * one / 100, p.any_moment += near * one * one / 100;
      }
    return p;
  };
  Percent untrained = ask();
  auto views = nc::pretext::sound_views({.image = size, .frames = frames, .augment = nc::data::gentle(),
                                         .shift = half_a_second, .sounds = train});
  nc::Loader loader(pictures, views, {.batch = 32, .epochs = epochs, .normalization = norm}, key);
  nc::optim::AdamW<float> adam(avts);
  nc::train::Trainer trainer(avts, adam, {.lr = 1e-3, .steps = loader.steps()}, key);
  for (nc::Batch& batch : loader) trainer.step(batch);
  Percent p = ask();
  std::printf("seed %llu: right film %.1f %% (untrained %.1f, chance %.1f), ",
              static_cast<unsigned long long>(key.seed), p.film, untrained.film, p.any_film);
  std::printf("within half a second %.1f %% (untrained %.1f, chance %.1f)\n", p.moment, untrained.moment,
              p.any_moment);
}
