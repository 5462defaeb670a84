// Tracked objects as teachers: two patches of one walker, seconds apart, are nearer than patches of two walkers.
//
//   A film by a camera that stands still (vtest.avi of opencv-doc, or sprites, see films.hpp) -> the median as
//   background -> what differs, linked from frame to frame -> one track a walker -> Wang & Gupta's hinge on cosines.
//   The first 70 % of the film train; the walkers of the rest were never seen. Each of their patches looks for the
//   nearest other one, at least 10 frames away if it is of its own track: is it the same walker? One who was hidden
//   for a while has two tracks, and finding the other counts as an error. Raw pixels are hard to beat: clothes stay.
//
//   libraries="-ltbb -lz -lavformat -lavcodec -lswscale -lavutil"
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/10_tracks.cpp $libraries -o tracks
//   ./tracks [SEED] [EPOCHS]
#include <nacre/data/loader.hpp>
#include <nacre/data/tracker.hpp>
#include <nacre/methods/tracks.hpp>
#include <nacre/optim/schedule.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/tracks.hpp>

#include <cstdio>
#include <cstdlib>

#include "films.hpp"

namespace nc = nacre;
using nc::i64;

const i64 size = 32, apart = 10;  // pixels of a patch; frames between the two of a pair

// The tracks of a film, each a clip of patches.
nc::data::Clips tracked(const nc::data::Clips& film) {
  auto tracks = nc::data::track_objects(film, {.min_area = 100, .min_length = 2 * apart});
  nc::data::Clips patches = nc::data::track_clips(film, tracks, size);
  std::printf("%lld frames: %lld tracks, %lld patches\n", static_cast<long long>(film.frames.size()),
              static_cast<long long>(patches.size()), static_cast<long long>(patches.frames.size()));
  return patches;
}

int main(int argc, char** argv) {
  const i64 epochs = argc > 2 ? std::atoi(argv[2]) : 24;
  const nc::Key key{.seed = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1};
  nc::data::Clips film = lesson::walkers(384);
  nc::data::Clips train = tracked(nc::data::part(film, 0, 0.7)), test = tracked(nc::data::part(film, 0.7, 1));
  auto norm = nc::data::mean_std(train.frames);

  nc::data::Augment augment = nc::data::gentle();  // clothes tell walkers apart, so colours change little
  augment.crop.area_min = 0.25f;
  auto views = nc::pretext::track_views(train, {.image = size, .apart = apart, .augment = augment});
  nc::Loader loader(train.frames, views, {.batch = 64, .epochs = epochs, .normalization = norm}, key);

  nc::methods::TracksOptions options;
  options.encoder = {.depth = 18, .width = 8, .stem = nc::models::Stem::cifar, .norm = nc::nn::Norm::group};
  // Whoever was hidden for a while has two tracks. The hardest negatives would be patches of the same walker.
  options.random_share = 1;
  options.negatives = 2 * 64;
  nc::methods::Tracks<float> method(options, key);
  auto features = [&](const auto& x) { return method.encoder.embed(x); };
  auto ask = [&](const auto& embed) { return lesson::ask(test, size, apart, norm, embed); };
  auto pixels = ask([](const auto& x) { return x; }), untrained = ask(features);

  nc::optim::Sgd<float> sgd(method, {.momentum = 0.9, .weight_decay = 5e-4});
  double sum = 0;
  for (nc::Batch& batch : loader) {
    nc::Tape tape(nc::Mode::train, key.fold(static_cast<nc::u64>(batch.step)));
    auto loss = method.loss(tape, batch).loss;
    nc::backward(loss);
    sgd.step(nc::optim::cosine(0.05, batch.step, loader.steps()));
    sum += loss.item();
    if ((batch.step + 1) % loader.steps_per_epoch()) continue;
    std::printf("epoch %lld: loss %.3f\n", static_cast<long long>(batch.epoch + 1),
                sum / static_cast<double>(loader.steps_per_epoch()));
    sum = 0;
  }
  auto trained = ask(features);
  std::printf("seed %llu: %.1f %% of %lld patches find their walker (untrained %.1f, pixels %.1f, chance %.1f)\n",
              static_cast<unsigned long long>(key.seed), trained.percent, static_cast<long long>(trained.queries),
              untrained.percent, pixels.percent, trained.chance);
}
