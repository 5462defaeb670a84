// methods/avts.hpp
#include <nacre/methods/avts.hpp>
#include <nacre/pretext/sound_views.hpp>

#include "check.hpp"

#include <set>

using namespace nacre;
using methods::Avts;
using methods::AvtsOptions;

namespace {

AvtsOptions small() {
  AvtsOptions o;
  o.encoder = o.sound_encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1};
  o.dim = 6;
  return o;
}
Batch noise(float progress = 0, i64 windows = 2) {
  Batch b;
  b.image = test::randn<float>({4, 8, 8, 1}, 1);
  b.sound = test::randn<float>({windows * 4, 10, 6, 1}, 2);
  b.clip = Tensor<i64>::of({4}, {5, 9, 5, 2});
  b.progress = progress;
  return b;
}
Loader loader() {
  data::Recordings r;
  for (i64 i = 0; i < 24; ++i) {  // four videos of six pictures
    if (i % 6 == 0) r.log_mel.push_back(test::randn<float>({80, 6}, static_cast<u64>(i)));
    r.of.push_back({i / 6, i / 6 + 1});
    r.at.push_back(10 + 10 * (i % 6));
  }
  data::measure(r, -7);
  return Loader(test::pictures(24, 8, 1),
                pretext::sound_views({.image = 8, .frames = 10, .shift = 20, .sounds = r}), {.batch = 6, .epochs = 2},
                Key{5});
}

}  // namespace

TEST_CASE("every gradient of the whole loss agrees with finite differences, and the check can fail") {
  AvtsOptions o = small();
  o.eta = 1.9;  // most negatives push
  o.hard_share = 0.5;
  Avts<double> avts(o, Key{3});
  for (float progress : {0.f, 0.9f}) {
    Batch batch = noise(progress);
    test::check_gradient(avts, [&](Tape& tape) { return avts.loss(tape, batch).loss; });
  }
  avts.options.negatives.hardest = 1;
  Batch batch = noise(0.9f);
  test::check_gradient(avts, [&](Tape& tape) { return avts.loss(tape, batch).loss; });
}

TEST_CASE("AVTS trains to the same bits at any thread count and across a stop") {
  AvtsOptions o = small();
  o.hard_from = 0.4;
  o.hard_share = 0.5;
  test::check_training([&] { return Avts<float>(o, Key{3}); }, loader);
}

TEST_CASE("the curriculum: other sources first, from hard_from on a share of the same source") {
  Avts<float> avts(small(), Key{3});
  Batch batch = noise();
  i64 hard = 0, all = 0;
  for (float progress : {0.f, 0.55f, 0.56f, 0.99f}) {
    batch.progress = progress;
    for (u64 k = 0; k < 1000; ++k) {
      Tensor<i64> n = avts.negatives(batch, Key{k});
      for (i64 i = 0; i < 4; ++i) {
        if (progress < 0.555f) REQUIRE(n[i] < 4);
        if (n[i] >= 4) CHECK(n[i] == 4 + i);  // its own video, shifted
        else CHECK(batch.clip[n[i]] != batch.clip[i]);
        if (progress > 0.555f) {
          hard += n[i] >= 4;
          ++all;
        }
      }
    }
  }
  CHECK(static_cast<double>(hard) / static_cast<double>(all) == doctest::Approx(0.25).epsilon(0.05));

  batch.clip = Tensor<i64>::of({4}, {1, 1, 1, 1});  // one source alone
  CHECK(avts.negatives(batch, Key{1})[2] == 6);
  avts.options.hard_share = 0;
  batch.sound = batch.sound.rows(0, 4);
  CHECK(avts.negatives(batch, Key{1})[2] == -1);
}

TEST_CASE("other sources' sounds are chosen by their cosines with the picture, and drawn from what is left") {
  Avts<double> avts(small(), Key{3});
  Batch batch = noise();
  auto cosines = Tensor<double>::of({4, 4}, {0.5, 0.4, 0.9, 0.1,   // of source 5; picture 2 is, too
                                             0.3, 0.2, 0.1, 0.6,   // of source 9
                                             0.7, -.1, 0.3, 0.2,   // of source 5
                                             0.0, 0.1, 0.2, 0.9}); // of source 2
  using Drawn = std::vector<std::set<i64>>;
  auto drawn = [&](losses::NegativeChoice choice) {
    avts.options.negatives = choice;
    Drawn all(4);
    for (u64 k = 0; k < 100; ++k) {
      Tensor<i64> n = avts.negatives(batch, Key{k}, cosines);
      for (i64 i = 0; i < 4; ++i) all[static_cast<std::size_t>(i)].insert(n[i]);
    }
    return all;
  };
  CHECK(drawn({}) == Drawn{{1, 3}, {0, 2, 3}, {1, 3}, {0, 1, 2}});
  CHECK(drawn({.hardest = 1}) == Drawn{{1}, {3}, {3}, {2}});
  CHECK(drawn({.semi_hard = 0.2}) == Drawn{{1}, {2}, {3}, {-1}});
  CHECK(drawn({.ring = 0.5}) == Drawn{{3}, {0, 2}, {1}, {0, 1}});
  CHECK(avts.expected_loss(4) == 0);

  // The loss: v and s as the encoders say, the nearest sound of another source as the negative.
  AvtsOptions o = small();
  o.eta = 1.9;
  o.hard_share = 0;
  Avts<double> plain(o, Key{3}), all(o, Key{3}), hardest(o, Key{3});
  all.options.negatives.hardest = 100;
  hardest.options.negatives.hardest = 1;
  batch = noise(0, 1);
  auto loss = [&](Avts<double>& m) {
    Tape tape(Mode::train, Key{4});
    return m.loss(tape, batch).loss.item();
  };
  CHECK(loss(all) == loss(plain));
  double expected = 0, attraction = 0;
  loss(hardest);
  auto [v, s] = hardest.newest();
  for (i64 i = 0; i < 4; ++i) {
    double own = 0, nearest = 4;
    for (i64 j = 0; j < 4; ++j) {
      double squared = 0;
      for (i64 d = 0; d < 6; ++d) squared += std::pow(v[i * 6 + d] - s[j * 6 + d], 2);
      if (j == i) own = squared;
      if (batch.clip[j] != batch.clip[i]) nearest = std::min(nearest, squared);
    }
    attraction += own;
    expected += (own + std::pow(std::max(0.0, 1.9 - std::sqrt(nearest)), 2)) / 8;
  }
  CHECK(loss(hardest) == doctest::Approx(expected).epsilon(1e-12));
  CHECK(loss(hardest) > loss(plain));
  hardest.options.negatives = {.semi_hard = 1e-9};  // leaves none: attraction alone
  CHECK(loss(hardest) == doctest::Approx(attraction / 4).epsilon(1e-12));
}

TEST_CASE("the loss is the margin form over the pairs") {
  AvtsOptions o = small();
  o.eta = 1.7;
  o.hard_share = 0.6;
  Avts<double> avts(o, Key{3});
  for (float progress : {0.f, 0.9f}) {
    Batch batch = noise(progress);
    Tape tape(Mode::train, Key{4}), same(Mode::train, Key{4});
    double loss = avts.loss(tape, batch).loss.item(), expected = 0;
    Tensor<i64> negative = avts.negatives(batch, same.next_key());
    i64 hard = 0;
    for (i64 n : negative.span()) hard += n >= 4;
    CHECK((hard > 0) == (progress > 0.5f));
    // What the encoder says of the rows that are used, in order: batch statistics depend on them.
    Tensor<float> used({4 + hard, 10, 6, 1});
    used.rows(0, 4).copy_from(batch.sound.rows(0, 4));
    i64 at[4], next = 4;
    for (i64 i = 0; i < 4; ++i) {
      at[i] = negative[i] < 4 ? negative[i] : next;
      if (negative[i] >= 4) used.rows(next, next + 1).copy_from(batch.sound.rows(4 + i, 5 + i)), ++next;
    }
    Tape plain;
    auto v = avts.embed_image(cast<double>(constant(plain, batch.image))).value();
    auto s = avts.embed_sound(cast<double>(constant(plain, used))).value();
    auto distance = [&](i64 i, i64 j) {
      double sum = 0;
      for (i64 d = 0; d < 6; ++d) sum += (v[i * 6 + d] - s[j * 6 + d]) * (v[i * 6 + d] - s[j * 6 + d]);
      return std::sqrt(sum);
    };
    for (i64 i = 0; i < 4; ++i) {
      double push = std::max(0.0, 1.7 - distance(i, at[i]));
      expected += (distance(i, i) * distance(i, i) + push * push) / 8;
    }
    CHECK(loss == doctest::Approx(expected).epsilon(1e-12));
    CHECK(test::difference(avts.newest().b, s.rows(0, 4)) < 1e-14);
  }
}

TEST_CASE("unrelated rows nearer than eta are pushed apart: without that, one point is the minimum") {
  Tape tape;
  Var<double> squared = variable(tape, Tensor<double>::of({2}, {0.04, 0.04}));
  auto relation = Tensor<losses::Relation>::of({2}, {losses::Relation::positive, losses::Relation::negative});
  backward(losses::contrastive_margin(squared, relation, AvtsOptions{}.eta));
  CHECK(squared.grad()[0] > 0);
  CHECK(squared.grad()[1] < 0);
}

TEST_CASE("an untrained loss lies near its expectation; wrong batches are told") {
  AvtsOptions o = small();
  o.dim = 64;
  double mean = 0;
  for (u64 seed = 0; seed < 8; ++seed) {
    Avts<float> avts(o, Key{seed});
    Tape tape;
    mean += avts.loss(tape, noise()).loss.item() / 8;
  }
  CHECK(mean == doctest::Approx(Avts<float>(o, Key{1}).expected_loss(4)).epsilon(0.2));
  Avts<float> avts(o, Key{3});
  Tape tape;
  Batch one = noise(0, 1), bad = noise();
  test::check_message([&] { avts.loss(tape, one); }, {"avts", "two windows", "hard_share 0"});
  bad.clip = {};
  test::check_message([&] { avts.loss(tape, bad); }, {"avts", "clip is [0]"});
  o.hard_share = 2;
  test::check_message([&] { Avts<float>(o, Key{1}); }, {"avts", "hard_share 2"});
  o = small();
  o.negatives.ring = 1;
  test::check_message([&] { Avts<float>(o, Key{1}); }, {"avts", "ring 1.0", "below 1"});
}
