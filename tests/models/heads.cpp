#include "../nn/check.hpp"

#include <nacre/models/heads.hpp>
#include <nacre/models/mlp.hpp>

using namespace nacre;
using namespace nacre::test;
using Names = std::vector<std::string>;

namespace {

// y = x w^T + b with loops.
Tensor<double> plain(const nn::Linear<double>& l, const Tensor<double>& x) {
  i64 in = l.weight.shape()[1], out = l.weight.shape()[0];
  Tensor<double> y({x.dim(0), out});
  for (i64 r = 0; r < x.dim(0); ++r)
    for (i64 o = 0; o < out; ++o) {
      y[r * out + o] = l.bias.value()[o];
      for (i64 i = 0; i < in; ++i) y[r * out + o] += x[r * in + i] * l.weight.value()[o * in + i];
    }
  return y;
}

}  // namespace

TEST_CASE("the image head is linear, or has one hidden layer") {
  models::ImageHead<double> linear(6, 4, false, Key{1}), mlp(6, 4, true, Key{1});
  CHECK(names(linear) == Names{"weight", "bias"});
  CHECK(names(mlp) == Names{"hidden.weight", "hidden.bias", "weight", "bias"});
  auto x = randn({3, 6});
  CHECK(difference(linear(Var<double>(x)).value(), plain(linear.out, x)) < 1e-12);
  auto h = plain(mlp.hidden, x);
  for (double& v : h.span()) v = std::max(v, 0.0);
  CHECK(difference(mlp(Var<double>(x)).value(), plain(mlp.out, h)) < 1e-12);
  check_module(linear, x);
  check_module(mlp, x);
}

TEST_CASE("the jigsaw head lays the nine patches of a picture side by side in the given order") {
  models::JigsawHead<double> head(5, 4, 9, Key{1});
  CHECK(names(head) == Names{"patch.weight", "patch.bias", "jigsaw.weight", "jigsaw.bias"});
  CHECK(head.jigsaw.weight.shape() == Shape{4, 36});
  auto x = randn({18, 5});
  auto y = head(Var<double>(x)).value();
  CHECK(y.shape() == Shape{2, 4});

  auto rows = plain(head.patch, x);
  Tensor<double> wide({2, 36});
  for (i64 picture = 0; picture < 2; ++picture)
    for (i64 cell = 0; cell < 9; ++cell)
      for (i64 d = 0; d < 4; ++d) wide[picture * 36 + cell * 4 + d] = rows[(picture * 9 + cell) * 4 + d];
  CHECK(difference(y, plain(head.jigsaw, wide)) < 1e-12);

  Tensor<double> swapped = x.clone();
  for (i64 i = 0; i < 5; ++i) std::swap(swapped[i], swapped[5 + i]);
  auto z = head(Var<double>(swapped)).value();
  CHECK(difference(z.rows(0, 1), y.rows(0, 1)) > 1e-3);  // the order counts
  CHECK(same_bits(z.rows(1, 2).clone(), y.rows(1, 2).clone()));
  check_module(models::JigsawHead<double>(2, 2, 9, Key{1}), randn({9, 2}));
}

TEST_CASE("of a single piece the jigsaw head is one linear layer") {
  models::JigsawHead<double> head(5, 4, 1, Key{1});
  CHECK(names(head) == Names{"patch.weight", "patch.bias"});
  auto x = randn({3, 5});
  CHECK(difference(head(Var<double>(x)).value(), plain(head.patch, x)) < 1e-12);
  check_module(head, x);
}

TEST_CASE("the puzzle head scores the permutations") {
  models::PuzzleHead<double> head(3, 2, 4, 5, Key{2});
  CHECK(names(head) == Names{"patch.weight", "patch.bias", "bn.weight", "bn.bias", "out.weight", "out.bias",
                             "bn.running_mean", "bn.running_var"});
  CHECK(head(Var<double>(randn({8, 3}))).shape() == Shape{2, 5});
  Tape tape;
  head(constant(tape, randn({8, 3})));
  CHECK(head.bn.running_var.value()[0] != 1);

  // patch.bias stands before batch norm, so its gradient is 0 and only the others are checked by finite differences.
  auto x = randn({8, 3});
  auto report = gradcheck([&](const auto& v) { return head(v[0]); }, {x}, {.step = 1e-4});
  CHECK_MESSAGE(report.ok(), report.str());
  check_module(head, x, Mode::infer);
}

TEST_CASE("features that are not whole pictures are refused") {
  models::JigsawHead<double> jigsaw(5, 4, 9, Key{1});
  check_message([&] { jigsaw(Var<double>(randn({10, 5}))); }, {"jigsaw_head", "[10, 4]", "[B * 9, F]"});
  models::PuzzleHead<double> puzzle(5, 4, 9, 3, Key{1});
  check_message([&] { puzzle(Var<double>(randn({8, 5}))); }, {"puzzle_head", "[8, 4]", "[B * 9, F]"});
}

TEST_CASE("an MLP has relu between its layers and batch norm where it is asked for") {
  models::Mlp<double> plain_mlp({4, 3, 2}, {}, Key{1});
  CHECK(names(plain_mlp) == Names{"0.linear.weight", "0.linear.bias", "1.linear.weight", "1.linear.bias"});
  auto x = randn({5, 4});
  auto h = plain(plain_mlp.layers[0].linear, x);
  for (double& v : h.span()) v = std::max(v, 0.0);
  CHECK(difference(plain_mlp(Var<double>(x)).value(), plain(plain_mlp.layers[1].linear, h)) < 1e-12);
  check_module(plain_mlp, x);

  models::Mlp<double> normed({4, 3, 2}, {.batch_norm = true}, Key{1});
  CHECK(names(normed) == Names{"0.linear.weight", "0.bn.weight", "0.bn.bias", "1.linear.weight", "1.linear.bias",
                               "0.bn.running_mean", "0.bn.running_var"});
  check_module(normed, x, Mode::train, 1e-4);
  CHECK(names(models::Mlp<double>({4, 3}, {.norm_output = true}, Key{1})) ==
        Names{"0.linear.weight", "0.bn.weight", "0.bn.bias", "0.bn.running_mean", "0.bn.running_var"});
  check_message([] { models::Mlp<double>({4}, {}, Key{1}); }, {"mlp", "two widths"});
}
