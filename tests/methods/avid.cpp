// methods/avid.hpp
#include <nacre/methods/avid.hpp>
#include <nacre/pretext/sound_views.hpp>

#include "check.hpp"

using namespace nacre;
using losses::NceForm;
using methods::Avid;
using methods::AvidOptions;

namespace {

AvidOptions small(NceForm form = NceForm::info_nce) {
  AvidOptions o;
  o.form = form;
  o.encoder = o.sound_encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1};
  o.dim = 6;
  o.negatives = 5;
  o.temperature = 0.3;
  return o;
}
Batch noise() {
  Batch b;
  b.image = test::randn<float>({3, 8, 8, 1}, 1);
  b.sound = test::randn<float>({3, 10, 6, 1}, 2);
  b.index = Tensor<i64>::of({3}, {4, 0, 7});
  return b;
}
data::Recordings recordings(i64 n) {
  data::Recordings r;
  for (i64 i = 0; i < n; ++i) {
    r.log_mel.push_back(test::randn<float>({14, 6}, static_cast<u64>(i)));
    r.of.push_back({i, i + 1});
  }
  data::measure(r, -7);
  return r;
}
Loader loader() {
  return Loader(test::pictures(24, 8, 1),
                pretext::sound_views({.image = 8, .frames = 10, .mask_frames = 2, .sounds = recordings(24)}),
                {.batch = 6, .epochs = 2}, Key{5});
}

}  // namespace

TEST_CASE("every gradient of the whole loss agrees with finite differences, and the check can fail") {
  for (NceForm form : {NceForm::info_nce, NceForm::nce_constant}) {
    AvidOptions o = small(form);
    o.mlp_head = form == NceForm::info_nce;
    Avid<double> avid(o, 9, Key{3});
    avid.z.value()[0] = 2;
    Batch batch = noise();
    test::check_gradient(avid, [&](Tape& tape) { return avid.loss(tape, batch).loss; });
  }
  Avid<double> hard(small(), 9, Key{3});
  hard.options.contrast.negatives.hardest = 2;
  Batch batch = noise();
  test::check_gradient(hard, [&](Tape& tape) { return hard.loss(tape, batch).loss; });
}

TEST_CASE("negatives can be chosen and weighed; a choice of all is the plain loss") {
  Avid<double> avid(small(), 9, Key{3});
  auto loss = [&] {
    Tape tape(Mode::train, Key{4});
    return avid.loss(tape, noise()).loss.item();
  };
  double plain = loss();
  avid.options.contrast.negatives.hardest = 100;  // more than there are
  CHECK(loss() == doctest::Approx(plain).epsilon(1e-12));
  avid.options.contrast.negatives.hardest = 2;
  CHECK(loss() < plain);
  CHECK(avid.expected_loss(3) == 0);
  avid.options.contrast = {.beta = 1, .tau_plus = 0.05};
  CHECK(loss() != doctest::Approx(plain).epsilon(1e-3));
  avid.options.form = NceForm::nce_constant;
  test::check_message(loss, {"choice of negatives", "info_nce"});
}

TEST_CASE("AVID trains to the same bits at any thread count and across a stop") {
  for (NceForm form : {NceForm::info_nce, NceForm::nce_constant})
    test::check_training([&] { return Avid<float>(small(form), 24, Key{3}); }, loader);
}

TEST_CASE("each modality is scored against the other's bank, and writes its own after the step") {
  Avid<double> avid(small(), 9, Key{3});
  Batch batch = noise();
  Tensor<double> seen = avid.bank.rows().clone(), heard = avid.sound_bank.rows().clone();
  CHECK(!test::same_bits(seen, heard));
  Tape tape(Mode::train, Key{1}), same(Mode::train, Key{1});
  auto t = avid.loss(tape, batch);
  Tensor<i64> negatives = draw_negatives(batch.index, 9, {.count = 5}, same.next_key());
  Var<double> v(avid.newest().a), s(avid.newest().b);
  double z = 0;
  auto expected = losses::cross_nce(v, s, seen, heard, batch.index, negatives, avid.options, z);
  CHECK(t.loss.item() == expected.loss.item());
  CHECK(t.a.item() == expected.a.item());
  CHECK(test::same_bits(avid.bank.rows(), seen));
  avid.after_step(batch);
  MemoryBank<double> by_hand(9, 6, Key{3}, 0.5);
  by_hand.assign(Tensor<i64>::of({9}, {0, 1, 2, 3, 4, 5, 6, 7, 8}), seen);
  by_hand.update(batch.index, avid.newest().a);
  CHECK(test::difference(avid.bank.rows(), by_hand.rows()) < 1e-15);
  CHECK(!test::same_bits(avid.sound_bank.rows(), heard));
}

TEST_CASE("a sample is never its own negative") {
  AvidOptions o = small();
  o.negatives = 1;
  Avid<double> avid(o, 2, Key{3});
  Batch batch = noise();
  batch.index = Tensor<i64>::of({3}, {0, 1, 0});
  for (u64 k = 0; k < 30; ++k) {
    Tape tape(Mode::train, Key{k}, Record::no);
    double a = avid.loss(tape, batch).a.item(), expected = 0;
    for (i64 b = 0; b < 3; ++b) {  // the only negative is the other row
      double s[2] = {};
      for (i64 r = 0; r < 2; ++r)
        for (i64 d = 0; d < 6; ++d) s[r] += avid.newest().a[b * 6 + d] * avid.sound_bank.rows()[r * 6 + d] / 0.3;
      expected += std::log1p(std::exp(s[1 - batch.index[b]] - s[batch.index[b]])) / 3;
    }
    CHECK(a == doctest::Approx(expected).epsilon(1e-12));
  }
}

TEST_CASE("near the constant solution the loss pushes apart; attraction alone would not") {
  i64 n = 8, d = 6;
  auto nearly_constant = [&](u64 seed) {
    Tensor<double> x = test::randn({n, d}, seed);
    for (i64 i = 0; i < n; ++i)
      for (i64 j = 0; j < d; ++j) x[i * d + j] = (j == 0) + 0.01 * x[i * d + j];
    return x;
  };
  auto spread = [&](const Tensor<double>& x) {
    Tensor<double> u = l2_normalize(Var<double>(x)).value();
    double mean[6] = {}, sum = 0;
    for (i64 i = 0; i < n * d; ++i) mean[i % d] += u[i] / static_cast<double>(n);
    for (i64 i = 0; i < n * d; ++i) sum += (u[i] - mean[i % d]) * (u[i] - mean[i % d]);
    return sum;
  };
  Tensor<i64> own({n}), negatives({n, n - 1});
  for (i64 i = 0; i < n; ++i) {
    own[i] = i;
    for (i64 k = 0; k < n - 1; ++k) negatives[i * (n - 1) + k] = (i + 1 + k) % n;
  }
  Tensor<double> a = nearly_constant(1), bank = l2_normalize(Var<double>(a)).value();  // where everything agrees
  for (bool repel : {true, false}) {
    Tape tape;
    Var<double> x = variable(tape, a.clone()), u = l2_normalize(x);
    double z = 0;
    Tensor<i64> elsewhere = repel ? negatives : own.reshape({n, 1});  // an own row as negative pushes nothing away
    auto t = losses::cross_nce(u, u, bank, bank, own, elsewhere, {.form = NceForm::info_nce}, z);
    backward(t.loss);
    Tensor<double> moved = a.clone(), g = x.grad();
    for (i64 i = 0; i < n * d; ++i) moved[i] -= 0.1 * g[i];
    if (repel) CHECK(spread(moved) > 1.2 * spread(a));
    else CHECK(spread(moved) == doctest::Approx(spread(a)));
  }
}

TEST_CASE("the loss of random banks starts where it is said to, and encoded banks start at the encoder") {
  AvidOptions o = small();
  o.temperature = 0.2;
  o.dim = 32;
  o.negatives = 999;
  Avid<float> avid(o, 1000, Key{3});
  Batch batch;
  batch.image = test::randn<float>({32, 8, 8, 1}, 1);
  batch.sound = test::randn<float>({32, 10, 6, 1}, 2);
  batch.index = Tensor<i64>({32});
  for (i64 i = 0; i < 32; ++i) batch.index[i] = 31 * i;
  for (NceForm form : {NceForm::info_nce, NceForm::nce_constant}) {
    avid.options.form = form;
    Tape tape(Mode::train, Key{2}, Record::no);
    CHECK(avid.loss(tape, batch).loss.item() == doctest::Approx(avid.expected_loss(32)).epsilon(0.05));
  }
  auto image = [&](i64 begin, i64 end) { return test::randn<float>({end - begin, 8, 8, 1}, static_cast<u64>(begin)); };
  auto sound = [&](i64 begin, i64 end) { return test::randn<float>({end - begin, 9, 6, 1}, static_cast<u64>(begin)); };
  std::string states = test::bits(avid.encoder);
  methods::encode_banks(avid, image, sound, 300);
  CHECK(test::bits(avid.encoder) == states);
  Tape tape(Mode::train, {}, Record::no);
  auto last = avid.embed_sound(constant(tape, sound(900, 1000))).value();
  auto first = avid.embed_image(constant(tape, image(0, 300))).value();
  CHECK(test::difference(avid.bank.rows().rows(0, 300), first) < 1e-5);
  CHECK(avid.sound_bank.rows().rows(600, 1000).size() == 4 * last.size());
}

TEST_CASE("wrong batches") {
  Avid<float> avid(small(), 9, Key{3});
  Batch batch = noise();
  batch.sound = {};
  Tape tape;
  test::check_message([&] { avid.loss(tape, batch); }, {"avid", "sound is [0]", "image is [3, 8, 8, 1]"});
}
