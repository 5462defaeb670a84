#include <nacre/losses/margin.hpp>

#include "../helpers.hpp"

#include <nacre/ops/distance.hpp>
#include <nacre/ops/normalize.hpp>

using namespace nacre;
using namespace nacre::losses;
using namespace nacre::test;

namespace {

const Relations classes = label_relations(Tensor<i64>::of({7}, {0, 0, 0, 1, 1, 2, 3}));  // the last two: no positive

double textbook(const Tensor<double>& s, const Relations& r, double margin) {
  i64 n = r.dim(1), pairs = 0;
  double total = 0;
  for (i64 i = 0; i < r.dim(0); ++i)
    for (i64 p = 0; p < n; ++p) {
      if (r[i * n + p] != Relation::positive) continue;
      double sum = 0, count = 0;
      for (i64 k = 0; k < n; ++k)
        if (r[i * n + k] == Relation::negative) sum += std::max(0., s[i * n + k] - s[i * n + p] + margin), ++count;
      total += sum / count;
      ++pairs;
    }
  return total / static_cast<double>(pairs);
}

Tensor<double> gradient(const Tensor<double>& scores, const Relations& r, const TripletOptions& o) {
  Tape tape;
  Var<double> v = variable(tape, scores);
  backward(triplet(v, r, o));
  return v.grad();
}

}  // namespace

TEST_CASE("the triplet hinge is the textbook's, and its gradient is right for every choice") {
  auto s = spread({7, 7});
  CHECK(triplet(Var<double>(s), classes, {.margin = .51}).item() ==
        doctest::Approx(textbook(s, classes, .51)).epsilon(1e-13));
  for (const NegativeChoice& c : {NegativeChoice{}, {.semi_hard = .52}, {.ring = .3}, {.hardest = 2},
                                  {.semi_hard = .52, .hardest = 1}}) {
    auto f = [=](const auto& v) { return triplet(v[0], classes, {.margin = .51, .negatives = c}); };
    check_op(op_case("triplet", f, {s}));
    check_threads(op_case("triplet", f, {s}));
  }
}

TEST_CASE("the hardest are those most like the row, semi-hard ones the most like it beyond the positive") {
  auto r = queue_relations(1, 4);
  auto s = Tensor<double>::of({1, 5}, {.6, .7, .5, .3, -.9});
  auto hardest = gradient(s, r, {.margin = .5, .negatives = {.hardest = 2}});
  CHECK(std::vector<double>(hardest.span().begin(), hardest.span().end()) == std::vector<double>{-1, .5, .5, 0, 0});
  auto semi = gradient(s, r, {.margin = .2, .negatives = {.semi_hard = .2, .hardest = 1}});
  CHECK(std::vector<double>(semi.span().begin(), semi.span().end()) == std::vector<double>{-1, 0, 1, 0, 0});
}

TEST_CASE("beyond the margin there is neither loss nor pull") {
  auto s = Tensor<double>::of({1, 3}, {.9, .3, .39});
  CHECK(triplet(Var<double>(s), queue_relations(1, 2), {.margin = .5}).item() == 0);
  for (double g : gradient(s, queue_relations(1, 2), {.margin = .5}).span()) CHECK(g == 0);
}

TEST_CASE("squared distances make the loss of time-contrastive networks") {
  std::vector<Tensor<double>> x{randn({7, 3})};
  auto frames = frame_relations(Tensor<i64>::of({7}, {0, 0, 0, 0, 1, 1, 1}),
                                Tensor<i64>::of({7}, {0, 1, 5, 6, 0, 1, 9}), {.positive = 1, .negative = 4});
  auto f = [=](const auto& v) { return triplet(-squared_distances(v[0], v[0]), frames, {.margin = .2}); };
  GradReport report = gradcheck(f, x);
  CHECK_MESSAGE(report.ok(), report.str());
  CHECK(!gradcheck(f, x, {.break_step = 0}).ok(1e-3));
}

TEST_CASE("the contrastive margin pulls related pairs by d^2 and pushes others within eta") {
  auto r = Relations::of({4}, {Relation::positive, Relation::negative, Relation::negative, Relation::ignored});
  auto squared = Tensor<double>::of({4}, {.49, .25, 1.21, .01});
  CHECK(contrastive_margin(Var<double>(squared), r, .99).item() ==
        doctest::Approx((.49 + .49 * .49) / 3).epsilon(1e-14));
  check_op(op_case("pairs", [=](const auto& v) { return contrastive_margin(v[0], r, .99); }, {squared}));
  check_op(op_case("rows", [=](const auto& v) {
    return contrastive_margin(row_squared_distances(l2_normalize(v[0]), l2_normalize(v[1])), r, 1.7);
  }, {randn({4, 3}, 1), randn({4, 3}, 2)}));
}

TEST_CASE("an unrelated pair that coincides has no direction: it costs eta^2 and stays finite") {
  Tape tape;
  Var<float> a = variable(tape, Tensor<float>::full({2, 3}, .5f));
  auto r = Relations::of({2}, {Relation::negative, Relation::positive});
  Var<float> loss = contrastive_margin(row_squared_distances(a, Var<float>(a.value())), r, 1);
  CHECK(loss.item() == .5f);
  backward(loss);
  for (float g : a.grad().span()) CHECK(g == 0);
}

// The guard against the trivial solution: without its second half the margin loss is content with one point.
TEST_CASE("from near the constant solution negatives move rows apart, and without them they meet") {
  auto spread_after = [](const Relations& relation) {
    auto z = randn({7, 4});
    for (double& x : z.span()) x = 1 + 1e-2 * x;
    for (int step = 0; step < 200; ++step) {
      Tape tape;
      Var<double> raw = variable(tape, z), u = l2_normalize(raw);
      backward(contrastive_margin(squared_distances(u, u), relation, .99));
      for (i64 i = 0; i < z.size(); ++i) z[i] -= raw.grad()[i];
    }
    Var<double> u = l2_normalize(Var<double>(z));
    return mean(squared_distances(u, u)).item();
  };
  Relations attraction = classes.clone();
  for (Relation& r : attraction.span()) r = r == Relation::negative ? Relation::ignored : r;
  CHECK(spread_after(classes) > .3);
  CHECK(spread_after(attraction) < 1e-3);
}

TEST_CASE("a number that is none reaches the loss, and bad calls are refused with the rule") {
  auto s = spread({7, 7});
  s[3] = std::nan("");  // row 0, a negative
  for (const NegativeChoice& c : {NegativeChoice{}, {.semi_hard = .5}, {.ring = .3}, {.hardest = 2}})
    CHECK(std::isnan(triplet(Var<double>(s), classes, {.negatives = c}).item()));
  for (Relation r : {Relation::positive, Relation::negative})
    CHECK(std::isnan(
        contrastive_margin(Var<double>(Tensor<double>::full({1}, std::nan(""))), Relations::full({1}, r), 1).item()));
  Var<double> v(s);
  check_message([&] { triplet(v, classes, {.margin = -1}); }, {"triplet", "margin -1", "below 0"});
  check_message([&] { triplet(v, queue_relations(7, 3), {}); }, {"triplet", "[7, 7]", "[7, 4]"});
  check_message([&] { contrastive_margin(v, queue_relations(7, 3), 1); }, {"contrastive_margin", "[7, 7]", "[7, 4]"});
  check_message([&] { contrastive_margin(v, classes, 0); }, {"contrastive_margin", "eta", "not above 0"});
}
