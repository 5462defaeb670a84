// Which negatives push, and how hard: one batch, seen through each policy of losses/contrast.hpp.
//
//   240 things of 10 classes on a sphere; classes 0 and 1, 2 and 3, .. are alike. Each is seen twice. The loss pulls a
//   row to the other view of its thing and pushes it from 239 more. It has no labels, so it cannot know that of these
//     23 are false negatives: of the row's own class, they ought to be left alone;
//     24 are hard ones: of the class that is alike, here is something to be learnt;
//     192 are easy ones: far away already.
//
// The table shows whom the push dL/dscore falls on. A cold temperature, beta and hardest-k press what is near, and the
// nearest of all are mostly false; the ring lets those go. Debiasing hardly changes the shares: it takes what false
// negatives are expected to weigh off the sum, and all forces grow: the last column is the push of all rows together.
//
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude examples/11_negatives.cpp -ltbb -o negatives && ./negatives [SEED]
#include <nacre/bank/mochi.hpp>
#include <nacre/losses/contrast_batch.hpp>
#include <nacre/ops/normalize.hpp>

#include <cstdio>
#include <cstdlib>

namespace nc = nacre;
using nc::i64;
using nc::losses::ContrastOptions, nc::losses::Denominator, nc::losses::Relation, nc::losses::Relations;

const i64 things = 240, of_a_class = 24, dim = 16;

// Unit rows: what two classes have in common, what the class has of its own, the thing, and the view.
nc::Tensor<double> seen(const char* view, nc::Key key) {
  auto x = nc::Tensor<double>::zeros({things, dim});
  for (i64 i = 0; i < things; ++i) {
    auto add = [&](const char* what, i64 number, double size) {
      nc::Random random(key.fold(what).fold(static_cast<nc::u64>(number)));
      for (i64 d = 0; d < dim; ++d) x[i * dim + d] += size * random.normal();
    };
    add("pair", i / of_a_class / 2, 1.0);
    add("class", i / of_a_class, 0.6);
    add("thing", i, 0.5);
    add(view, i, 0.3);
  }
  return nc::l2_normalize(nc::Var<double>(x)).value();
}

int main(int argc, char** argv) {
  const nc::Key key{.seed = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1};
  nc::Tensor<double> one = seen("one view", key), two = seen("the other", key);
  auto plain_scores = nc::matmul(nc::Var<double>(one), nc::Var<double>(two), {.transpose_b = true}).value();
  Relations pairs = nc::losses::pair_relations(things);  // row i and column i; nothing else is known to be related

  auto show = [&](const char* name, nc::Tensor<double> similar, const Relations& relation, const ContrastOptions& o) {
    nc::Tape tape;
    auto scores = nc::variable(tape, similar);
    nc::backward(nc::losses::contrast(scores, relation, o));

    double push[4] = {}, all = 0;  // easy, hard, false, mixed
    for (i64 i = 0; i < things; ++i)
      for (i64 j = 0; j < similar.dim(1); ++j) {
        if (i == j) continue;
        i64 a = i / of_a_class, b = j / of_a_class;
        double g = scores.grad()[i * similar.dim(1) + j];
        push[j >= things ? 3 : a == b ? 2 : a / 2 == b / 2 ? 1 : 0] += g;
        all += g;
      }
    std::printf("%-33s", name);
    for (double p : push) std::printf(" %5.1f", 100 * p / all);
    std::printf(" %8.2f\n", all);
  };
  auto policy = [&](const char* name, const ContrastOptions& o) { show(name, plain_scores, pairs, o); };

  std::printf("share of the push, in percent      easy  hard false mixed   in all\n\n");
  policy("likeness does not matter", {.temperature = 1e6});
  policy("plain, temperature 0.5", {.temperature = .5});
  policy("plain, temperature 0.1", {.temperature = .1});
  policy("decoupled", {.temperature = .5, .denominator = Denominator::none});
  policy("hard weights, beta 1", {.temperature = .5, .beta = 1});
  policy("the 24 hardest", {.temperature = .5, .negatives = {.hardest = 24}});
  policy("semi-hard, within 0.3", {.temperature = .5, .negatives = {.semi_hard = .3}});
  policy("ring: without the nearest 10 %", {.temperature = .5, .negatives = {.ring = .1}});
  policy("annulus: then the 24 hardest", {.temperature = .5, .negatives = {.ring = .1, .hardest = 24}});
  policy("debiased, tau_plus 0.1", {.temperature = .5, .tau_plus = .1});
  policy("hard weights, debiased", {.temperature = .5, .beta = 1, .tau_plus = .1});

  // MoCHi: to each row 32 negatives more, mixed from its 24 hardest
  auto mixes =
      nc::mochi(one, two, {.hardest = 24, .mixes = 24, .query_mixes = 8}, key.fold("mixes")).reshape({-1, dim});
  nc::Tensor<i64> own({things, 32});
  for (i64 i = 0; i < own.size(); ++i) own[i] = i;
  std::vector<nc::Var<double>> both{plain_scores, nc::gathered_dot(nc::Var<double>(one), mixes, own)};
  show("32 more, mixed of the 24 hardest", nc::concat(both, 1).value(),
       beside(pairs, Relations::full({things, 32}, Relation::negative)), {.temperature = .5});
}
