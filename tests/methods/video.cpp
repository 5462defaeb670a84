// methods/video.hpp: both forms' losses by hand, gradients, guards, and runs that repeat.
#include <nacre/methods/video.hpp>
#include <nacre/pretext/frame_pairs.hpp>

#include "check.hpp"

using namespace nacre;
using losses::Relation;
using methods::VideoContrast;
using methods::VideoContrastOptions;
using methods::Vince;
using methods::VinceOptions;

namespace {

const models::ResNetOptions tiny{
    .depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1, .norm = nn::Norm::group};

VideoContrastOptions small() { return {.encoder = tiny, .dim = 6}; }
VinceOptions small_vince() { return {.encoder = tiny, .dim = 6, .queue = 10}; }

Tensor<i64> ids(std::vector<i64> v) { return Tensor<i64>::of({static_cast<i64>(v.size())}, v); }

// Three samples of two views: frames 5 and 6, 8 and 7 of clip 0, 30 and 31 of clip 1.
Batch frames() {
  Batch b;
  b.image = test::randn<float>({6, 8, 8, 1}, 1);
  b.index = ids({5, 8, 50});
  b.clip = ids({0, 0, 1, 0, 0, 1});
  b.frame = ids({5, 8, 30, 6, 7, 31});
  return b;
}

// Mean over rows with a positive of the mean over positives of log(1 + sum of negatives / positive).
double by_hand(const Tensor<double>& a, const Tensor<double>& b, const losses::Relations& relation, double t) {
  i64 cols = b.dim(0), d = a.dim(1);
  double sum = 0, rows = 0;
  for (i64 i = 0; i < a.dim(0); ++i) {
    std::vector<double> positives;
    double negatives = 0;
    for (i64 j = 0; j < cols; ++j) {
      double s = 0;
      for (i64 k = 0; k < d; ++k) s += a[i * d + k] * b[j * d + k];
      if (relation[i * cols + j] == Relation::positive) positives.push_back(std::exp(s / t));
      if (relation[i * cols + j] == Relation::negative) negatives += std::exp(s / t);
    }
    double mean = 0;
    for (double p : positives) mean += std::log(1 + negatives / p) / static_cast<double>(positives.size());
    sum += mean;
    rows += positives.empty() ? 0 : 1;
  }
  return sum / rows;
}
Tensor<double> stacked(const Tensor<double>& a, const Tensor<double>& b) {
  Tensor<double> all({a.dim(0) + b.dim(0), a.dim(1)});
  std::copy_n(a.data(), a.size(), all.data());
  std::copy_n(b.data(), b.size(), all.data() + a.size());
  return all;
}

Loader loader(i64 views) {
  std::vector<data::Video> videos;
  for (i64 c = 0; c < 3; ++c) {
    data::Video v{Tensor<u8>({12, 8, 8, 1}), "noise", 10};
    Random random(Key{static_cast<u64>(c)});
    for (u8& x : v.frames.span()) x = static_cast<u8>(random.word());
    videos.push_back(v);
  }
  data::Clips clips = data::make_clips(videos);
  auto pairs = pretext::frame_pairs(clips, {.sampler = {2, 6}, .image = 8, .count = views});
  return Loader(clips.frames, pairs, {.batch = 6, .epochs = 2}, Key{5});
}

}  // namespace

TEST_CASE("every gradient of both losses agrees with finite differences, and the check can fail") {
  VideoContrast<double> video(small(), Key{3});
  Vince<double> vince(small_vince(), Key{3});
  Batch batch = frames();
  test::check_gradient(video, [&](Tape& tape) { return video.loss(tape, batch).loss; });
  test::check_gradient(vince, [&](Tape& tape) { return vince.loss(tape, batch).loss; });
}

TEST_CASE("the batch's loss by hand: near frames attract, far ones and other clips repel, the rest does nothing") {
  VideoContrastOptions o = small();
  o.radii = {.positive = 1, .negative = 3};
  VideoContrast<double> video(o, Key{3});
  Tape tape;
  double loss = video.loss(tape, frames()).loss.item();
  auto [a, b] = video.newest();
  losses::Relations r({6, 6});
  const char* rows[] = {".--+.-", "-.-.+-", "--.--+", "+.-.+-", ".+-+.-", "--+--."};
  for (i64 i = 0; i < 36; ++i) {
    char c = rows[i / 6][i % 6];
    r[i] = c == '+' ? Relation::positive : c == '-' ? Relation::negative : Relation::ignored;
  }
  CHECK(loss == doctest::Approx(by_hand(stacked(a, b), stacked(a, b), r, 0.1)).epsilon(1e-12));
}

TEST_CASE("Vince's loss by hand, first with a random queue, then with one that knows its clips") {
  Vince<double> vince(small_vince(), Key{3});
  Batch batch = frames();
  for (int step = 0; step < 3; ++step) {
    Tape tape;
    double loss = vince.loss(tape, batch).loss.item();
    auto [q, k] = vince.newest();
    losses::Relations r({3, 13});
    for (i64 i = 0; i < 3; ++i)
      for (i64 j = 0; j < 13; ++j) {
        bool known = j >= 3 && j - 3 < 3 * step;  // keys 0, 1, 2 of each step so far
        bool same = (i == 2) == ((j < 3 ? j : (j - 3) % 3) == 2);
        r[i * 13 + j] = j < 3 ? (same ? Relation::positive : Relation::negative)
                              : (known && same ? Relation::ignored : Relation::negative);
      }
    CHECK(loss == doctest::Approx(by_hand(q, stacked(k, vince.queue.rows()), r, 0.07)).epsilon(1e-12));
    vince.after_step(batch);
  }
}

TEST_CASE("guard: keys of the query's own clip in the queue do not repel it") {
  Vince<float> vince(small_vince(), Key{3});
  Batch batch = frames();
  Tape tape;
  vince.loss(tape, batch);
  vince.after_step(batch);
  losses::Relations r = vince.relations(batch);
  REQUIRE(r.shape() == Shape{3, 13});
  int ignored = 0;
  for (i64 i = 0; i < r.size(); ++i) ignored += r[i] == Relation::ignored;
  CHECK(ignored == 5);  // two of clip 0 for two queries, one of clip 1 for one
}

TEST_CASE("guard: an embedding does not tell which frames it shared the batch with") {
  auto alone_differs = [](nn::Norm norm) {
    VideoContrastOptions o = small();
    o.encoder.norm = norm;
    VideoContrast<float> video(o, Key{3});
    Batch b = frames();
    Tape tape(Mode::train, Key{1}, Record::no);
    Tensor<float> all = video.embed_image(constant(tape, b.image)).value();
    Tensor<float> two = video.embed_image(constant(tape, b.image.rows(0, 2))).value();
    return test::difference(all.rows(0, 2), two) > 1e-5;
  };
  CHECK_FALSE(alone_differs(VideoContrastOptions{}.encoder.norm));
  CHECK_FALSE(alone_differs(VinceOptions{}.encoder.norm));
  CHECK(alone_differs(nn::Norm::batch));
}

TEST_CASE("the key encoder follows and is not trained") {
  Vince<double> vince(small_vince(), Key{3});
  Batch batch = frames();
  Tape tape;
  backward(vince.loss(tape, batch).loss);
  nn::for_each_parameter(vince, [](const std::string& name, const Parameter<double>& p) {
    bool key = name.starts_with("key_");
    CHECK_MESSAGE(p.trained() == !key, name);
    CHECK_MESSAGE(p.node()->has_grad == !key, name);
  });
  nn::for_each_parameter(vince.head, [](const std::string&, Parameter<double>& p) {
    for (double& x : p.value().span()) x += 1;
  });
  double before = 0, gap = 0;
  auto first = [](auto& head) {
    double x = 0;
    nn::for_each_parameter(head, [&](const std::string&, Parameter<double>& p) { x = p.value()[0]; });
    return x;
  };
  before = first(vince.key_head);
  gap = first(vince.head) - before;
  vince.after_step(batch);
  CHECK(first(vince.key_head) == doctest::Approx(before + (1 - vince.options.momentum) * gap));
}

TEST_CASE("both forms train to the same bits at any thread count and across a stop") {
  test::check_training([] { return VideoContrast<float>(small(), Key{3}); }, [] { return loader(2); });
  test::check_training([] { return Vince<float>(small_vince(), Key{3}); }, [] { return loader(4); });
}

TEST_CASE("an untrained encoder starts near the expected loss") {
  for (u64 seed = 0; seed < 5; ++seed) {
    VideoContrastOptions o = small();
    o.encoder.width = 8;
    Batch b;
    b.image = test::randn<float>({64, 8, 8, 1}, seed);
    b.index = Tensor<i64>({32});
    b.clip = Tensor<i64>({64});
    b.frame = Tensor<i64>({64});
    for (i64 i = 0; i < 64; ++i) {
      b.clip[i] = i % 32;
      b.frame[i] = i / 32;
    }
    VideoContrast<float> video(o, Key{seed});
    Tape tape;
    double loss = video.loss(tape, b).loss.item();
    CHECK(std::abs(loss - video.expected_loss(32)) < 0.5);
  }
}

TEST_CASE("of encoders that tell nothing apart the expected loss is the measured one, at any number of views") {
  for (i64 views : {2, 4})
    for (losses::Denominator d : {losses::Denominator::own, losses::Denominator::all}) {
      CAPTURE(views);
      auto samples = [&](i64 first) {  // five, each a clip of its own
        Batch b;
        b.image = test::randn<float>({5 * views, 8, 8, 1}, static_cast<u64>(first));
        b.index = ids({0, 1, 2, 3, 4});
        b.clip = Tensor<i64>({5 * views});
        b.frame = Tensor<i64>::zeros({5 * views});
        for (i64 i = 0; i < 5 * views; ++i) b.clip[i] = first + i % 5;
        return b;
      };
      auto constant_head = [](auto& head) {
        nn::for_each_parameter(head.out, [](const std::string& name, auto& p) { p.value().fill(name == "bias"); });
      };
      auto check = [&](auto method) {
        Tape tape;
        double loss = method.loss(tape, samples(0)).loss.item();
        CHECK(loss == doctest::Approx(method.expected_loss(5, views)).epsilon(1e-9));
        if (views == 2) CHECK(method.expected_loss(5, 2) == method.expected_loss(5));
        method.options.contrast.beta = 1;
        CHECK(method.expected_loss(5, views) == 0);
      };
      VideoContrast<double> video(small(), Key{3});
      video.options.contrast.denominator = d;
      constant_head(video.head);
      check(video);

      Vince<double> vince(small_vince(), Key{3});
      vince.options.contrast.denominator = d;
      constant_head(vince.head);
      vince.key_head = methods::momentum_copy(vince.head);
      for (i64 first : {100, 200}) {  // the queue is full of keys
        Tape tape;
        Batch b = samples(first);
        vince.loss(tape, b);
        vince.after_step(b);
      }
      check(vince);
    }
}

TEST_CASE("VINCE: untrained, with a queue of its own keys, it starts at the expected loss") {
  double mean = 0, expected = 0;
  for (u64 seed = 0; seed < 5; ++seed) {
    VinceOptions o = small_vince();
    o.encoder.width = 8;
    o.queue = 32;
    Vince<float> vince(o, Key{seed});
    for (u64 step = 0; step < 2; ++step) {
      Batch b;
      b.image = test::randn<float>({64, 8, 8, 1}, 2 * seed + step);
      b.clip = Tensor<i64>({64});
      b.frame = Tensor<i64>::zeros({64});
      for (i64 i = 0; i < 64; ++i) b.clip[i] = static_cast<i64>(step) * 32 + i % 32;
      Tape tape;
      double loss = vince.loss(tape, b).loss.item();
      mean += step == 1 ? loss / 5 : 0;
      vince.after_step(b);
    }
    expected = vince.expected_loss(32);
  }
  MESSAGE("measured " << mean << ", expected " << expected);
  CHECK(expected == doctest::Approx(std::log(64.)));
  CHECK(std::abs(mean - expected) < 0.3);
}

TEST_CASE("a batch without frames is refused with its shapes") {
  VideoContrast<float> video(small(), Key{3});
  Vince<float> vince(small_vince(), Key{3});
  Batch b = frames();
  b.clip = {};
  Tape tape;
  test::check_message([&] { video.loss(tape, b); }, {"video_contrast", "[6, 8, 8, 1]", "clip [0]"});
  test::check_message([&] { vince.loss(tape, b); }, {"vince", "[6, 8, 8, 1]", "clip [0]"});
}
