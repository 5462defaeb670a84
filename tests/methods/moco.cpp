// methods/moco.hpp, moco_v3.hpp and momentum.hpp.
#include <nacre/methods/moco.hpp>
#include <nacre/methods/moco_v3.hpp>
#include <nacre/nn/batchnorm.hpp>
#include <nacre/pretext/two_views.hpp>

#include "check.hpp"

using namespace nacre;
using methods::Moco;
using methods::MocoOptions;
using methods::MocoV3;

namespace {

models::ResNetOptions encoder() { return {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1}; }
MocoOptions small() {
  MocoOptions o;
  o.encoder = encoder();
  o.dim = 6;
  o.queue = 10;
  o.groups = 2;
  o.contrast.temperature = 0.3;
  return o;
}
methods::MocoV3Options small_v3() {
  methods::MocoV3Options o;
  o.encoder = encoder();
  o.hidden = 5;
  o.dim = 4;
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

// Batch norm and nothing else: an embedding that is all statistics.
struct Statistics {
  nn::BatchNorm<double> bn{2};
  Var<double> operator()(const Var<double>& x) const { return bn(x); }
  static void visit(auto& self, auto&& f) { f("bn", self.bn); }
};

}  // namespace

TEST_CASE("every gradient of the whole loss agrees with finite differences, and the check can fail") {
  Batch batch = noise(4);
  for (i64 groups : {1, 2}) {
    MocoOptions o = small();
    o.groups = groups;
    o.mlp_head = groups == 2;
    Moco<double> moco(o, Key{3});
    test::check_gradient(moco, [&](Tape& tape) { return moco.loss(tape, batch).loss; });
  }
  Moco<double> hard(small(), Key{3});
  hard.options.contrast.negatives.hardest = 4;
  test::check_gradient(hard, [&](Tape& tape) { return hard.loss(tape, batch).loss; });
  MocoV3<double> v3(small_v3(), Key{3});
  test::check_gradient(v3, [&](Tape& tape) { return v3.loss(tape, batch).loss; });
  v3.options.contrast.negatives.hardest = 2;
  test::check_gradient(v3, [&](Tape& tape) { return v3.loss(tape, batch).loss; });
}

TEST_CASE("MoCo trains to the same bits at any thread count and across a stop") {
  test::check_training([] { return Moco<float>(small(), Key{3}); }, loader);
  test::check_training([] { return MocoV3<float>(small_v3(), Key{3}); }, loader);
}

TEST_CASE("the optimizer takes in the query encoder alone; the copy follows it, and so does a copy of the copy") {
  Moco<float> moco(small(), Key{3}), copy = moco;
  optim::Sgd<float> sgd(copy);
  for (const auto& slot : sgd.store().slots()) CHECK(slot.name.find("key_") == std::string::npos);
  i64 trained = 0;
  for (const auto& slot : sgd.store().slots()) trained += slot.size;
  CHECK(trained == nn::parameter_count(copy.encoder) + nn::parameter_count(copy.head));

  for (float& w : copy.head.out.weight.value().span()) w += 1;
  float before = copy.key_head.out.weight.value()[3];
  Tape tape;
  copy.loss(tape, noise(4));
  CHECK(copy.key_head.out.weight.value()[3] == before);  // not before the optimizer's step
  copy.after_step({});
  CHECK(copy.key_head.out.weight.value()[3] == doctest::Approx(before + 0.01f));
}

TEST_CASE("a key enters the queue after the loss that it is the positive of") {
  Moco<float> moco(small(), Key{3});
  Tensor<float> before = moco.queue.rows().clone();
  Tape tape;
  moco.loss(tape, noise(4));
  CHECK(test::same_bits(moco.queue.rows(), before));
  moco.after_step({});
  CHECK(moco.queue.cursor() == 4);
  CHECK(test::same_bits(moco.queue.rows().rows(0, 4), moco.newest().b));
}

TEST_CASE("without a choice of negatives both ways to the loss agree") {
  Moco<double> moco(small(), Key{3});
  auto loss = [&] {
    Tape tape;
    return moco.loss(tape, noise(4)).loss.item();
  };
  double plain = loss();
  moco.options.contrast.negatives.hardest = 100;  // more than there are
  CHECK(loss() == doctest::Approx(plain).epsilon(1e-12));
  moco.options.contrast.negatives.hardest = 2;
  CHECK(loss() < plain);
}

TEST_CASE("v3: cross entropy among the other view's keys, unless negatives are chosen or weighed") {
  MocoV3<double> v3(small_v3(), Key{3});
  Batch batch = noise(4);
  auto loss = [&] {
    Tape tape(Mode::train, Key{4});
    return v3.loss(tape, batch).loss.item();
  };
  double plain = loss();
  Tape tape(Mode::train, Key{4});
  Var<double> images = cast<double>(constant(tape, batch.image)), q = v3.embed_image(images);
  auto as_key = [&](const Var<double>& x) { return v3.embed_key(x); };
  Tensor<double> k = methods::shuffled_in_groups(images.value(), 1, as_key, tape.next_key());
  auto find = [&](i64 view) {
    Var<double> to(k.rows(4 - 4 * view, 8 - 4 * view));
    Var<double> scores = matmul(slice(q, 0, 4 * view, 4 * view + 4), to, {.transpose_b = true});
    return cross_entropy(scores * (1 / v3.options.contrast.temperature), Tensor<i64>::of({4}, {0, 1, 2, 3}));
  };
  CHECK(plain == ((find(0) + find(1)) * (2 * v3.options.contrast.temperature)).item());

  v3.options.contrast.negatives.hardest = 100;  // more than there are
  CHECK(loss() == doctest::Approx(plain).epsilon(1e-12));
  v3.options.contrast.negatives.hardest = 1;
  CHECK(loss() < plain);
  CHECK(v3.expected_loss(4) == 0);
  v3.options.contrast = {.temperature = v3.options.contrast.temperature, .beta = 1, .tau_plus = 0.05};
  CHECK(loss() != doctest::Approx(plain).epsilon(1e-3));
}

TEST_CASE("mixed negatives come after their share of the run and make the loss harder") {
  MocoOptions o = small();
  o.mix_negatives = true;
  o.mochi = {.hardest = 4, .mixes = 5, .query_mixes = 3};
  o.mochi_from = 0.5;
  Moco<double> moco(o, Key{3}), without(small(), Key{3});
  Batch batch = noise(4);
  auto loss = [&](Moco<double>& m) {
    Tape tape;
    return m.loss(tape, batch).loss.item();
  };
  CHECK(loss(moco) == loss(without));
  batch.progress = 0.5f;
  CHECK(loss(moco) > loss(without) + 0.1);
  moco.options.mix_negatives = false;
  CHECK(loss(moco) == loss(without));
}

TEST_CASE("rows in groups are normalised by their group") {
  Tape tape;
  Statistics module;
  Tensor<double> x = test::randn({7, 2}, 1);
  Var<double> y = methods::in_groups(constant(tape, x), 2, module);
  CHECK(test::difference(y.value().rows(0, 3), module(constant(tape, x.rows(0, 3))).value()) < 1e-14);
  CHECK(test::difference(y.value().rows(3, 7), module(constant(tape, x.rows(3, 7))).value()) < 1e-14);
  test::check_message([&] { methods::in_groups(constant(tape, x), 4, module); },
                      {"in_groups", "7 rows in 4 groups", "two rows"});
}

TEST_CASE("shuffled batch norm: keys come back in their order, normalised with other rows than their queries") {
  Statistics module;
  Tensor<double> x = test::randn({64, 2}, 1);
  Tape tape;
  Tensor<double> q = methods::in_groups(constant(tape, x), 16, module).value();
  Tensor<double> k = methods::shuffled_in_groups(x, 16, module, Key{2});
  Tensor<double> again = methods::shuffled_in_groups(x, 16, module, Key{2});
  CHECK(test::same_bits(k, again));
  // Pictures that are all statistics: without the shuffle a key is its query, bit for bit, and the pair is given away.
  CHECK(test::same_bits(methods::in_groups(constant(tape, x), 16, module).value(), q));
  i64 same = 0;
  double together = 0;  // yet each key is of its own picture: one affine map of it
  for (i64 i = 0; i < 64; ++i) {
    same += k[2 * i] == q[2 * i];
    together += x[2 * i] * k[2 * i];
  }
  CHECK(same == 0);
  CHECK(together > 30);
}

TEST_CASE("a queue of the encoder's own keys makes the loss that of one that tells nothing apart") {
  MocoOptions o = small();
  o.encoder.width = 8;
  o.queue = 512;
  o.dim = 64;
  Moco<float> moco(o, Key{1});
  double loss = 0;
  for (int step = 0; step < 20; ++step) {
    Batch batch;
    batch.image = test::randn<float>({64, 8, 8, 1}, static_cast<u64>(step));
    Tape tape(Mode::train, Key{static_cast<u64>(step)});
    loss = moco.loss(tape, batch).loss.item();
    moco.queue.push(moco.newest().b);
  }
  CHECK(std::abs(loss - moco.expected_loss(32)) < 0.3);

  methods::MocoV3Options wide = small_v3();
  wide.hidden = wide.dim = 64;
  MocoV3<float> v3(wide, Key{1});
  Tape tape;
  CHECK(std::abs(v3.loss(tape, noise(32)).loss.item() - v3.expected_loss(32)) < 0.5);
}

TEST_CASE("the momentum of v3 rises to 1 along half a cosine") {
  MocoV3<float> v3(small_v3(), Key{1});
  CHECK(v3.momentum(0) == doctest::Approx(0.99));
  CHECK(v3.momentum(0.5) == doctest::Approx(0.995));
  CHECK(v3.momentum(1) == doctest::Approx(1));
}
