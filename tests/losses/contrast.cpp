// losses/contrast.hpp against its formulas written as plain loops, and against the losses that keep no scores.
#include <nacre/losses/contrast_batch.hpp>

#include "../helpers.hpp"

#include <nacre/eval/metrics.hpp>
#include <nacre/ops/normalize.hpp>

using namespace nacre;
using namespace nacre::losses;
using namespace nacre::test;

namespace {

using enum Relation;

Relations drawn(const std::vector<std::string>& rows) {  // + positive, - negative, . ignored
  Relations r({static_cast<i64>(rows.size()), static_cast<i64>(rows[0].size())});
  i64 i = 0;
  for (const std::string& row : rows)
    for (char c : row) r[i++] = c == '+' ? positive : c == '-' ? negative : ignored;
  return r;
}

// One positive, three, one beside ignored columns, none, and one without negatives.
const Relations mixed = drawn({"+-------",
                               "-+--+--+",
                               ".---.+--",
                               "-.------",
                               "..+....."});

struct Case {
  std::string name;
  ContrastOptions options;
};
const std::vector<Case> cases = {
    {"plain", {.temperature = .5}},
    {"cold", {.temperature = .07}},
    {"own positive", {.temperature = .5, .denominator = Denominator::own}},
    {"decoupled", {.temperature = .5, .denominator = Denominator::none}},
    {"hardest", {.temperature = .5, .negatives = {.hardest = 2}}},
    {"ring", {.temperature = .5, .negatives = {.ring = .3}}},
    {"annulus", {.temperature = .5, .negatives = {.ring = .3, .hardest = 2}}},
    {"semi-hard", {.temperature = .5, .negatives = {.semi_hard = .4}}},
    {"hardest semi-hard, own", {.denominator = Denominator::own, .negatives = {.semi_hard = .6, .hardest = 1}}},
    {"debiased", {.temperature = .5, .tau_plus = .1}},
    {"debiased to the floor", {.temperature = .5, .tau_plus = .7}},
    {"hard weights", {.temperature = .5, .beta = 1}},
    {"hard weights, debiased, decoupled", {.denominator = Denominator::none, .beta = .5, .tau_plus = .05}},
    {"everything", {.temperature = .3, .denominator = Denominator::own, .negatives = {.ring = .2, .hardest = 4},
                    .beta = 2, .tau_plus = .1}},
};

// The formulas as the papers have them, without care for large numbers.
double textbook(const Tensor<double>& scores, const Relations& relation, const ContrastOptions& o) {
  i64 rows = scores.dim(0), cols = scores.dim(1), counted = 0;
  double total = 0;
  for (i64 i = 0; i < rows; ++i) {
    std::vector<double> p, n;
    for (i64 j = 0; j < cols; ++j) {
      if (relation[i * cols + j] == positive) p.push_back(scores[i * cols + j]);
      if (relation[i * cols + j] == negative) n.push_back(scores[i * cols + j]);
    }
    if (p.empty()) continue;
    ++counted;
    std::sort(n.begin(), n.end(), std::greater<>());
    double least = *std::min_element(p.begin(), p.end());
    if (double band = o.negatives.semi_hard; band > 0)
      std::erase_if(n, [&](double s) { return s >= least || s <= least - band; });
    n.erase(n.begin(), n.begin() + static_cast<i64>(o.negatives.ring * static_cast<double>(n.size())));
    if (i64 k = o.negatives.hardest; k > 0 && static_cast<i64>(n.size()) > k) n.resize(static_cast<std::size_t>(k));

    double count = static_cast<double>(n.size()), all = 0, mass = 0, weights = 0;
    for (double s : p) all += std::exp(s / o.temperature);
    for (double s : n) {
      double e = std::exp(s / o.temperature), w = std::pow(e, o.beta);
      mass += w * e;
      weights += w;
    }
    if (count > 0) {
      mass /= weights / count;
      double mean_positive = all / static_cast<double>(p.size());
      mass = std::max((mass - o.tau_plus * count * mean_positive) / (1 - o.tau_plus),
                      count * std::exp(-1 / o.temperature));
    }
    for (double s : p) {
      double own = o.denominator == Denominator::own ? std::exp(s / o.temperature) : 0;
      double d = o.denominator == Denominator::all ? mass + all : mass + own;
      if (o.denominator == Denominator::none && count == 0) continue;
      total += (std::log(d) - s / o.temperature) / static_cast<double>(p.size());
    }
  }
  return total / static_cast<double>(counted);
}

OpCase op(const Case& c, const Tensor<double>& scores, const Relations& relation) {
  return op_case(c.name, [=](const auto& v) { return contrast(v[0], relation, c.options); }, {scores});
}

Tensor<double> scores_of(const Relations& r, u64 seed = 1) { return spread(r.shape(), seed); }  // -1 .. 1

Tensor<double> unit_rows(const Shape& shape, u64 seed = 1) {
  return l2_normalize(Var<double>(randn(shape, seed))).value();
}

}  // namespace

TEST_CASE("each option gives its textbook formula, alone and with others") {
  for (const Case& c : cases)
    for (u64 seed : {1, 2, 3}) {
      CAPTURE(c.name);
      auto s = scores_of(mixed, seed);
      CHECK(contrast(Var<double>(s), mixed, c.options).item() ==
            doctest::Approx(textbook(s, mixed, c.options)).epsilon(1e-12));
    }
}

TEST_CASE("the gradient is right under each option, and the check can fail") {
  for (const Case& c : cases) check_op(op(c, scores_of(mixed), mixed), 2e-5);
}

TEST_CASE("neither the threads nor the width of the vectors change a bit") {
  Relations views = view_relations(190);
  auto z = unit_rows({190, 6});
  Tensor<double> scores = matmul(Var<double>(z), Var<double>(z), {.transpose_b = true}).value();
  for (const Case& c : cases) {
    OpCase o = op(c, scores, views);
    check_threads(o);
    auto run = [&] { return value_and_gradients(o.in_float, o.inputs); };
    auto narrow = with_isa(backend::Isa::avx2, run), wide = with_isa(backend::Isa::avx512, run);
    for (std::size_t i = 0; i < wide.size(); ++i) CHECK(same_bits(narrow[i], wide[i]));
  }
}

TEST_CASE("plain on two views it is NT-Xent, on a key and a queue MoCo's loss") {
  for (double temperature : {.07, .5}) {
    auto z = unit_rows({34, 12}), key = unit_rows({34, 12}, 2), queue = unit_rows({50, 12}, 3);
    ContrastOptions o{.temperature = temperature};
    auto views = [&](const auto& v) {
      return contrast(matmul(v[0], v[0], {.transpose_b = true}), view_relations(34), o);
    };
    auto queued = [&]<class T>(const std::vector<Var<T>>& v) {
      std::vector<Var<T>> scores{reshape(row_dot(v[0], Var<T>(converted<T>(key))), {34, 1}),
                                 matmul(v[0], Var<T>(converted<T>(queue)), {.transpose_b = true})};
      return contrast(concat(scores, 1), queue_relations(34, 50), o);
    };
    auto fused_views = [&](const auto& v) { return nt_xent(v[0], temperature); };
    auto fused_queue = [&]<class T>(const std::vector<Var<T>>& v) {
      return info_nce(v[0], converted<T>(key), converted<T>(queue), {.temperature = temperature});
    };
    check_agrees<double>(views, fused_views, {z}, 1e-12);
    check_agrees<float>(views, fused_views, {z}, 1e-5);
    check_agrees<double>(queued, fused_queue, {z}, 1e-12);
    check_agrees<float>(queued, fused_queue, {z}, 1e-5);
  }
}

TEST_CASE("choices that leave everything in change nothing; of equals the first stays") {
  auto s = scores_of(mixed);
  double plain = contrast(Var<double>(s), mixed, {.temperature = .5}).item();
  for (const NegativeChoice& c : {NegativeChoice{.hardest = 7}, {.hardest = 100}, {.ring = .1}})
    CHECK(contrast(Var<double>(s), mixed, {.temperature = .5, .negatives = c}).item() == plain);

  Tape tape;
  Var<double> v = variable(tape, Tensor<double>::of({1, 4}, {.5, .2, .2, .2}));
  backward(contrast(v, queue_relations(1, 3), {.negatives = {.hardest = 1}}));
  CHECK(v.grad()[1] > 0);
  CHECK(v.grad()[2] == 0);
  CHECK(v.grad()[3] == 0);
}

TEST_CASE("what a policy does to the push: hard weights press the near, the ring lets the nearest go") {
  auto push = [](const ContrastOptions& o) {  // from a negative at .9, .5 and -.5, as shares
    Tape tape;
    Var<double> v = variable(tape, Tensor<double>::of({1, 4}, {.7, .9, .5, -.5}));
    backward(contrast(v, queue_relations(1, 3), o));
    double sum = v.grad()[1] + v.grad()[2] + v.grad()[3];
    return std::vector<double>{v.grad()[1] / sum, v.grad()[2] / sum, v.grad()[3] / sum};
  };
  auto plain = push({.temperature = .5}), hard = push({.temperature = .5, .beta = 1});
  CHECK(hard[0] > plain[0] + .1);
  CHECK(hard[2] < plain[2] - .05);
  auto ring = push({.temperature = .5, .negatives = {.ring = .34}}), semi = push({.negatives = {.semi_hard = .3}});
  CHECK(ring[0] == 0);
  CHECK(ring[1] > ring[2]);
  CHECK(semi[0] == 0);
  CHECK(semi[1] == 1);
  CHECK(semi[2] == 0);
}

TEST_CASE("equal scores cost the log of the count, and cold temperatures stay finite in float") {
  auto equal = Tensor<float>::full({2, 101}, .3f);
  CHECK(contrast(Var<float>(equal), queue_relations(2, 100), {.temperature = .07}).item() ==
        doctest::Approx(std::log(101.)).epsilon(1e-6));
  for (const Case& c : cases) {
    CAPTURE(c.name);
    ContrastOptions o = c.options;
    o.temperature = .003;
    Tape tape;
    Var<float> v = variable(tape, converted<float>(scores_of(mixed)));
    Var<float> loss = contrast(v, mixed, o);
    CHECK(std::isfinite(loss.item()));
    backward(loss);
    for (float g : v.grad().span()) CHECK(std::isfinite(g));
  }
}

// The guard against the trivial solution. At the constant solution itself the pushes of unit rows cancel; beside it
// they must not, and descent must leave it.
TEST_CASE("from near the constant solution rows move apart under each policy, and without negatives they do not") {
  auto spread_after = [](const Relations& relation, const ContrastOptions& o, int steps) {
    auto z = randn({16, 8});
    for (double& x : z.span()) x = 1 + 1e-2 * x;
    for (int step = 0; step < steps; ++step) {
      Tape tape;
      Var<double> raw = variable(tape, z), u = l2_normalize(raw);
      backward(contrast(matmul(u, u, {.transpose_b = true}), relation, o));
      for (i64 i = 0; i < z.size(); ++i) z[i] -= raw.grad()[i];
    }
    return eval::spread(z);
  };
  Relations guarded = view_relations(16), attraction = guarded.clone();
  for (Relation& r : attraction.span()) r = r == negative ? ignored : r;
  CHECK(spread_after(guarded, {}, 0) < .01);
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(spread_after(guarded, c.options, 200) > .1);  // 1 / sqrt(8) is .35
  }
  for (Denominator d : {Denominator::all, Denominator::own})
    CHECK(spread_after(attraction, {.temperature = .5, .denominator = d}, 200) < .01);
}

TEST_CASE("a row is not its own negative: else even a perfect solution would cost") {
  auto z = Tensor<double>::of({4, 2}, {1, 0, -1, 0, 1, 0, -1, 0});  // partners equal, the others opposite
  Tensor<double> scores = matmul(Var<double>(z), Var<double>(z), {.transpose_b = true}).value();
  Relations guarded = view_relations(4), unguarded = guarded.clone();
  for (i64 i = 0; i < 4; ++i) unguarded[i * 4 + i] = negative;
  CHECK(contrast(Var<double>(scores), guarded, {.temperature = .1}).item() < 1e-8);
  CHECK(contrast(Var<double>(scores), unguarded, {.temperature = .1}).item() > .69);
}

TEST_CASE("pairs and banks cost the same by the way that is fast and by all scores") {
  auto q = unit_rows({12, 5}), key = unit_rows({12, 5}, 2), bank = unit_rows({9, 5}, 3);
  ContrastOptions plain{.temperature = .2}, all{.temperature = .2, .negatives = {.hardest = 100}};
  for (Denominator d : {Denominator::all, Denominator::own}) {
    plain.denominator = all.denominator = d;
    auto pairs = [&](const ContrastOptions& o) {
      return [&, o](const std::vector<Var<double>>& x) { return contrast_pairs(x[0], key, o); };
    };
    check_agrees<double>(pairs(plain), pairs(all), {q}, 1e-12);
  }
  Var<double> v(q), scores = matmul(v, Var<double>(key), {.transpose_b = true});
  Tensor<i64> own({12});
  for (i64 i = 0; i < 12; ++i) own[i] = i;
  CHECK(contrast_pairs(v, key, plain).item() == cross_entropy(scores * 5, own).item());
  CHECK(contrast_pairs(v, key, {.temperature = .2, .negatives = {.hardest = 2}}).item() <
        contrast_pairs(v, key, plain).item());
  check_message([&] { contrast_pairs(v, bank, plain); }, {"contrast_pairs", "[12, 5]", "[9, 5]", "equal shapes"});

  CHECK(in_place_of("x", NceForm::info_nce, .3, {.beta = 2}).temperature == .3);
  CHECK(in_place_of("x", NceForm::info_nce, .3, {.beta = 2}).beta == 2);
  check_message([&] { in_place_of("x", NceForm::nce_constant, .3, {}); }, {"x", "choice of negatives", "info_nce"});
}

TEST_CASE("batches of views and queues take the fast loss where it is the same, and mixes are negatives like others") {
  auto z = unit_rows({12, 5}), key = unit_rows({12, 5}, 2), queue = unit_rows({9, 5}, 3), mixes = unit_rows({24, 5}, 4);
  ContrastOptions plain{.temperature = .2}, hard{.temperature = .2, .beta = 1, .tau_plus = .1};
  auto bits = [](const Var<double>& a, const Var<double>& b) { return a.item() == b.item(); };
  Var<double> v(z);
  CHECK(bits(contrast_views(v, plain), nt_xent(v, .2)));
  CHECK(bits(contrast_queue(v, key, queue, plain), info_nce(v, key, queue, {.temperature = .2})));
  CHECK(!bits(contrast_views(v, hard), nt_xent(v, .2)));
  CHECK(contrast_queue(v, key, queue, {.temperature = .2, .denominator = Denominator::none}).item() <
        contrast_queue(v, key, queue, plain).item());

  // every sample's mixes are the same two rows: as if the queue had them
  auto extra = Tensor<double>({12, 2, 5});
  for (i64 i = 0; i < 12; ++i) extra.rows(i, i + 1).copy_from(mixes.rows(0, 2).reshape({1, 2, 5}));
  Tensor<double> longer({11, 5});
  longer.rows(0, 9).copy_from(queue);
  longer.rows(9, 11).copy_from(mixes.rows(0, 2));
  for (const ContrastOptions& o : {plain, hard}) {
    auto with = [&](const std::vector<Var<double>>& x) { return contrast_queue(x[0], key, queue, o, extra); };
    auto grown = [&](const std::vector<Var<double>>& x) { return contrast_queue(x[0], key, longer, o); };
    check_agrees<double>(with, grown, {z}, 1e-12);
  }
  check_message([&] { contrast_queue(v, key, queue, plain, mixes); }, {"contrast_queue", "[24, 5]", "[B, S, D]"});
}

TEST_CASE("a score that is no number reaches the loss, and bad calls are refused with the rule") {
  for (const Case& c : cases) {
    CAPTURE(c.name);
    auto s = scores_of(mixed);
    s[1] = std::nan("");
    CHECK(std::isnan(contrast(Var<double>(s), mixed, c.options).item()));
  }
  Var<double> s(scores_of(mixed));
  check_message([&] { contrast(s, view_relations(8), {}); }, {"contrast", "[5, 8]", "[8, 8]", "[B, M]"});
  check_message([&] { contrast(s, Relations::full({5, 8}, negative), {}); }, {"contrast", "no row", "positive"});
  check_message([&] { contrast(s, mixed, {.temperature = 0}); }, {"contrast", "temperature", "not above 0"});
  check_message([&] { contrast(s, mixed, {.tau_plus = 1}); }, {"tau_plus 1.0", "below 1"});
  check_message([&] { contrast(s, mixed, {.negatives = {.ring = 1}}); }, {"ring 1.0", "below 1"});
  check_message([&] { contrast(s, mixed, {.negatives = {.hardest = -1}}); }, {"hardest -1", "below 0"});
}
