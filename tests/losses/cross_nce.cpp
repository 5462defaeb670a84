// losses/cross_nce.hpp: the published value, its derivatives, and the same by the plain sums.
#include <nacre/losses/cross_nce.hpp>

#include "../helpers.hpp"
#include "wave.hpp"

#include <nacre/ops/normalize.hpp>
#include <nacre/ops/shape.hpp>

using namespace nacre;
using namespace nacre::test;
using losses::CrossNceOptions;
using losses::NceForm;

namespace {

template <class T>
Tensor<T> unit(const Tensor<double>& x) {
  return converted<T>(l2_normalize(Var<double>(x)).value());
}

const Tensor<i64> own = Tensor<i64>::of({4}, {3, 0, 7, 11});

Tensor<i64> golden_negatives() {
  Tensor<i64> index({4, 5});
  for (i64 i = 0; i < 4; ++i)
    for (i64 k = 0; k < 5; ++k) index[i * 5 + k] = (3 * i + 2 * k + 1) % 16;
  return index;
}

template <class T>
losses::CrossNceTerms<T> golden(const Var<T>& a, const Var<T>& b, const CrossNceOptions& o, double& z) {
  return losses::cross_nce(l2_normalize(a), l2_normalize(b), unit<T>(wave(16, 8, 1)), unit<T>(wave(16, 8, 1.6)), own,
                           golden_negatives(), o, z);
}

}  // namespace

TEST_CASE("AVID's published value: 7.511711263 with Zbar 7703.062762") {
  Tape tape;
  double z = 0;
  auto a = variable(tape, wave(4, 8, 0)), b = variable(tape, wave(4, 8, .5));
  auto t = golden(a, b, {}, z);
  CHECK(z == doctest::Approx(7703.062762).epsilon(1e-9));
  CHECK(t.loss.item() == doctest::Approx(7.511711263).epsilon(1e-7));
  CHECK(t.loss.item() == (t.a.item() + t.b.item()) / 2);
  backward(t.loss);
  for (const auto& x : {a, b})  // a cosine does not feel the length of its row
    for (i64 i = 0; i < 4; ++i) {
      double along = 0;
      for (i64 j = 0; j < 8; ++j) along += x.grad()[i * 8 + j] * x.value()[i * 8 + j];
      CHECK(std::abs(along) < 1e-12);
    }
}

TEST_CASE("Zbar is that of the first batch, and of the negatives of a alone") {
  Tape tape;
  double z = 0, other = 0;
  auto a = variable(tape, wave(4, 8, 0)), b = variable(tape, wave(4, 8, .5));
  golden(a, b, {}, z);
  double first = z, sum = 0;
  auto va = unit<double>(wave(4, 8, 0)), bank = unit<double>(wave(16, 8, 1.6));
  auto index = golden_negatives();
  for (i64 i = 0; i < 4; ++i)
    for (i64 k = 0; k < 5; ++k) {
      double s = 0;
      for (i64 d = 0; d < 8; ++d) s += va[i * 8 + d] * bank[index[i * 5 + k] * 8 + d];
      sum += std::exp(s / 0.07) / 20;
    }
  CHECK(first == doctest::Approx(sum).epsilon(1e-12));
  golden(b, a, {}, z);
  CHECK(z == first);
  golden(b, a, {}, other);
  CHECK(other != doctest::Approx(first));
  double unused = 0;
  golden(a, b, {.form = NceForm::info_nce}, unused);
  CHECK(unused == 0);
  other = 0;  // a batch that is not a number fixes nothing
  Tensor<double> bad = wave(4, 8, 0);
  bad[3] = NAN;
  CHECK(std::isnan(golden(variable(tape, bad), b, {}, other).loss.item()));
  CHECK(other == 0);
}

TEST_CASE("all gradients agree with finite differences in both forms, and the check can fail") {
  for (NceForm form : {NceForm::info_nce, NceForm::nce_constant})
    check_op(op_case("cross_nce", [form](const auto& v) {
      double z = 4;
      return golden(v[0], v[1], {.form = form, .temperature = 0.3}, z).loss;
    }, {wave(4, 8, 0), wave(4, 8, .5)}));
}

TEST_CASE("info_nce is cross entropy over the other modality's own row and the negatives") {
  double none = 0, expected = 0;
  auto a = unit<double>(wave(4, 8, 0)), b = unit<double>(wave(4, 8, .5));
  auto bank_a = unit<double>(wave(16, 8, 1)), bank_b = unit<double>(wave(16, 8, 1.6));
  auto index = golden_negatives();
  auto half = [&](const Tensor<double>& z, const Tensor<double>& bank) {
    for (i64 i = 0; i < 4; ++i) {
      auto e = [&](i64 row) {
        double s = 0;
        for (i64 d = 0; d < 8; ++d) s += z[i * 8 + d] * bank[row * 8 + d];
        return std::exp(s / 0.2);
      };
      double others = 0;
      for (i64 k = 0; k < 5; ++k) others += e(index[i * 5 + k]);
      expected -= std::log(e(own[i]) / (e(own[i]) + others)) / 8;
    }
  };
  half(a, bank_b);
  half(b, bank_a);
  auto t = losses::cross_nce(Var<double>(a), Var<double>(b), bank_a, bank_b, own, index,
                             {.form = NceForm::info_nce, .temperature = 0.2}, none);
  CHECK(t.loss.item() == doctest::Approx(expected).epsilon(1e-12));
}

TEST_CASE("negatives can be chosen and weighed; a choice of all is the plain loss, in value and in gradient") {
  auto with = [](losses::ContrastOptions c) {
    return [c](const std::vector<Var<double>>& v) {
      double none = 0;
      return golden(v[0], v[1], {.form = NceForm::info_nce, .temperature = 0.3, .contrast = c}, none).loss;
    };
  };
  std::vector<Tensor<double>> in{wave(4, 8, 0), wave(4, 8, .5)};
  check_agrees<double>(with({.negatives = {.hardest = 100}}), with({}), in, 1e-12);
  check_agrees<double>(with({.denominator = losses::Denominator::own, .negatives = {.hardest = 5}}), with({}), in,
                       1e-12);
  check_agrees<double>(with({.temperature = 9, .beta = 1}), with({.temperature = 1, .beta = 1}), in, 1e-15);

  // Each direction picks by its own scores: of five the hardest two.
  std::vector<Var<double>> v{Var<double>(in[0]), Var<double>(in[1])};
  double none = 0, expected = 0;
  auto rows_a = unit<double>(in[0]), rows_b = unit<double>(in[1]);
  auto index = golden_negatives();
  auto half = [&](const Tensor<double>& z, const Tensor<double>& bank) {
    for (i64 i = 0; i < 4; ++i) {
      auto e = [&](i64 row) {
        double s = 0;
        for (i64 d = 0; d < 8; ++d) s += z[i * 8 + d] * bank[row * 8 + d];
        return std::exp(s / 0.3);
      };
      std::vector<double> others;
      for (i64 k = 0; k < 5; ++k) others.push_back(e(index[i * 5 + k]));
      std::sort(others.rbegin(), others.rend());
      expected += std::log(1 + (others[0] + others[1]) / e(own[i])) / 8;
    }
  };
  half(rows_a, unit<double>(wave(16, 8, 1.6)));
  half(rows_b, unit<double>(wave(16, 8, 1)));
  CHECK(with({.negatives = {.hardest = 2}})(v).item() == doctest::Approx(expected).epsilon(1e-12));

  for (losses::ContrastOptions c : {losses::ContrastOptions{.negatives = {.hardest = 2}},
                                    losses::ContrastOptions{.beta = 1, .tau_plus = 0.1}}) {
    check_op(op_case("cross_nce", [c](const auto& x) {
      double z = 0;
      return golden(x[0], x[1], {.form = NceForm::info_nce, .temperature = 0.3, .contrast = c}, z).loss;
    }, in));
    check_message([&] { golden(v[0], v[1], {.contrast = c}, none); }, {"cross_nce", "choice of negatives", "info_nce"});
    CHECK(none == 0);
  }
}

TEST_CASE("wrong calls") {
  double z = 0;
  Var<double> a(randn({2, 3})), b(randn({2, 4}));
  Tensor<double> bank = randn({5, 3});
  auto at = Tensor<i64>::of({2}, {0, 1}), negatives = Tensor<i64>::of({2, 1}, {2, 3});
  check_message([&] { losses::cross_nce(a, b, bank, bank, at, negatives, {}, z); },
                {"cross_nce", "a is [2, 3]", "b is [2, 4]"});
  check_message([&] { losses::cross_nce(a, a, bank, bank, at, negatives, {.form = NceForm::nce_paper}, z); },
                {"cross_nce", "info_nce or nce_constant"});
  check_message([&] { losses::cross_nce(a, a, bank, bank, at, negatives, {.temperature = 0}, z); }, {"temperature 0"});
}
