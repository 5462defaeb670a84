#include <nacre/losses/nce.hpp>

#include "wave.hpp"

#include <nacre/autograd/gradcheck.hpp>
#include <nacre/bank/memory_bank.hpp>
#include <nacre/bank/negatives.hpp>
#include <nacre/losses/pirl.hpp>
#include <nacre/ops/normalize.hpp>

#include <doctest/doctest.h>

using namespace nacre;
using losses::NceForm;
using test::wave;

namespace {

constexpr NceForm forms[] = {NceForm::info_nce, NceForm::nce_paper, NceForm::nce_constant};

losses::NceOptions options(NceForm form, double temperature = 0.3) {
  return {.form = form, .temperature = temperature, .z = form == NceForm::nce_constant ? 40.0 : 0.0, .bank_rows = 16};
}

Tensor<double> scores(const Shape& shape, u64 seed) {
  Tensor<double> t(shape);
  Random random(Key{seed});
  for (double& x : t.span()) x = random.uniform(-1, 1);
  return t;
}

}  // namespace

TEST_CASE("each form of the contrastive term equals its textbook formula") {
  Tensor<double> p = scores({3}, 1), n = scores({3, 7}, 2);
  double t = 0.3, z = 40, eps = 1.1920928955078125e-07;
  for (NceForm form : forms) {
    double expected = 0;
    for (i64 b = 0; b < 3; ++b) {
      double sum = 0, e = std::exp(p[b] / t);
      for (i64 k = 0; k < 7; ++k) sum += std::exp(n[b * 7 + k] / t);
      if (form == NceForm::info_nce) expected += -std::log(e / (e + sum));
      if (form == NceForm::nce_paper) {
        expected += -std::log(e / (e + sum));
        for (i64 k = 0; k < 7; ++k)
          expected -= std::log(1 - std::exp(n[b * 7 + k] / t) / (std::exp(n[b * 7 + k] / t) + sum));
      }
      if (form == NceForm::nce_constant) {
        double c = 7.0 / 16;
        expected += -std::log(e / z / (e / z + c + eps));
        for (i64 k = 0; k < 7; ++k) expected += -std::log(c / (std::exp(n[b * 7 + k] / t) / z + c + eps));
      }
    }
    double loss = losses::nce(Var<double>(p), Var<double>(n), options(form, t)).item();
    CHECK(loss == doctest::Approx(expected / 3).epsilon(1e-12));
  }
}

TEST_CASE("gradients of the three forms are right, with and without masked columns, and the check can fail") {
  Tensor<i64> index = Tensor<i64>::of({7}, {4, 1, 9, 1, 0, 5, 6}), own = Tensor<i64>::of({3}, {1, 2, 6});
  for (NceForm form : forms)
    for (bool masked : {false, true}) {
      auto f = [&](const std::vector<Var<double>>& v) {
        return masked ? losses::nce(v[0], v[1], options(form), index, own) : losses::nce(v[0], v[1], options(form));
      };
      std::vector<Tensor<double>> inputs{scores({3}, 1), scores({3, 7}, 2)};
      GradReport report = gradcheck(f, inputs);
      CHECK_MESSAGE(report.ok(), report.str());
      CHECK(!gradcheck(f, inputs, {.break_step = 0}).ok(1e-3));
    }
}

TEST_CASE("a masked column changes neither the loss nor the gradient") {
  Tensor<double> p = scores({1}, 1), n = scores({1, 5}, 2), without({1, 4});
  for (i64 i = 0, j = 0; i < 5; ++i)
    if (i != 2) without[j++] = n[i];
  Tensor<i64> index = Tensor<i64>::of({5}, {3, 4, 8, 5, 6}), own = Tensor<i64>::of({1}, {8});
  for (NceForm form : {NceForm::info_nce, NceForm::nce_paper}) {
    double masked = losses::nce(Var<double>(p), Var<double>(n), options(form), index, own).item();
    CHECK(masked ==
          doctest::Approx(losses::nce(Var<double>(p), Var<double>(without), options(form)).item()).epsilon(1e-13));
    Tape tape;
    Var<double> v = variable(tape, n.clone());
    backward(losses::nce(constant(tape, p), v, options(form), index, own));
    CHECK(v.grad()[2] == 0);
  }
}

TEST_CASE("a sample whose every negative is itself costs nothing and pulls nowhere") {
  Tensor<i64> index = Tensor<i64>::of({2}, {8, 8}), own = Tensor<i64>::of({1}, {8});
  for (NceForm form : {NceForm::info_nce, NceForm::nce_paper}) {
    Tape tape;
    Var<double> p = variable(tape, scores({1}, 1)), n = variable(tape, scores({1, 2}, 2));
    Var<double> loss = losses::nce(p, n, options(form), index, own);
    CHECK(loss.item() == 0);
    backward(loss);
    CHECK(p.grad()[0] == 0);
    CHECK(n.grad()[0] == 0);
    CHECK(n.grad()[1] == 0);
  }
}

TEST_CASE("equal scores cost log(K + 1), and a cold temperature stays finite in float") {
  Tensor<float> p = Tensor<float>::full({2}, 0.25f), n = Tensor<float>::full({2, 100}, 0.25f);
  CHECK(losses::nce(Var<float>(p), Var<float>(n), {.temperature = 0.07}).item() ==
        doctest::Approx(std::log(101.0)).epsilon(1e-6));
  p.fill(-1);
  n.fill(1);
  for (NceForm form : {NceForm::info_nce, NceForm::nce_paper})
    CHECK(std::isfinite(losses::nce(Var<float>(p), Var<float>(n), {.form = form, .temperature = 0.01}).item()));
}

TEST_CASE("the published golden values are reproduced to six digits") {
  Tensor<double> a = wave(4, 8, 0), p = wave(4, 8, .5);
  Tensor<double> bank = l2_normalize(Var<double>(wave(16, 8, 1))).value();
  Tensor<i64> index = Tensor<i64>::of({4}, {3, 0, 7, 11}), negatives({4, 5});
  for (i64 i = 0; i < 4; ++i)
    for (i64 k = 0; k < 5; ++k) negatives[i * 5 + k] = (3 * i + 2 * k + 1) % 16;
  struct Row {
    NceForm form;
    double image, patches, total, image00, image25, patches00, patches25;
  };
  const Row rows[] = {
      {NceForm::nce_constant, 8.222158887, 8.923122660, 8.572640773, -.0427880, .5467787, -.3258869, .4296457},
      {NceForm::info_nce, 5.285107212, 5.930384772, 5.607745992, -.9096579, .0331324, -1.2596962, .0458683}};
  for (const Row& row : rows) {
    Tape tape;
    Var<double> va = variable(tape, a.clone()), vp = variable(tape, p.clone());
    double z = 0;
    auto terms = losses::pirl(l2_normalize(va), l2_normalize(vp), bank, index, negatives,
                              {.lambda = .5, .temperature = .07, .form = row.form}, z);
    if (row.form == NceForm::nce_constant) CHECK(z == doctest::Approx(180747.5368).epsilon(1e-9));
    CHECK(terms.image.item() == doctest::Approx(row.image).epsilon(1e-9));
    CHECK(terms.patches.item() == doctest::Approx(row.patches).epsilon(1e-9));
    CHECK(terms.loss.item() == doctest::Approx(row.total).epsilon(1e-9));
    backward(terms.loss);
    // the published derivatives are those of the single terms; each enters the total by one half
    CHECK(std::abs(2 * va.grad()[0] - row.image00) < 6e-8);
    CHECK(std::abs(2 * va.grad()[2 * 8 + 5] - row.image25) < 6e-8);
    CHECK(std::abs(2 * vp.grad()[0] - row.patches00) < 6e-8);
    CHECK(std::abs(2 * vp.grad()[2 * 8 + 5] - row.patches25) < 6e-8);
    for (i64 i = 0; i < 4; ++i) {  // a cosine loss pulls at right angles to its row
      double along = 0;
      for (i64 j = 0; j < 8; ++j) along += va.grad()[i * 8 + j] * a[i * 8 + j];
      CHECK(std::abs(along) < 1e-12);
    }
  }
}

TEST_CASE("an untrained encoder starts at the expected loss") {
  i64 n = 20000, d = 128;
  MemoryBank<float> bank(n, d, Key{1}), embeddings(64, d, Key{2});
  Tensor<i64> index({64});
  for (i64 i = 0; i < 64; ++i) index[i] = 3 * i;
  struct Row {
    NceForm form;
    i64 k;
    double temperature, anchor;
  };
  // anchors: Monte Carlo of the literature's notes, within 0.15; a finite batch moves the mean by its own error
  const Row rows[] = {{NceForm::nce_constant, 4096, .07, 10.24}, {NceForm::info_nce, 4096, .07, 9.24},
                      {NceForm::nce_constant, 4096, .1, 9.73},   {NceForm::info_nce, 4096, .1, 8.73}};
  for (const Row& row : rows) {
    Tensor<i64> negatives = draw_negatives(index, n, {.count = row.k}, Key{3});
    losses::PirlOptions o{.lambda = 0, .temperature = row.temperature, .form = row.form};
    double z = 0, loss = losses::pirl(Var<float>(embeddings.rows()), Var<float>(), bank.rows(), index, negatives, o, z)
                             .loss.item();
    CHECK(std::abs(losses::expected_initial_loss(o, row.k, d) - row.anchor) < 0.2);
    CHECK(std::abs(loss - row.anchor) < 0.5);
  }
}

TEST_CASE("wrong shapes and options are refused with the rule") {
  Var<double> p(scores({3}, 1)), n(scores({4, 7}, 2)), good(scores({3, 7}, 2));
  CHECK_THROWS_WITH_AS(losses::nce(p, n, {}),
                       "nce: positive is [3], negatives are [4, 7]; need [B] and [B, K] with B, K at least 1", Error);
  CHECK_THROWS_AS(losses::nce(p, good, {.temperature = 0}), Error);
  CHECK_THROWS_AS(losses::nce(p, good, {.form = NceForm::nce_constant}), Error);
  CHECK_THROWS_AS(losses::nce(p, good, {}, Tensor<i64>({6}), Tensor<i64>({3})), Error);
}
