// Video as the teacher: frames of one film near in time are related, frames far apart or of other films are not.
//
//   The films of opencv-doc (or sprites, see films.hpp). The first 70 % of each train, the rest is held out and cut
//   into scenes of 40 frames. Then each held-out frame looks for the nearest other one, its neighbours in time left
//   out: does it come from the same scene? Guessing, raw pixels and the untrained network stand beside the trained one.
//
//   libraries="-ltbb -lz -lavformat -lavcodec -lswscale -lavutil"
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/09_video.cpp $libraries -o video
//   ./video [SEED] [EPOCHS] [vince]
#include <nacre/data/loader.hpp>
#include <nacre/methods/video.hpp>
#include <nacre/optim/schedule.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/frame_pairs.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "films.hpp"

namespace nc = nacre;
using nc::i64;

const i64 size = 32, gap = 10;  // pixels; frames that a match must be away

template <class Method>
void train(Method& method, const nc::data::Clips& clips, const nc::data::Normalization& norm, i64 views, i64 epochs,
           nc::Key key) {
  // View 0 is a frame, the others are frames at most 2 before or after it; each cropped and coloured by itself.
  auto pairs = nc::pretext::frame_pairs(clips, {.sampler = {2, 10}, .image = size, .count = views});
  nc::Loader loader(clips.frames, pairs, {.batch = 64, .epochs = epochs, .normalization = norm}, key);
  nc::optim::Sgd<float> sgd(method, {.momentum = 0.9, .weight_decay = 5e-4});
  double sum = 0;
  for (nc::Batch& batch : loader) {
    nc::Tape tape(nc::Mode::train, key.fold(static_cast<nc::u64>(batch.step)));
    auto loss = method.loss(tape, batch).loss;  // batch.clip and batch.frame say who is related to whom
    nc::backward(loss);
    sgd.step(nc::optim::cosine(0.05, batch.step, loader.steps()));
    method.after_step(batch);                   // VINCE: the queue, the momentum encoder
    sum += loss.item();
    if ((batch.step + 1) % loader.steps_per_epoch()) continue;
    std::printf("epoch %lld: loss %.3f\n", static_cast<long long>(batch.epoch + 1),
                sum / static_cast<double>(loader.steps_per_epoch()));
    sum = 0;
  }
}

int main(int argc, char** argv) {
  const i64 epochs = argc > 2 ? std::atoi(argv[2]) : 6;
  const nc::Key key{.seed = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1};
  nc::data::Clips all = lesson::films(96), clips = nc::data::part(all, 0, 0.7);
  nc::data::Clips scenes = nc::data::cut_clips(nc::data::part(all, 0.7, 1), 40);
  auto norm = nc::data::mean_std(clips.frames);
  std::printf("%lld films, %lld frames to learn from\n", static_cast<long long>(clips.size()),
              static_cast<long long>(clips.frames.size()));

  // Group norm, not batch norm: frames of a film correlate, and the statistics of a batch would give them away.
  nc::models::ResNetOptions small{
      .depth = 18, .width = 8, .stem = nc::models::Stem::cifar, .norm = nc::nn::Norm::group};
  auto run = [&](auto method, i64 views) {
    auto features = [&](const auto& x) { return method.encoder.embed(x); };
    auto ask = [&](const auto& embed) { return lesson::ask(scenes, size, gap, norm, embed); };
    auto pixels = ask([](const auto& x) { return x; }), untrained = ask(features);
    train(method, clips, norm, views, epochs, key);
    auto trained = ask(features);
    std::printf("seed %llu: %.1f %% of %lld frames find their scene (untrained %.1f, pixels %.1f, chance %.1f)\n",
                static_cast<unsigned long long>(key.seed), trained.percent, static_cast<long long>(trained.queries),
                untrained.percent, pixels.percent, trained.chance);
  };
  if (argc > 3 && std::string(argv[3]) == "vince") run(nc::methods::Vince<float>({.encoder = small}, key), 4);
  else run(nc::methods::VideoContrast<float>({.encoder = small}, key), 2);
}
