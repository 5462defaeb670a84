// losses/info_nce.hpp against its composition of matmul and losses/nce.hpp.
#include <nacre/losses/info_nce.hpp>

#include "../helpers.hpp"
#include "wave.hpp"

#include <nacre/ops/matmul.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/ops/shape.hpp>

using namespace nacre;
using namespace nacre::test;
using losses::NceForm;

namespace {

constexpr NceForm forms[] = {NceForm::info_nce, NceForm::nce_paper, NceForm::nce_constant};

losses::NceOptions options(NceForm form, i64 bank_rows, double temperature = 0.3) {
  double z = form == NceForm::nce_constant ? 2.0 * static_cast<double>(bank_rows) : 0;
  return {.form = form, .temperature = temperature, .z = z, .bank_rows = bank_rows};
}

template <class T>
Tensor<T> unit_rows(const Shape& shape, u64 seed) {
  return converted<T>(l2_normalize(Var<double>(randn(shape, seed))).value());
}

Tensor<i64> indices(i64 count, i64 n, u64 seed) {
  Tensor<i64> index({count});
  Random random(Key{seed});
  for (i64& i : index.span()) i = random.below(static_cast<u32>(n));
  return index;
}

// A bank of n rows, the same in float and double, and negatives of it shared by a batch.
struct Problem {
  Tensor<double> bank;
  Tensor<i64> own, negatives;
  bool self;
  losses::NceOptions o;

  Problem(i64 n, i64 dim, i64 batch, i64 k, bool with_self, NceForm form, double temperature = 0.3)
      : bank(unit_rows<double>({n, dim}, 5)), own(indices(batch, n, 4)), negatives(indices(k, n, 3)), self(with_self),
        o(options(form, n, temperature)) {}

  template <class T>
  Var<T> fused(const std::vector<Var<T>>& z) const {
    auto form = o;
    auto term = losses::shared_nce(z, converted<T>(bank), own, negatives, self, form);
    return z.size() == 1 ? term[0] : term[0] * 0.3 + term[1] * 0.7;
  }
  template <class T>
  Var<T> reference(const std::vector<Var<T>>& z) const {
    Var<T> b(converted<T>(bank)), others = gather_rows(b, negatives);
    auto term = [&](const Var<T>& v) {
      Var<T> positive = row_dot(v, gather_rows(b, own)), scores = matmul(v, others, {.transpose_b = true});
      return self ? losses::nce(positive, scores, o) : losses::nce(positive, scores, o, negatives, own);
    };
    return z.size() == 1 ? term(z[0]) : term(z[0]) * 0.3 + term(z[1]) * 0.7;
  }
};

OpCase fused(const Problem& p, std::vector<Tensor<double>> heads) {
  return op_case("shared_nce", [p](const auto& v) { return p.fused(v); }, std::move(heads));
}

Tensor<double> unit_wave(i64 n, i64 d, double phi) { return l2_normalize(Var<double>(wave(n, d, phi))).value(); }

}  // namespace

TEST_CASE("the gradients of one and two heads are right in all three forms, and the check can fail") {
  for (NceForm form : forms)
    for (bool self : {false, true})
      for (i64 k : {1, 37}) {
        Problem p(9, 5, 3, k, self, form);
        check_op(fused(p, {unit_rows<double>({3, 5}, 1)}));
        check_op(fused(p, {unit_rows<double>({3, 5}, 1), unit_rows<double>({3, 5}, 2)}));
      }
}

TEST_CASE("blocks that are forgotten give value and gradients of the whole matrix") {
  for (NceForm form : forms)
    for (bool self : {false, true})
      for (double temperature : {0.01, 0.07, 1.0})
        for (i64 k : {5, 256, 1000, 5000}) {
          CAPTURE(static_cast<int>(form));
          CAPTURE(self);
          CAPTURE(temperature);
          CAPTURE(k);
          Problem p(300, 20, 6, k, self, form, temperature);
          std::vector<Tensor<double>> heads{unit_rows<double>({6, 20}, 1), unit_rows<double>({6, 20}, 2)};
          auto fast = [&](const auto& v) { return p.fused(v); };
          auto plain = [&](const auto& v) { return p.reference(v); };
          check_agrees<double>(fast, plain, heads, 1e-12);
          check_agrees<float>(fast, plain, heads, 1e-5 * std::max(1.0, 0.07 / temperature));
        }
}

TEST_CASE("the published golden values of MoCo are reproduced to six digits") {
  struct Row {
    double temperature, value, g00, g25;
  };
  for (Row row : {Row{.07, 0.345412593, -.0124152, .4173886}, Row{.2, 0.677303691, -.1065665, .1117046}}) {
    Tape tape;
    Var<double> a = variable(tape, wave(4, 8, 0));
    Var<double> loss = losses::info_nce(l2_normalize(a), unit_wave(4, 8, .5), unit_wave(12, 8, 2),
                                        {.temperature = row.temperature});
    CHECK(loss.item() == doctest::Approx(row.value).epsilon(1e-9));
    backward(loss);
    CHECK(std::abs(a.grad()[0] - row.g00) < 6e-8);
    CHECK(std::abs(a.grad()[2 * 8 + 5] - row.g25) < 6e-8);
  }
}

TEST_CASE("Z is that of the first head's scores, own rows included") {
  Problem p(50, 16, 4, 37, false, NceForm::nce_constant);
  auto z = unit_rows<double>({4, 16}, 1);
  Var<double> v(z), b(p.bank);
  double expected = losses::nce_z(row_dot(v, gather_rows(b, p.own)).value(),
                                  matmul(v, gather_rows(b, p.negatives), {.transpose_b = true}).value(), 0.07, 50);
  losses::NceOptions o{.form = NceForm::nce_constant, .temperature = 0.07, .bank_rows = 50};
  losses::shared_nce<double>({v, Var<double>(unit_rows<double>({4, 16}, 2))}, p.bank, p.own, p.negatives, false, o);
  CHECK(o.z == doctest::Approx(expected).epsilon(1e-13));
}

TEST_CASE("a sample whose every negative is itself costs nothing and pulls nowhere") {
  auto bank = unit_rows<double>({9, 4}, 5);
  for (NceForm form : {NceForm::info_nce, NceForm::nce_paper}) {
    Tape tape;
    Var<double> z = variable(tape, unit_rows<double>({1, 4}, 1));
    losses::NceOptions o = options(form, 9);
    auto loss = losses::shared_nce<double>({z}, bank, Tensor<i64>::of({1}, {8}), Tensor<i64>::full({20}, 8), false, o);
    CHECK(loss[0].item() == 0);
    backward(loss[0]);
    for (double g : z.grad().span()) CHECK(g == 0);
  }
}

TEST_CASE("neither the threads, the other head nor the rest of the batch change a bit") {
  for (NceForm form : forms) {
    Problem p(1000, 131, 300, 1500, false, form, 0.07);
    OpCase c = fused(p, {unit_rows<double>({300, 131}, 1)});
    check_threads(c);
    auto bank = converted<float>(p.bank), z = converted<float>(c.inputs[0]), other = unit_rows<float>({300, 131}, 2);
    auto slope = [&](std::vector<Tensor<float>> heads, std::size_t head, i64 begin, i64 end) {
      Tape tape;
      std::vector<Var<float>> v;
      for (auto& h : heads) v.push_back(variable(tape, h.rows(begin, end).clone()));
      auto o = p.o;
      auto term = losses::shared_nce(v, bank, p.own.rows(begin, end), p.negatives, false, o)[head];
      backward(term * static_cast<float>(end - begin));
      return v[head].grad();
    };
    auto alone = slope({z}, 0, 290, 291);
    CHECK(same_bits(slope({z}, 0, 289, 291).rows(1, 2).clone(), alone));
    CHECK(same_bits(slope({other, z}, 1, 290, 291), alone));
  }
}

TEST_CASE("memory is linear in the negatives' rows") {
  with_threads(2, [] {
    auto queue = unit_rows<float>({16384, 32}, 1), key = unit_rows<float>({256, 32}, 2);
    Tape tape;
    Var<float> q = variable(tape, unit_rows<float>({256, 32}, 3));
    u64 before = pool::stats().bytes_in_use;
    pool::reset_peak();
    backward(losses::info_nce(q, key, queue, {.temperature = 0.2}));
    CHECK(pool::stats().bytes_peak - before < 3u << 20);  // all scores would be 17 MB
  });
}

TEST_CASE("a score that is no number reaches the loss, and bad calls are refused with the rule") {
  auto q = unit_rows<float>({3, 5}, 1), queue = unit_rows<float>({7, 5}, 2), bad = q.clone();
  bad[2] = std::nanf("");
  CHECK(std::isnan(losses::info_nce(Var<float>(bad), q, queue, {}).item()));
  CHECK(std::isnan(losses::info_nce(Var<float>(q), bad, queue, {}).item()));
  check_message([&] { losses::info_nce(Var<float>(q), queue, queue, {}); },
                {"info_nce", "q is [3, 5]", "key is [7, 5]", "queue is [7, 5]", "queue [K, D]"});
  check_message([&] { losses::info_nce(Var<float>(q), q, queue, {.temperature = 0}); }, {"temperature"});
  losses::NceOptions o;
  auto call = [&](std::vector<Var<float>> heads, const Tensor<i64>& own, const Tensor<i64>& negatives) {
    losses::shared_nce(heads, queue, own, negatives, false, o);
  };
  Tensor<i64> own = Tensor<i64>::zeros({3}), negatives = Tensor<i64>::zeros({4});
  check_message([&] { call({}, own, negatives); }, {"shared_nce", "at least one head"});
  check_message([&] { call({Var<float>(q)}, own, Tensor<i64>::zeros({3, 4})); },
                {"shared_nce", "z is [3, 5]", "negatives are [3, 4]", "negatives [K]"});
  check_message([&] { call({Var<float>(q)}, own, Tensor<i64>::full({4}, 7)); },
                {"shared_nce", "negatives[0] is 7", "bank is [7, 5]", "0 to 6"});
}
