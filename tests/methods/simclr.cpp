#include <nacre/methods/simclr.hpp>
#include <nacre/pretext/two_views.hpp>

#include "check.hpp"

using namespace nacre;
using methods::Simclr;
using methods::SimclrOptions;

namespace {

SimclrOptions small() {
  SimclrOptions o;
  o.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1};
  o.dim = 6;
  return o;
}
Batch noise(i64 samples) {
  Batch batch;
  batch.image = test::randn<float>({2 * samples, 8, 8, 1}, 1);
  return batch;
}
Loader loader() {
  return Loader(test::pictures(24, 8, 1), pretext::two_views({.image = 8}), {.batch = 6, .epochs = 2}, Key{5});
}

}  // namespace

TEST_CASE("every gradient of the whole loss agrees with finite differences, and the check can fail") {
  Simclr<double> simclr(small(), Key{3});
  Batch batch = noise(3);
  test::check_gradient(simclr, [&](Tape& tape) { return simclr.loss(tape, batch).loss; });
  simclr.options.contrast = {.temperature = 0.5, .beta = 1, .tau_plus = 0.1};
  test::check_gradient(simclr, [&](Tape& tape) { return simclr.loss(tape, batch).loss; });
}

TEST_CASE("without a choice of negatives both ways to the loss agree") {
  Simclr<double> simclr(small(), Key{3});
  Batch batch = noise(5);
  auto loss = [&] {
    Tape tape;
    return simclr.loss(tape, batch).loss.item();
  };
  double plain = loss();
  simclr.options.contrast.negatives.hardest = 100;  // more than there are
  CHECK(loss() == doctest::Approx(plain).epsilon(1e-12));
  simclr.options.contrast.negatives.hardest = 2;
  CHECK(loss() < plain);
}

TEST_CASE("SimCLR trains to the same bits at any thread count and across a stop") {
  test::check_training([] { return Simclr<float>(small(), Key{3}); }, loader);
}

TEST_CASE("an untrained encoder starts near the loss of one that tells nothing apart") {
  for (u64 seed = 0; seed < 5; ++seed) {
    SimclrOptions o = small();
    o.encoder.width = 8;
    Simclr<float> simclr(o, Key{seed});
    Tape tape;
    double loss = simclr.loss(tape, noise(32)).loss.item();
    CHECK(std::abs(loss - simclr.expected_loss(32)) < 0.25);
  }
}

TEST_CASE("a row's positive is the other view of its sample and every other row a negative") {
  Simclr<double> simclr(small(), Key{3});
  Batch batch = noise(4);
  Tape tape;
  double loss = simclr.loss(tape, batch).loss.item(), expected = 0;
  auto [a, b] = simclr.newest();
  auto row = [&, a = a, b = b](i64 i) { return i < 4 ? a.data() + i * 6 : b.data() + (i - 4) * 6; };
  auto score = [&](i64 i, i64 j) {
    double s = 0;
    for (i64 d = 0; d < 6; ++d) s += row(i)[d] * row(j)[d];
    return std::exp(s / 0.5);
  };
  for (i64 i = 0; i < 8; ++i) {
    double others = 0;
    for (i64 j = 0; j < 8; ++j)
      if (j != i) others += score(i, j);
    expected -= std::log(score(i, (i + 4) % 8) / others) / 8;
  }
  CHECK(loss == doctest::Approx(expected).epsilon(1e-12));
}
