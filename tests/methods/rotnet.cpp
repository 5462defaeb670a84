#include <nacre/methods/rotnet.hpp>

#include "check.hpp"

#include <nacre/pretext/rotation.hpp>

using namespace nacre;
using methods::RotNet, methods::RotNetOptions;

namespace {

RotNetOptions small() {
  return {.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1}};
}
Batch batch() {
  Batch b;
  b.image = test::randn<float>({8, 6, 6, 1}, 2);
  b.turn = Tensor<i64>::of({8}, {0, 0, 1, 1, 2, 2, 3, 3});
  return b;
}
static_assert(methods::Method<RotNet<float>>);

}  // namespace

TEST_CASE("every gradient of RotNet's loss agrees with finite differences, and the check can fail") {
  RotNet<double> rotnet(small(), Key{3});
  Batch b = batch();
  test::check_gradient(rotnet, [&](Tape& tape) { return rotnet.loss(tape, b).loss; });
}

TEST_CASE("RotNet's loss is the cross entropy of the turns, in float as in double") {
  RotNet<double> rotnet(small(), Key{3});
  RotNet<float> single(small(), Key{3});
  Batch b = batch();
  Tape tape, other, third;
  Var<double> features = rotnet.encoder(constant(tape, test::converted<double>(b.image)));
  double expected = cross_entropy(rotnet.head(features), b.turn).item();
  CHECK(rotnet.loss(other, b).loss.item() == expected);
  CHECK(single.loss(third, b).loss.item() == doctest::Approx(expected).epsilon(1e-4));
  CHECK(rotnet.newest().a.shape() == Shape{8, 16});
  CHECK(rotnet.newest().b.empty());
}

TEST_CASE("an untrained RotNet starts near log 4: the excess is the head's random scores") {
  double sum = 0;
  Batch b = batch();
  RotNet<float> rotnet(small(), Key{});
  CHECK(rotnet.expected_loss(8) == doctest::Approx(std::log(4.0)));
  for (u64 seed = 0; seed < 20; ++seed) {
    rotnet = RotNet<float>(small(), Key{seed});
    Tape tape(Mode::train, {}, Record::no);
    sum += rotnet.loss(tape, b).loss.item() / 20;
  }
  CHECK(sum > std::log(4.0) - 0.05);
  CHECK(sum < std::log(4.0) + 0.35);  // scores of variance mean f^2 / 3; mean f^2 is near 2
  rotnet.head.weight.value().fill(0);
  rotnet.head.bias.value().fill(0);
  Tape tape(Mode::train, {}, Record::no);
  CHECK(rotnet.loss(tape, b).loss.item() == doctest::Approx(std::log(4.0)));
}

TEST_CASE("a run of RotNet repeats: after a stop, with other threads") {
  auto views = pretext::rotation_views({.image = 8});
  data::Images images = test::pictures(16, 12, 1);
  test::check_training([] { return RotNet<float>(small(), Key{1}); },
                       [&] { return Loader(images, views, {.batch = 4, .epochs = 2}, Key{5}); });
}

TEST_CASE("RotNet learns which way is up, and cannot where pictures have no up") {
  auto learnt = [](bool up) {
    Tensor<u8> pixels({64, 12, 12, 1});
    Random random(Key{4});
    for (i64 i = 0; i < pixels.size(); ++i)  // light from above
      pixels[i] = static_cast<u8>((up ? (11 - i / 12 % 12) * 15 : 100) + random.below(80));
    RotNetOptions o = small();
    RotNet<float> rotnet(o, Key{2});
    optim::Sgd<float> sgd(rotnet, {.momentum = 0.9});
    Loader loader(data::make_images(pixels), pretext::rotation_views({.image = 12}), {.batch = 16, .epochs = 15},
                  Key{5});
    train::Trainer trainer(rotnet, sgd, {.lr = 0.05, .steps = loader.steps()}, Key{7});
    double last = 0;
    for (Batch& b : loader) last = trainer.step(b);
    return last;
  };
  CHECK(learnt(true) < 0.3 * std::log(4.0));
  CHECK(learnt(false) > 0.9 * std::log(4.0));  // no trace of the turning itself: no border, no filter
}

TEST_CASE("a batch without turns is refused with the rule") {
  RotNet<float> rotnet(small(), Key{3});
  Batch b = batch();
  b.turn = {};
  Tape tape;
  test::check_message([&] { rotnet.loss(tape, b); }, {"rotnet", "[8, 6, 6, 1]", "turn is [0]", "rotation_views"});
}
