#include <nacre/methods/supervised.hpp>
#include <nacre/pretext/two_views.hpp>

#include "check.hpp"

using namespace nacre;
using methods::Supervised;

namespace {

methods::SupervisedOptions small() {
  return {.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1}, .classes = 3};
}
data::Images labelled() {
  data::Images images = test::pictures(24, 8, 1);
  images.labels = Tensor<i64>({24});
  for (i64 i = 0; i < 24; ++i) images.labels[i] = i % 3;
  return images;
}
Loader loader() {
  return Loader(labelled(), pretext::one_view({.image = 8}), {.batch = 6, .epochs = 2}, Key{5});
}

}  // namespace

TEST_CASE("every gradient of the whole loss agrees with finite differences, and the check can fail") {
  Supervised<double> supervised(small(), Key{3});
  Batch batch;
  batch.image = test::randn<float>({4, 8, 8, 1}, 1);
  batch.index = Tensor<i64>::of({4}, {0, 1, 2, 3});
  batch.label = Tensor<i64>::of({4}, {0, 2, 1, 1});
  test::check_gradient(supervised, [&](Tape& tape) { return supervised.loss(tape, batch).loss; });
}

TEST_CASE("supervised training has the same bits at any thread count and across a stop") {
  double first = test::check_training([] { return Supervised<float>(small(), Key{3}); }, loader);
  CHECK(std::abs(first - Supervised<float>(small(), Key{3}).expected_loss(6)) < 0.7);
}

TEST_CASE("a loader hands on the labels of its set, and without them there is nothing to learn from") {
  data::Images images = labelled();
  Loader batches(images, pretext::one_view({.image = 8}), {.batch = 6}, Key{5});
  for (Batch& b : batches)
    for (i64 i = 0; i < 6; ++i) CHECK(b.label[i] == images.labels[b.index[i]]);

  Supervised<float> supervised(small(), Key{3});
  Batch batch;
  batch.image = test::randn<float>({4, 8, 8, 1}, 1);
  batch.index = Tensor<i64>::of({4}, {0, 1, 2, 3});
  Tape tape;
  test::check_message([&] { supervised.loss(tape, batch); }, {"supervised", "no labels"});
}
