// Learning from real films, those of Debian's opencv-doc: held-out frames find their scene, walkers never seen find
// themselves.
#include <nacre/data/ffmpeg.hpp>
#include <nacre/data/file.hpp>
#include <nacre/data/loader.hpp>
#include <nacre/data/tracker.hpp>
#include <nacre/eval/retrieval.hpp>
#include <nacre/methods/tracks.hpp>
#include <nacre/methods/video.hpp>
#include <nacre/optim/schedule.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/tracks.hpp>

#include "../helpers.hpp"

using namespace nacre;

namespace {

const std::string root = "/usr/share/doc/opencv-doc/", walkers = root + "examples/data/vtest.avi";
const models::ResNetOptions small{
    .depth = 18, .width = 4, .stem = models::Stem::cifar, .norm = nn::Norm::group};
constexpr i64 size = 24, gap = 10;

bool missing() {
  if (data::is_file(walkers)) return false;
  MESSAGE("skipped: opencv-doc is not installed");
  return true;
}

// Trains; the retrieval of the held-out clips by the features of the untrained and of the trained encoder.
template <class M, class Views>
void check_learns(M method, const data::Clips& clips, const Views& views, const data::Clips& held_out, i64 epochs,
                  double margin) {
  auto normalization = data::mean_std(clips.frames);
  auto score = [&] {
    i64 n = held_out.frames.size();
    Tensor<i64> frame({n});
    for (i64 i = 0; i < n; ++i) frame[i] = i - held_out[held_out.clip_of(i)].begin;
    auto rows = method.encoder.embed(data::evaluation_batch(held_out.frames, 0, n, size, normalization));
    return eval::retrieval(rows, held_out.frames.labels, frame, gap);
  };
  eval::Retrieval before = score();
  Loader loader(clips.frames, views, {.batch = 64, .epochs = epochs, .normalization = normalization}, Key{1});
  optim::Sgd<float> sgd(method, {.momentum = 0.9, .weight_decay = 5e-4});
  for (Batch& batch : loader) {
    Tape tape(Mode::train, Key{1}.fold(static_cast<u64>(batch.step)));
    backward(method.loss(tape, batch).loss);
    sgd.step(optim::cosine(0.05, batch.step, loader.steps()));
    method.after_step(batch);
  }
  eval::Retrieval after = score();
  MESSAGE("chance " << after.chance << " %, untrained " << before.percent << " %, trained " << after.percent
                    << " %, of " << after.queries);
  CHECK(before.percent > after.chance);
  CHECK(after.percent > before.percent + margin);
}

}  // namespace

TEST_CASE("frames of five films find their scene, ten frames away") {
  if (missing()) return;
  std::vector<data::Video> videos;
  for (const char* name : {"examples/data/vtest.avi", "examples/data/tree.avi", "examples/data/Megamind.avi",
                           "opencv4/html/box.mp4.gz", "opencv4/html/cup.mp4.gz"})
    videos.push_back(data::read_video(root + name, {.side = 64}));
  data::Clips all = data::make_clips(videos), clips = data::part(all, 0, 0.7);
  data::Clips scenes = data::cut_clips(data::part(all, 0.7, 1), 40);
  check_learns(methods::VideoContrast<float>({.encoder = small}, Key{1}), clips,
               pretext::frame_pairs(clips, {.image = size}), scenes, 4, 8);
}

TEST_CASE("walkers that were never seen find themselves, ten frames away") {
  if (missing()) return;
  data::Clips film = data::make_clips({data::read_video(walkers, {.side = 384})});
  auto tracked = [&](double from, double to) {
    data::Clips run = data::part(film, from, to);
    return data::track_clips(run, data::track_objects(run, {.min_area = 100, .min_length = 2 * gap}), size);
  };
  data::Clips train = tracked(0, 0.7), test = tracked(0.7, 1);
  CHECK(train.size() > 20);
  check_learns(methods::Tracks<float>({.encoder = small}, Key{1}), train,
               pretext::track_views(train, {.image = size, .apart = gap, .augment = data::gentle()}), test, 8, 5);
}
