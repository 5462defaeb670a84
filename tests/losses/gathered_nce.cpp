// losses/gathered_nce.hpp against its composition of losses/nce.hpp and ops/similarity.hpp.
#include <nacre/bank/negatives.hpp>
#include <nacre/losses/gathered_nce.hpp>

#include "../helpers.hpp"

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

Tensor<i64> indices(const Shape& shape, i64 n, u64 seed = 3) {
  Tensor<i64> index(shape);
  Random random(Key{seed});
  for (i64& i : index.span()) i = random.below(static_cast<u32>(n));
  return index;
}

template <class T>
Tensor<T> unit_rows(const Shape& shape, u64 seed) {
  return converted<T>(l2_normalize(Var<double>(randn(shape, seed))).value());
}

// A bank of n rows, the same in float and double, and what a batch draws from it.
struct Problem {
  Tensor<double> bank;
  Tensor<i64> own, negatives;
  losses::NceOptions o;

  Problem(i64 n, i64 dim, i64 batch, i64 k, NceForm form, double temperature = 0.3)
      : bank(unit_rows<double>({n, dim}, 5)), own(indices({batch}, n, 4)), negatives(indices({batch, k}, n)),
        o(options(form, n, temperature)) {}

  template <class T>
  Var<T> fused(const std::vector<Var<T>>& z) const {
    auto options = o;
    auto term = losses::gathered_nce(z, converted<T>(bank), own, negatives, options);
    return z.size() == 1 ? term[0] : term[0] * 0.3 + term[1] * 0.7;
  }
  template <class T>
  Var<T> reference(const std::vector<Var<T>>& z) const {
    auto b = converted<T>(bank);
    auto term = [&](const Var<T>& v) {
      return losses::nce(row_dot(v, gather_rows(Var<T>(b), own)), gathered_dot(v, b, negatives), o);
    };
    return z.size() == 1 ? term(z[0]) : term(z[0]) * 0.3 + term(z[1]) * 0.7;
  }
};

OpCase fused(const Problem& p, std::vector<Tensor<double>> heads) {
  return op_case("gathered_nce", [p](const auto& v) { return p.fused(v); }, std::move(heads));
}

}  // namespace

TEST_CASE("the gradients of one and two heads are right in all three forms, and the check can fail") {
  for (NceForm form : forms)
    for (i64 k : {1, 16, 37}) {
      Problem p(9, 5, 3, k, form);
      check_op(fused(p, {unit_rows<double>({3, 5}, 1)}));
      check_op(fused(p, {unit_rows<double>({3, 5}, 1), unit_rows<double>({3, 5}, 2)}));
    }
  check_op(fused(Problem(9, 35, 2, 20, NceForm::nce_paper), {randn({2, 35}), randn({2, 35}, 2)}));
}

TEST_CASE("one walk over the rows gives value and gradients of the composition") {
  for (NceForm form : forms)
    for (double temperature : {0.01, 0.07, 1.0})
      for (i64 dim : {3, 128, 131}) {
        CAPTURE(static_cast<int>(form));
        CAPTURE(temperature);
        CAPTURE(dim);
        Problem p(500, dim, 4, 1000, form, temperature);
        std::vector<Tensor<double>> heads{unit_rows<double>({4, dim}, 1), unit_rows<double>({4, dim}, 2)};
        auto fast = [&](const auto& v) { return p.fused(v); };
        auto plain = [&](const auto& v) { return p.reference(v); };
        check_agrees<double>(fast, plain, heads, 1e-12);
        check_agrees<float>(fast, plain, heads, 1e-5 * std::max(1.0, 0.07 / temperature));
      }
}

TEST_CASE("Z is that of the scores") {
  Problem p(50, 16, 4, 37, NceForm::info_nce);
  auto z = unit_rows<double>({4, 16}, 1);
  Var<double> v(z);
  auto positive = row_dot(v, gather_rows(Var<double>(p.bank), p.own)).value();
  double expected = losses::nce_z(positive, gathered_dot(v, p.bank, p.negatives).value(), 0.07, 50);
  losses::NceOptions o{.form = NceForm::nce_constant, .temperature = 0.07, .bank_rows = 50};
  losses::gathered_nce<double>({v, Var<double>(unit_rows<double>({4, 16}, 2))}, p.bank, p.own, p.negatives, o);
  CHECK(o.z == doctest::Approx(expected).epsilon(1e-13));
}

TEST_CASE("neither the threads, the width of the vectors, the other head nor the rest of the batch change a bit") {
  for (NceForm form : forms) {
    Problem p(1000, 131, 6, 1100, form, 0.07);
    OpCase c = fused(p, {unit_rows<double>({6, 131}, 1)});
    check_threads(c);
    auto run = [&] { return value_and_gradients(c.in_float, c.inputs); };
    auto narrow = with_isa(backend::Isa::avx2, run), wide = with_isa(backend::Isa::avx512, run);
    auto baseline = with_isa(backend::Isa::baseline, run);  // has no FMA
    for (std::size_t i = 0; i < wide.size(); ++i) {
      CHECK(same_bits(narrow[i], wide[i]));
      CHECK(difference(baseline[i], wide[i]) < 1e-5);
    }
    auto bank = converted<float>(p.bank), z = converted<float>(c.inputs[0]), other = unit_rows<float>({6, 131}, 2);
    auto slope = [&](std::vector<Tensor<float>> heads, std::size_t head, i64 begin, i64 end) {
      Tape tape;
      std::vector<Var<float>> v;
      for (auto& h : heads) v.push_back(variable(tape, h.rows(begin, end).clone()));
      auto term = losses::gathered_nce(v, bank, p.own.rows(begin, end), p.negatives.rows(begin, end), p.o)[head];
      backward(term * static_cast<float>(end - begin));
      return v[head].grad();
    };
    auto alone = slope({z}, 0, 4, 5);
    CHECK(same_bits(slope({z}, 0, 3, 5).rows(1, 2).clone(), alone));
    CHECK(same_bits(slope({other, z}, 1, 4, 5), alone));
  }
}

TEST_CASE("walking through the bank part by part changes no bit, whatever the order of the negatives") {
  i64 rows = 900, dim = 64, batch = 3, k = 850;
  i64 size = sizeof(float) * dim, larger = 20000;  // one part, and eight or more
  for (NceForm form : forms) {
    Problem p(rows, dim, batch, k, form, 0.07);
    p.negatives = draw_negatives(p.own, rows, {.count = k}, Key{1});
    auto bank = converted<float>(p.bank), z = unit_rows<float>({batch, dim}, 1);
    auto wide = Tensor<float>::zeros({larger, dim});
    // the same rows, spread over a larger bank
    Tensor<i64> far({batch, k}), own({batch});
    auto place = [&](i64 row) { return row * (larger / rows); };
    for (i64 r = 0; r < rows; ++r) std::copy_n(bank.data() + r * dim, dim, wide.data() + place(r) * dim);
    for (i64 i = 0; i < far.size(); ++i) far[i] = place(p.negatives[i]);
    for (i64 b = 0; b < batch; ++b) own[b] = place(p.own[b]);
    i64 parts = 0;
    backend::each_part(far.data(), batch, k, larger, size, [&](i64 b, i64, i64) {
      if (b == 0) ++parts;
    });
    CHECK(parts >= 8);
    auto run = [&](const Tensor<float>& rows_of, const Tensor<i64>& mine, const Tensor<i64>& others) {
      Tape tape;
      Var<float> v = variable(tape, z);
      auto o = p.o;
      auto term = losses::gathered_nce<float>({v}, rows_of, mine, others, o)[0];
      backward(term);
      return std::pair{term.value(), v.grad()};
    };
    auto near = run(bank, p.own, p.negatives), spread = run(wide, own, far);
    CHECK(same_bits(near.first, spread.first));
    CHECK(same_bits(near.second, spread.second));
    for (i64 b = 0; b < batch; ++b) std::reverse(far.data() + b * k, far.data() + (b + 1) * k);
    for (i64 b = 0; b < batch; ++b) std::reverse(p.negatives.data() + b * k, p.negatives.data() + (b + 1) * k);
    near = run(bank, p.own, p.negatives), spread = run(wide, own, far);
    CHECK(same_bits(near.first, spread.first));
    CHECK(same_bits(near.second, spread.second));
  }
}

TEST_CASE("memory grows with the rows and not with their negatives") {
  i64 batch = 64, dim = 32;
  auto extra = [&](i64 k) {
    Problem p(200, dim, batch, k, NceForm::info_nce);
    auto bank = converted<float>(p.bank), z = unit_rows<float>({batch, dim}, 1);
    Tape tape;
    Var<float> v = variable(tape, z);
    u64 before = pool::stats().bytes_in_use;
    pool::reset_peak();
    backward(losses::gathered_nce<float>({v}, bank, p.own, p.negatives, p.o)[0]);
    return pool::stats().bytes_peak - before;
  };
  u64 few = extra(100);
  CHECK(extra(10000) == few);
  CHECK(few < 64 * 1024);  // the scores alone would be 2.5 MB
}

TEST_CASE("a score that is no number reaches the loss, and bad calls are refused with the rule") {
  Problem p(9, 5, 3, 7, NceForm::info_nce);
  auto z = unit_rows<float>({3, 5}, 1), bank = converted<float>(p.bank);
  for (NceForm form : forms) {
    auto bad = z.clone();
    bad[2] = std::nanf("");
    losses::NceOptions o = options(form, 9);
    CHECK(std::isnan(losses::gathered_nce<float>({Var<float>(bad)}, bank, p.own, p.negatives, o)[0].item()));
  }
  auto call = [&](std::vector<Var<float>> heads, const Tensor<i64>& own, const Tensor<i64>& negatives,
                  losses::NceOptions o) { losses::gathered_nce(heads, bank, own, negatives, o); };
  Var<float> v(z);
  check_message([&] { call({}, p.own, p.negatives, p.o); }, {"gathered_nce", "one or two heads", "got 0"});
  check_message([&] { call({v, Var<float>(z.rows(0, 2))}, p.own, p.negatives, p.o); },
                {"gathered_nce", "z is [2, 5]", "bank is [9, 5]", "own is [3]", "negatives are [3, 7]", "z [B, D]"});
  check_message([&] { call({v}, p.own, Tensor<i64>::full({3, 2}, 9), p.o); },
                {"gathered_nce", "negatives[0, 0] is 9", "bank is [9, 5]", "0 to 8"});
  check_message([&] { call({v}, Tensor<i64>::full({3}, -1), p.negatives, p.o); }, {"own[0] is -1"});
  check_message([&] { call({v}, p.own, p.negatives, {.temperature = 0}); }, {"temperature", "not above 0"});
  check_message([&] { call({v}, p.own, p.negatives, {.form = NceForm::nce_constant}); }, {"nce_constant needs z"});
}
