// The published golden values: each loss on the waves, its value and two of its derivatives, in double.
// Those of PIRL's terms, and of NT-Xent and MoCo without their scores, stand in the tests of these headers; measures of
// collapse in tests/eval/metrics.cpp.
#include "../helpers.hpp"
#include "wave.hpp"

#include <nacre/bank/memory_bank.hpp>
#include <nacre/losses/align_uniform.hpp>
#include <nacre/losses/contrast.hpp>
#include <nacre/losses/margin.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/ops/shape.hpp>
#include <nacre/ops/similarity.hpp>

using namespace nacre;
using namespace nacre::losses;
using namespace nacre::test;

namespace {

using V = Var<double>;

V unit(const V& x) { return l2_normalize(x); }
V products(const V& a, const V& b) { return matmul(a, b, {.transpose_b = true}); }

// The scores a method makes of A and P, and who is related there.
V two_views(const V& a, const V& p, const ContrastOptions& o) {
  V z = unit(concat(std::vector<V>{a, p}, 0));
  return contrast(products(z, z), view_relations(8), o);
}
V moco(const V& a, const V& p, double temperature) {
  V key = reshape(row_dot(unit(a), unit(p)), {4, 1}), queue = products(unit(a), unit(V(wave(12, 8, 2))));
  return contrast(concat(std::vector<V>{key, queue}, 1), queue_relations(4, 12), {.temperature = temperature});
}
V cpc(const V& a, const V& p) {
  return contrast(products(products(a, V(wave(8, 8, 3)) * .1), p), pair_relations(4), {.temperature = 1});
}
V vince(const V& a, const V& p) {
  auto video = Tensor<i64>::of({4}, {0, 0, 1, 1});
  auto relation = beside(label_relations(video, video), Relations::full({4, 12}, Relation::negative));
  V scores = concat(std::vector<V>{products(unit(a), unit(p)), products(unit(a), unit(V(wave(12, 8, 2))))}, 1);
  return contrast(scores, relation, {.temperature = .07, .denominator = Denominator::own});
}
V wang_gupta(const V& a, const V& positive, const V& negative) {
  V near = reshape(row_dot(unit(a), unit(positive)), {4, 1}), far = reshape(row_dot(unit(a), unit(negative)), {4, 1});
  return triplet(concat(std::vector<V>{near, far}, 1), queue_relations(4, 1), {.margin = .5});
}
V next_row(const V& p) { return gather_rows(p, Tensor<i64>::of({4}, {1, 2, 3, 0})); }

struct Row {
  std::string name;
  std::function<V(const V& a, const V& p)> loss;
  double value, g00, g25;  // and the derivatives by A[0][0] and A[2][5]
};

const Row table[] = {
    {"NT-Xent .1", [](const V& a, const V& p) { return two_views(a, p, {.temperature = .1}); },
     0.310961290, -.0586486, .2206232},
    {"NT-Xent .5", [](const V& a, const V& p) { return two_views(a, p, {.temperature = .5}); },
     0.948499588, -.0021021, .0522915},
    {"decoupled", [](const V& a, const V& p) {
       return two_views(a, p, {.temperature = .5, .denominator = Denominator::none});
     }, 0.426071249, .0014306, .0722703},
    {"MoCo .07", [](const V& a, const V& p) { return moco(a, p, .07); }, 0.345412593, -.0124152, .4173886},
    {"MoCo .2", [](const V& a, const V& p) { return moco(a, p, .2); }, 0.677303691, -.1065665, .1117046},
    {"debiased .05", [](const V& a, const V& p) { return two_views(a, p, {.temperature = .5, .tau_plus = .05}); },
     0.848992664, -.0018020, .0581583},
    {"debiased .1", [](const V& a, const V& p) { return two_views(a, p, {.temperature = .5, .tau_plus = .1}); },
     0.722527194, -.0008636, .0652487},
    {"hard .5", [](const V& a, const V& p) {
       return two_views(a, p, {.temperature = .5, .beta = .5, .tau_plus = .1});
     }, 1.031589556, -.0202521, .0817401},
    {"hard 1", [](const V& a, const V& p) { return two_views(a, p, {.temperature = .5, .beta = 1, .tau_plus = .1}); },
     1.248227426, -.0282068, .1022521},
    {"hard 2", [](const V& a, const V& p) { return two_views(a, p, {.temperature = .5, .beta = 2, .tau_plus = .1}); },
     1.463889718, -.0299986, .1269697},
    {"CPC", cpc, 1.802656129, -.0238564, -.0541814},
    {"VINCE", vince, 3.068477715, -.8561545, .8525786},
    {"alignment", [](const V& a, const V& p) { return alignment(unit(a), unit(p)); }, 0.241764159, -.0660618, .0532558},
    {"uniformity", [](const V& a, const V&) { return uniformity(unit(a)); }, -2.858675321, .1705510, .0678147},
    {"triplet, partners apart", [](const V& a, const V& p) { return wang_gupta(a, next_row(p), p); },
     1.526333619, -.0251449, .0317734},
    {"triplet, partners near", [](const V& a, const V& p) { return wang_gupta(a, p, next_row(p)); }, 0, 0, 0},
};

}  // namespace

TEST_CASE("the published golden values are reproduced to six digits") {
  for (const Row& row : table) {
    CAPTURE(row.name);
    Tape tape;
    V a = variable(tape, wave(4, 8, 0)), p = variable(tape, wave(4, 8, .5));
    V loss = row.loss(a, p);
    CHECK(std::abs(loss.item() - row.value) < 1e-9);
    backward(loss);
    CHECK(std::abs(a.grad()[0] - row.g00) < 6e-8);
    CHECK(std::abs(a.grad()[2 * 8 + 5] - row.g25) < 6e-8);
  }
}

TEST_CASE("a cosine loss pulls at right angles to its row") {
  for (const Row& row : table) {
    if (row.name == "CPC") continue;  // its scores are no cosines
    CAPTURE(row.name);
    Tape tape;
    V a = variable(tape, wave(4, 8, 0)), p = variable(tape, wave(4, 8, .5));
    backward(row.loss(a, p));
    V along = row_dot(V(a.grad()), V(a.value()));
    for (double x : along.value().span()) CHECK(std::abs(x) < 1e-12);
  }
}

TEST_CASE("uniformity of 16 waves, and a bank's row after one update, are the published ones") {
  CHECK(std::abs(uniformity(unit(V(wave(16, 8, 1)))).item() - -3.436015778) < 1e-9);

  MemoryBank<double> bank(16, 8, Key{1}, 0.5);
  Tensor<i64> all({16});
  for (i64 i = 0; i < 16; ++i) all[i] = i;
  bank.assign(all, unit(V(wave(16, 8, 1))).value());
  bank.update(Tensor<i64>::of({1}, {3}), unit(V(wave(4, 8, 0))).value().rows(0, 1));
  const double expected[] = {.01744102, .00308402, .25820837, .11402710};
  for (i64 j = 0; j < 4; ++j) CHECK(std::abs(bank.rows()[3 * 8 + j] - expected[j]) < 6e-9);
}
