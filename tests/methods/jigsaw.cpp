#include <nacre/methods/jigsaw.hpp>

#include "check.hpp"

#include <nacre/pretext/jigsaw.hpp>

using namespace nacre;
using methods::Jigsaw, methods::JigsawOptions;

namespace {

JigsawOptions small(i64 permutations = 5) {
  return {.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1},
          .permutations = permutations,
          .hidden = 4};
}
Batch batch(i64 samples = 4, i64 permutations = 5) {
  Batch b;
  b.patches = test::randn<float>({samples, 9, 4, 4, 1}, 2);
  b.puzzle = Tensor<i64>({samples});
  for (i64 i = 0; i < samples; ++i) b.puzzle[i] = i * 3 % permutations;
  return b;
}
static_assert(methods::Method<Jigsaw<float>>);

}  // namespace

TEST_CASE("every gradient of the jigsaw loss agrees with finite differences, and the check can fail") {
  Jigsaw<double> jigsaw(small(), Key{3});
  Batch b = batch();
  test::check_gradient(jigsaw, [&](Tape& tape) { return jigsaw.loss(tape, b).loss; });
}

TEST_CASE("the jigsaw loss is the cross entropy of the head's scores, in float as in double") {
  Jigsaw<double> jigsaw(small(), Key{3});
  Jigsaw<float> single(small(), Key{3});
  Batch b = batch();
  Tape tape, other, third;
  Var<double> features = jigsaw.encoder(constant(tape, test::converted<double>(b.patches).reshape({36, 4, 4, 1})));
  double expected = cross_entropy(jigsaw.head(features), b.puzzle).item();
  CHECK(jigsaw.loss(other, b).loss.item() == expected);
  CHECK(single.loss(third, b).loss.item() == doctest::Approx(expected).epsilon(1e-4));
  auto newest = jigsaw.newest();
  CHECK(newest.a.shape() == Shape{36, 16});
  CHECK(newest.b.empty());
  for (i64 r = 0; r < 36; ++r) {
    double squares = 0, along = 0;
    for (i64 i = r * 16; i < (r + 1) * 16; ++i) {
      squares += newest.a[i] * newest.a[i];
      along += newest.a[i] * features.value()[i];
    }
    CHECK(squares == doctest::Approx(1));
    CHECK(along > 0);
  }
}

TEST_CASE("an untrained jigsaw starts near log |P|: the excess is the head's random scores") {
  double sum = 0;
  Batch b = batch(16, 50);
  Jigsaw<float> jigsaw(small(50), Key{});
  CHECK(jigsaw.expected_loss(16) == doctest::Approx(std::log(50.0)));
  for (u64 seed = 0; seed < 20; ++seed) {
    jigsaw = Jigsaw<float>(small(50), Key{seed});
    Tape tape(Mode::train, {}, Record::no);
    sum += jigsaw.loss(tape, b).loss.item() / 20;
  }
  CHECK(std::abs(sum - std::log(50.0)) < 0.15);
  jigsaw.head.out.weight.value().fill(0);
  jigsaw.head.out.bias.value().fill(0);
  Tape tape(Mode::train, {}, Record::no);
  CHECK(jigsaw.loss(tape, b).loss.item() == doctest::Approx(std::log(50.0)));
}

TEST_CASE("a run of jigsaw repeats: after a stop, with other threads") {
  JigsawOptions o = small();
  auto views = pretext::jigsaw_views({.image = 12, .permutations = methods::puzzle_set(o, Key{1})});
  data::Images images = test::pictures(16, 12, 1);
  test::check_training([&] { return Jigsaw<float>(o, Key{1}); },
                       [&] { return Loader(images, views, {.batch = 4, .epochs = 2}, Key{5}); });
}

TEST_CASE("the puzzle set is a function of options and key") {
  JigsawOptions o = small();
  Tensor<i64> set = methods::puzzle_set(o, Key{1});
  CHECK(set.shape() == Shape{5, 9});
  CHECK(test::same_bits(set, methods::puzzle_set(o, Key{1})));
  CHECK(!test::same_bits(set, methods::puzzle_set(o, Key{2})));
  o.permutations = 12;  // nine orders can differ everywhere; from the tenth on the two rules part
  Tensor<i64> far = methods::puzzle_set(o, Key{1});
  o.spread = pretext::Spread::max_avg;
  CHECK(!test::same_bits(far, methods::puzzle_set(o, Key{1})));
}

// Pictures of nine constant grey levels, one a cell, in random noise: the order of the patches can be read off.
TEST_CASE("jigsaw learns: it names the orders of pictures whose cells can be told apart") {
  Tensor<u8> pixels({64, 12, 12, 1});
  Random random(Key{4});
  for (i64 i = 0; i < pixels.size(); ++i) {
    i64 y = i / 12 % 12, x = i % 12;
    pixels[i] = static_cast<u8>(static_cast<u32>(y / 4 * 3 + x / 4) * 26 + random.below(20));
  }
  data::Images images = data::make_images(pixels);
  JigsawOptions o = small(4);
  o.encoder.width = 4;
  auto views = pretext::jigsaw_views({.image = 12,
                                      .augment = data::identity,
                                      .crop = data::identity.crop,
                                      .patch_color = data::identity.color,
                                      .permutations = methods::puzzle_set(o, Key{1})});
  Jigsaw<float> jigsaw(o, Key{2});
  optim::Sgd<float> sgd(jigsaw, {.momentum = 0.9});
  Loader loader(images, views, {.batch = 16, .epochs = 15}, Key{5});
  train::Trainer trainer(jigsaw, sgd, {.lr = 0.05, .steps = loader.steps()}, Key{7});
  double last = 0;
  for (Batch& b : loader) last = trainer.step(b);
  CHECK(last < 0.3 * jigsaw.expected_loss(16));
}

TEST_CASE("a batch without puzzles is refused with the rule") {
  Jigsaw<float> jigsaw(small(), Key{3});
  Batch b = batch();
  b.puzzle = {};
  Tape tape;
  test::check_message([&] { jigsaw.loss(tape, b); }, {"jigsaw", "[4, 9, 4, 4, 1]", "puzzle is [0]", "permutation set"});
  b = batch();
  b.patches = test::randn<float>({4, 8, 4, 4, 1});
  test::check_message([&] { jigsaw.loss(tape, b); }, {"jigsaw", "[4, 8, 4, 4, 1]", "[B, 9, P, P, C]"});
}
