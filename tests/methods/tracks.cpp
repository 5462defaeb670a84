// methods/tracks.hpp: the hinge by hand in both halves of a run, gradient, guards, and a run that repeats.
#include <nacre/methods/tracks.hpp>
#include <nacre/pretext/two_views.hpp>

#include "check.hpp"

using namespace nacre;
using methods::Tracks;
using methods::TracksOptions;

namespace {

TracksOptions small() {
  return {.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1, .norm = nn::Norm::group},
          .dim = 6,
          .negatives = 2,
          .random_share = 0.5};
}

// Four samples of two views; the first two are of one track.
Batch patches(float progress) {
  Batch b;
  b.image = test::randn<float>({8, 8, 8, 1}, 1);
  b.clip = Tensor<i64>::of({8}, {0, 0, 1, 2, 0, 0, 1, 2});
  b.progress = progress;
  return b;
}

// A set of noise whose track is the picture's number, by views that say so.
struct NoiseTracks {
  pretext::Views views = pretext::two_views({.image = 8});
  void prepare(Batch& b, i64 batch, i64 channels) const {
    views.prepare(b, batch, channels);
    data::reuse(b.clip, {2 * batch});
  }
  void fill(Batch& b, i64 row, const data::Picture& p, const data::Normalization& n, Key key) const {
    views.fill(b, row, p, n, key);
    b.clip[row] = b.clip[b.clip.size() / 2 + row] = b.index[row];
  }
};

double cosine(const Tracks<double>& tracks, i64 i, i64 j) {
  auto [a, b] = tracks.newest();
  auto row = [&, a = a, b = b](i64 r) { return r < 4 ? a.data() + r * 6 : b.data() + (r - 4) * 6; };
  double s = 0;
  for (i64 k = 0; k < 6; ++k) s += row(i)[k] * row(j)[k];
  return s;
}

}  // namespace

TEST_CASE("every gradient of the whole loss agrees with finite differences in both halves, and the check can fail") {
  for (float progress : {0.f, 0.9f}) {
    Tracks<double> tracks(small(), Key{3});
    Batch batch = patches(progress);
    test::check_gradient(tracks, [&](Tape& tape) { return tracks.loss(tape, batch).loss; });
  }
}

TEST_CASE("in the second half each row is pushed from its hardest, by the margin") {
  Tracks<double> tracks(small(), Key{3});
  Batch batch = patches(0.5f);
  Tape tape;
  double loss = tracks.loss(tape, batch).loss.item(), sum = 0;
  int count = 0;
  for (i64 i = 0; i < 8; ++i) {
    std::vector<double> negatives;
    for (i64 j = 0; j < 8; ++j)
      if (batch.clip[j] != batch.clip[i]) negatives.push_back(cosine(tracks, i, j));
    std::sort(negatives.rbegin(), negatives.rend());
    for (i64 p = 0; p < 8; ++p) {
      if (p == i || batch.clip[p] != batch.clip[i]) continue;
      for (int k = 0; k < 2; ++k) sum += std::max(0., negatives[std::size_t(k)] - cosine(tracks, i, p) + 0.5) / 2;
      ++count;
    }
  }
  CHECK(loss == doctest::Approx(sum / count).epsilon(1e-12));
}

TEST_CASE("guard: in the first half negatives are drawn at random, by the tape's key, and are softer") {
  Tracks<double> tracks(small(), Key{3});
  auto loss = [&](float progress, u64 key) {
    Tape tape(Mode::train, Key{key});
    return tracks.loss(tape, patches(progress)).loss.item();
  };
  CHECK(loss(0, 1) == loss(0.49f, 1));
  CHECK(loss(0, 1) != loss(0, 2));
  CHECK(loss(0.5f, 1) == loss(0.9f, 2));
  for (u64 key = 0; key < 20; ++key) CHECK(loss(0, key) <= loss(0.5f, key) + 1e-12);
}

TEST_CASE("guard: an embedding does not tell which patches it shared the batch with") {
  auto alone_differs = [](nn::Norm norm) {
    TracksOptions o = small();
    o.encoder.norm = norm;
    Tracks<float> tracks(o, Key{3});
    Tensor<float> image = patches(0).image;
    Tape tape(Mode::train, Key{1}, Record::no);
    Tensor<float> all = tracks.embed_image(constant(tape, image)).value();
    return test::difference(all.rows(0, 2), tracks.embed_image(constant(tape, image.rows(0, 2))).value()) > 1e-5;
  };
  CHECK_FALSE(alone_differs(TracksOptions{}.encoder.norm));
  CHECK(alone_differs(nn::Norm::batch));
}

TEST_CASE("tracks train to the same bits at any thread count and across a stop") {
  auto loader = [] {
    return Loader(test::pictures(24, 8, 1), NoiseTracks{}, {.batch = 6, .epochs = 2}, Key{5});
  };
  double first = test::check_training([] { return Tracks<float>(small(), Key{3}); }, loader);
  CHECK(std::abs(first - small().margin) < 0.15);
}

TEST_CASE("what cannot be is refused") {
  Tracks<float> tracks(small(), Key{3});
  Batch b = patches(0);
  b.clip = {};
  Tape tape;
  test::check_message([&] { tracks.loss(tape, b); }, {"tracks", "[8, 8, 8, 1]", "clip [0]"});
  TracksOptions none = small();
  none.negatives = 0;
  test::check_message([&] { Tracks<float>(none, Key{}); }, {"negatives 0"});
}
