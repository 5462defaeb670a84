#include <nacre/methods/supcon.hpp>
#include <nacre/pretext/two_views.hpp>

#include "check.hpp"

using namespace nacre;
using methods::SupCon;

namespace {

methods::SupConOptions small() {
  methods::SupConOptions o;
  o.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1};
  o.dim = 6;
  return o;
}
Batch noise(std::initializer_list<i64> labels) {
  Batch batch;
  i64 n = static_cast<i64>(labels.size());
  batch.image = test::randn<float>({2 * n, 8, 8, 1}, 1);
  batch.label = Tensor<i64>::of({n}, labels);
  return batch;
}

}  // namespace

TEST_CASE("every gradient of the whole loss agrees with finite differences, and the check can fail") {
  SupCon<double> supcon(small(), Key{3});
  Batch batch = noise({0, 1, 0});
  test::check_gradient(supcon, [&](Tape& tape) { return supcon.loss(tape, batch).loss; });
}

TEST_CASE("supervised contrastive training has the same bits at any thread count and across a stop") {
  test::check_training([] { return SupCon<float>(small(), Key{3}); },
                       [] {
                         data::Images images = test::pictures(24, 8, 1);
                         images.labels = Tensor<i64>({24});
                         for (i64 i = 0; i < 24; ++i) images.labels[i] = i % 3;
                         return Loader(images, pretext::two_views({.image = 8}), {.batch = 6, .epochs = 2}, Key{5});
                       });
}

TEST_CASE("in chunks the gradient of the whole loss agrees with finite differences, too") {
  SupCon<double> supcon(small(), Key{3});
  supcon.options.chunk = 2;
  Batch batch = noise({0, 1, 0});
  test::check_gradient(supcon, [&](Tape& tape) { return supcon.loss(tape, batch).loss; });
}

TEST_CASE("with a class for each picture it is SimCLR; with one class the labels alone attract") {
  SupCon<double> supcon(small(), Key{3});
  methods::Simclr<double> simclr(small(), Key{3});
  Tape a, b, c;
  Batch apart = noise({0, 1, 2, 3}), together = noise({5, 5, 5, 5});
  double alone = supcon.loss(a, apart).loss.item();
  CHECK(alone == doctest::Approx(simclr.loss(b, apart).loss.item()).epsilon(1e-12));
  CHECK(supcon.loss(c, together).loss.item() > std::log(7.0) - 1e-9);  // at best all pictures are one point
}

TEST_CASE("pictures without labels are refused") {
  SupCon<float> supcon(small(), Key{3});
  Batch batch;
  batch.image = test::randn<float>({4, 8, 8, 1}, 1);
  Tape tape;
  test::check_message([&] { supcon.loss(tape, batch); }, {"supcon", "label is [0]", "labels [B]"});
}
