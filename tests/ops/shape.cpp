// ops/shape.hpp: what moves elements.
#include "../helpers.hpp"

#include <nacre/ops/shape.hpp>

using namespace nacre;
using namespace nacre::test;

using I = Tensor<i64>;

TEST_CASE("ops that move elements carry the gradient back along the same path") {
  check_op(op_case("reshape", [](const auto& x) { return reshape(x[0], {2, -1}); }, {randn({4, 3})}));
  check_op(op_case("transpose", [](const auto& x) { return transpose(x[0]); }, {randn({1, 1})}));
  check_op(op_case("transpose", [](const auto& x) { return transpose(x[0]); }, {randn({17, 35})}));
  for (int extent : {0, 1, -1}) {
    auto joined = [=](const auto& x) { return concat(x, extent); };
    check_op(
        op_case("stack", [=](const auto& x) { return stack(x, extent); }, {randn({3, 2, 5}), randn({3, 2, 5}, 2)}));
    check_op(
        op_case("concat", joined, {randn({2, 3, 4}), randn(Shape{2, 3, 4}.with(extent, 1), 2), randn({2, 3, 4}, 3)}));
  }
  check_op(op_case("gather_rows",
                   [](const auto& x) {
                     return gather_rows(x[0], I::of({5}, {0, 2, 2, 1, 2}));
                   },
                   {randn({3, 17})}));
  check_op(op_case("gather_rows", [](const auto& x) { return gather_rows(x[0], I::of({1}, {0})); }, {randn({1})}));
  check_op(op_case("scatter_rows",
                   [](const auto& x) {
                     return scatter_rows(x[0], I::of({4}, {0, 4, 4, 1}), 5);
                   },
                   {randn({4, 2, 3})}));
  check_op(op_case("permute_patches",
                   [](const auto& x) {
                     return permute_patches(x[0], I::of({2, 3}, {2, 0, 1, 0, 2, 1}));
                   },
                   {randn({2, 3, 17})}));
}

TEST_CASE("a slice takes any extent, and what was left out has gradient 0") {
  for (int extent : {0, 1, -1})
    check_op(op_case("slice", [=](const auto& x) { return slice(x[0], extent, 1, 3) * slice(x[0], extent, 0, 2); },
                     {randn({4, 3, 5})}));
  Tape tape;
  auto x = variable(tape, randn<float>({2, 3}));
  auto y = slice(x, 1, 2, 3);
  CHECK(y.shape() == Shape{2, 1});
  CHECK(y.value()[1] == x.value()[5]);
  CHECK(slice(x, 0, 1, 1).shape() == Shape{0, 3});
  gradient_of(y).tensor.fill(2);
  tape.run_backward();
  CHECK(same_bits(x.grad(), Tensor<float>::of({2, 3}, {0, 0, 2, 0, 0, 2})));
}

TEST_CASE("concat and stack put things where they say") {
  Var<float> a(Tensor<float>::of({2, 1}, {1, 2})), b(Tensor<float>::of({2, 2}, {3, 4, 5, 6}));
  CHECK(same_bits(concat<float>({a, b}, 1).value(), Tensor<float>::of({2, 3}, {1, 3, 4, 2, 5, 6})));
  CHECK(same_bits(concat<float>({b, b}, 0).value(), Tensor<float>::of({4, 2}, {3, 4, 5, 6, 3, 4, 5, 6})));
  CHECK(same_bits(stack<float>({b, -b}, -1).value(), Tensor<float>::of({2, 2, 2}, {3, -3, 4, -4, 5, -5, 6, -6})));
  CHECK(same_bits(stack<float>({b, -b}).value(), Tensor<float>::of({2, 2, 2}, {3, 4, 5, 6, -3, -4, -5, -6})));
}

TEST_CASE("scatter_rows adds duplicates in the order of the index and leaves zeros elsewhere") {
  Var<float> x(Tensor<float>::of({4}, {1e8f, 1, -1e8f, 7}));
  auto y = scatter_rows(x, I::of({4}, {2, 2, 2, 0}), 4).value();
  CHECK(same_bits(y, Tensor<float>::of({4}, {7, 0, (1e8f + 1) - 1e8f, 0})));
}

TEST_CASE("permute_patches reorders each sample's patches by its own order") {
  Var<float> x(Tensor<float>::of({2, 3, 1}, {0, 1, 2, 10, 11, 12}));
  auto y = permute_patches(x, I::of({2, 3}, {2, 0, 1, 1, 2, 0})).value();
  CHECK(same_bits(y, Tensor<float>::of({2, 3, 1}, {2, 0, 1, 11, 12, 10})));
}

TEST_CASE("the thread count changes no bit of a gathered gradient") {
  I index({5000});
  Random random(Key{3});
  for (i64& i : index.span()) i = random.below(700);
  check_threads(op_case("gather_rows", [=](const auto& x) { return gather_rows(x[0], index); }, {randn({700, 37})}));
  check_threads(op_case("transpose", [=](const auto& x) { return transpose(x[0]); }, {randn({301, 403})}));
}

TEST_CASE("wrong shapes and indices are refused by name") {
  Var<float> x(randn<float>({2, 3})), v(randn<float>({3})), scalar(Tensor<float>::scalar(1));
  check_message([&] { reshape(x, {4, 2}); }, {"reshape", "[2, 3] to [4, 2]", "number of elements differs"});
  check_message([&] { slice(x, 2, 0, 1); }, {"slice", "extent 2", "x is [2, 3]"});
  check_message([&] { slice(x, 1, 1, 4); }, {"slice", "begin 1, end 4", "x is [2, 3]", "<= 3"});
  check_message([&] { slice(scalar, 0, 0, 1); }, {"slice", "x is []"});
  check_message([&] { concat<float>({}, 0); }, {"concat", "at least one"});
  check_message(
      [&] {
        concat<float>({x, v}, 0);
      },
      {"concat", "input 0 is [2, 3]", "input 1 is [3]", "need equal extents"});
  check_message(
      [&] {
        concat<float>({x, Var<float>(randn<float>({2, 4}))}, 0);
      },
      {"concat", "input 1 is [2, 4]", "extent 0"});
  check_message([&] { stack<float>({x, v}); }, {"stack", "input 0 is [2, 3]", "input 1 is [3]", "need equal shapes"});
  check_message([&] { stack<float>({x, x}, 3); }, {"stack", "extent 3", "rank 3"});
  check_message([&] { transpose(v); }, {"transpose", "x is [3]", "matrix"});
  check_message([&] { gather_rows(x, I::of({2}, {0, 2})); }, {"gather_rows", "index[1] is 2", "0 to 1"});
  check_message([&] { gather_rows(x, I::zeros({2, 1})); }, {"gather_rows", "x is [2, 3]", "index [2, 1]"});
  check_message([&] { scatter_rows(x, I::of({2}, {0, -1}), 4); }, {"scatter_rows", "index[1] is -1", "0 to 3"});
  check_message([&] { scatter_rows(x, I::zeros({3}), 4); }, {"scatter_rows", "x is [2, 3]", "index [3]"});
  Var<float> patches(randn<float>({1, 3, 2}));
  check_message([&] { permute_patches(patches, I::zeros({3})); },
                {"permute_patches", "x is [1, 3, 2]", "order [3]", "[B, P]"});
  check_message(
      [&] {
        permute_patches(patches, I::of({1, 3}, {0, 1, 1}));
      },
      {"permute_patches", "order[0, 2] is 1", "once"});
  check_message(
      [&] {
        permute_patches(patches, I::of({1, 3}, {0, 1, 3}));
      },
      {"permute_patches", "order[0, 2] is 3", "0 to 2"});
}

TEST_CASE("no rows give no rows") {
  Var<float> x(Tensor<float>({0, 3}));
  CHECK(gather_rows(x, I({0})).shape() == Shape{0, 3});
  CHECK(same_bits(scatter_rows(x, I({0}), 2).value(), Tensor<float>::zeros({2, 3})));
  CHECK(transpose(x).shape() == Shape{3, 0});
  CHECK(concat<float>({x, x}, 1).shape() == Shape{0, 6});
  CHECK(permute_patches(Var<float>(Tensor<float>({0, 9, 2})), I({0, 9})).shape() == Shape{0, 9, 2});
}
