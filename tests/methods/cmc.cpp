#include <nacre/methods/cmc.hpp>
#include <nacre/pretext/two_views.hpp>

#include "check.hpp"

using namespace nacre;
using losses::NceForm;
using methods::Cmc;
using methods::CmcOptions;

namespace {

const data::Normalization colours{{0.5f, 0.4f, 0.3f}, {0.2f, 0.25f, 0.3f}};

CmcOptions small(NceForm form = NceForm::info_nce) {
  CmcOptions o;
  o.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar};
  o.dim = 6;
  o.negatives = 5;
  o.nce = {.form = form, .temperature = 0.3};
  return o;
}
Batch noise() {
  Batch b;
  b.image = test::randn<float>({3, 8, 8, 3}, 1);
  b.index = Tensor<i64>::of({3}, {4, 0, 7});
  return b;
}
Loader loader() {
  return Loader(test::pictures(24, 8, 3), pretext::one_view({.image = 8}),
                {.batch = 6, .epochs = 2, .normalization = colours}, Key{5});
}

}  // namespace

TEST_CASE("every gradient of the whole loss agrees with finite differences, and the check can fail") {
  for (NceForm form : {NceForm::info_nce, NceForm::nce_constant}) {
    Cmc<double> cmc(small(form), 9, colours, Key{3});
    cmc.z.value()[0] = 2;
    Batch batch = noise();
    test::check_gradient(cmc, [&](Tape& tape) { return cmc.loss(tape, batch).loss; });
  }
  Cmc<double> hard(small(), 9, colours, Key{3});
  hard.options.nce.contrast.negatives.hardest = 2;
  Batch batch = noise();
  test::check_gradient(hard, [&](Tape& tape) { return hard.loss(tape, batch).loss; });
}

TEST_CASE("negatives can be chosen and weighed; a choice of all is the plain loss") {
  Cmc<double> cmc(small(), 9, colours, Key{3});
  auto loss = [&] {
    Tape tape(Mode::train, Key{4});
    return cmc.loss(tape, noise()).loss.item();
  };
  double plain = loss();
  cmc.options.nce.contrast.negatives.hardest = 100;  // more than there are
  CHECK(loss() == doctest::Approx(plain).epsilon(1e-12));
  cmc.options.nce.contrast.negatives.hardest = 2;
  CHECK(loss() < plain);
  CHECK(cmc.expected_loss(3) == 0);
  cmc.options.nce.contrast = {.beta = 1, .tau_plus = 0.05};
  CHECK(loss() != doctest::Approx(plain).epsilon(1e-3));
  cmc.options.nce.form = NceForm::nce_constant;
  test::check_message(loss, {"choice of negatives", "info_nce"});
}

TEST_CASE("CMC trains to the same bits at any thread count and across a stop") {
  for (NceForm form : {NceForm::info_nce, NceForm::nce_constant})
    test::check_training([&] { return Cmc<float>(small(form), 24, colours, Key{3}); }, loader);
}

TEST_CASE("each view is scored against the other's bank without its own row, and writes its own after the step") {
  Cmc<double> cmc(small(), 9, colours, Key{3});
  Batch batch = noise();
  Tensor<double> light = cmc.bank_luma.rows().clone(), hue = cmc.bank_chroma.rows().clone();
  CHECK(!test::same_bits(light, hue));
  Tape tape(Mode::train, Key{1}), same(Mode::train, Key{1});
  double loss = cmc.loss(tape, batch).loss.item(), expected = 0, unused = 0;
  Tensor<i64> negatives = draw_negatives(batch.index, 9, {.count = 5}, same.next_key());
  Var<double> y(cmc.newest().a), c(cmc.newest().b);
  losses::CrossNceOptions plain{.form = NceForm::info_nce, .temperature = 0.3};
  CHECK(loss == losses::cross_nce(y, c, light, hue, batch.index, negatives, plain, unused).loss.item());
  auto term = [&](const Tensor<double>& z, const Tensor<double>& bank, i64 b) {
    auto score = [&](i64 row) {
      double s = 0;
      for (i64 d = 0; d < 6; ++d) s += z[b * 6 + d] * bank[row * 6 + d];
      return std::exp(s / 0.3);
    };
    double own = score(batch.index[b]), all = own;
    for (i64 k = 0; k < 5; ++k) {
      CHECK(negatives[b * 5 + k] != batch.index[b]);
      all += score(negatives[b * 5 + k]);
    }
    return -std::log(own / all);
  };
  for (i64 b = 0; b < 3; ++b) expected += (term(cmc.newest().a, hue, b) + term(cmc.newest().b, light, b)) / 6;
  CHECK(loss == doctest::Approx(expected).epsilon(1e-12));
  CHECK(test::same_bits(cmc.bank_luma.rows(), light));

  MemoryBank<double> by_hand = cmc.bank_luma, other = cmc.bank_chroma;
  by_hand.update(batch.index, cmc.newest().a);
  other.update(batch.index, cmc.newest().b);
  cmc.after_step(batch);
  CHECK(test::same_bits(cmc.bank_luma.rows(), by_hand.rows()));
  CHECK(test::same_bits(cmc.bank_chroma.rows(), other.rows()));
}

TEST_CASE("the lightness encoder hears nothing of the colours but through the bank") {
  Cmc<double> cmc(small(), 9, colours, Key{3});
  Batch batch = noise();
  Tape tape;
  backward(cmc.loss(tape, batch).a);  // lightness against the colours' bank
  nn::for_each_parameter(cmc.encoder.luma, [](const std::string&, auto& p) { CHECK(p.node()->has_grad); });
  nn::for_each_parameter(cmc.encoder.chroma, [](const std::string&, auto& p) { CHECK(!p.node()->has_grad); });
}

TEST_CASE("an untrained model starts near the expected loss") {
  double sum = 0, expected = 0;
  for (u64 seed = 0; seed < 5; ++seed) {
    CmcOptions o;
    o.encoder = small().encoder;
    o.negatives = 1000;
    Cmc<double> cmc(o, 1500, colours, Key{seed});
    Tape tape;
    sum += cmc.loss(tape, noise()).loss.item() / 5;
    expected = cmc.expected_loss(3);
  }
  CHECK(std::abs(sum - expected) < 0.5);
}

TEST_CASE("encode_banks fills both banks with the untrained encoders' rows and changes nothing else") {
  Cmc<double> cmc(small(), 9, colours, Key{3});
  std::string before = test::bits(cmc.encoder);
  Tensor<double> images = test::randn({9, 8, 8, 3}, 5);
  methods::encode_banks(cmc, [&](i64 begin, i64 end) { return images.rows(begin, end); }, 4);
  CHECK(test::bits(cmc.encoder) == before);
  Cmc<double> copy = cmc;
  for (auto [begin, end] : {std::pair<i64, i64>{0, 4}, {4, 9}}) {
    Tape tape;
    auto rows = copy.embed(constant(tape, images.rows(begin, end)));
    CHECK(test::difference(cmc.bank_luma.rows().rows(begin, end).clone(), rows.luma.value()) < 1e-14);
    CHECK(test::difference(cmc.bank_chroma.rows().rows(begin, end).clone(), rows.chroma.value()) < 1e-14);
  }
}
