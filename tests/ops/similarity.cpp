// ops/similarity.hpp: row_dot, gathered_dot.
#include "../helpers.hpp"

#include <nacre/ops/similarity.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

Tensor<i64> indices(i64 batch, i64 k, i64 n) {
  Tensor<i64> index({batch, k});
  Random random(Key{3});
  for (i64& i : index.span()) i = random.below(static_cast<u32>(n));
  return index;
}

// gathered_dot against a bank of n rows that is the same in float and double.
auto against_bank(i64 n, i64 dim, i64 batch, i64 k) {
  return [bank = randn({n, dim}, 5), index = indices(batch, k, n)](const auto& v) {
    using T = typename std::decay_t<decltype(v[0])>::value_type;
    return gathered_dot(v[0], converted<T>(bank), index);
  };
}

}  // namespace

TEST_CASE("inner products have the gradients they say") {
  for (const Shape& shape : {Shape{1, 1}, Shape{3, 5}, Shape{2, 33}}) {
    check_op(op_case("row_dot", [](const auto& v) { return row_dot(v[0], v[1]); }, {randn(shape), randn(shape, 2)}));
    for (i64 k : {1, 4, 7})
      check_op(op_case("gathered_dot", against_bank(9, shape[1], shape[0], k), {randn(shape)}));
  }
}

TEST_CASE("gathered_dot is the inner product with the rows that were asked for") {
  for (i64 dim : {1, 15, 16, 128, 131}) {
    auto z = randn({3, dim}), bank = randn({50, dim}, 2);
    auto index = indices(3, 523, 50);
    auto y = gathered_dot(Var<double>(z), bank, index).value();
    Tensor<double> expected(y.shape());
    for (i64 i = 0; i < y.size(); ++i) {
      expected[i] = 0;
      for (i64 d = 0; d < dim; ++d) expected[i] += z[i / 523 * dim + d] * bank[index[i] * dim + d];
    }
    CHECK(difference(y, expected) < 1e-13);
  }
}

TEST_CASE("neither the threads, the instruction set nor the rest of the batch change a bit") {
  OpCase c = op_case("gathered_dot", against_bank(1000, 131, 6, 1100), {randn({6, 131})});
  check_threads(c);
  auto run = [&] { return value_and_gradients(c.in_float, c.inputs); };
  auto expected = with_isa(backend::Isa::baseline, run);
  for (auto isa : {backend::Isa::avx2, backend::Isa::avx512}) {
    auto got = with_isa(isa, run);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(same_bits(got[i], expected[i]));
  }
  auto z = randn<float>({4, 48}), bank = randn<float>({100, 48}, 2);
  auto index = indices(4, 41, 100);
  auto all = gathered_dot(Var<float>(z), bank, index).value();
  auto last = gathered_dot(Var<float>(z.rows(3, 4)), bank, index.rows(3, 4)).value();
  CHECK(same_bits(last, all.rows(3, 4).clone()));
}

TEST_CASE("wrong shapes and indices are refused by name, and no rows give no rows") {
  Var<float> a(randn<float>({2, 3})), b(randn<float>({2, 4}));
  Tensor<float> bank = randn<float>({5, 3});
  check_message([&] { row_dot(a, b); }, {"row_dot", "a is [2, 3]", "b is [2, 4]", "one shape"});
  check_message([&] { gathered_dot(b, bank, Tensor<i64>::zeros({2, 1})); },
                {"gathered_dot", "z is [2, 4]", "bank is [5, 3]", "index is [2, 1]", "z [B, D]"});
  check_message([&] { gathered_dot(a, bank, Tensor<i64>::zeros({3, 1})); }, {"gathered_dot", "index is [3, 1]"});
  check_message([&] { gathered_dot(a, bank, Tensor<i64>::of({2, 2}, {0, 4, 5, 0})); },
                {"gathered_dot", "index[1, 0] is 5", "bank is [5, 3]", "0 to 4"});
  CHECK(gathered_dot(Var<float>(Tensor<float>({0, 3})), bank, Tensor<i64>({0, 7})).shape() == Shape{0, 7});
  CHECK(gathered_dot(a, bank, Tensor<i64>({2, 0})).shape() == Shape{2, 0});
  CHECK(row_dot(Var<float>(Tensor<float>({0, 3})), Var<float>(Tensor<float>({0, 3}))).shape() == Shape{0});
}
