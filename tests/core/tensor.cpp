// core/tensor.hpp
#include "../helpers.hpp"

using namespace nacre;
using namespace nacre::test;

TEST_CASE("a copy shares memory, a clone does not") {
  auto a = Tensor<float>::of({2, 2}, {1, 2, 3, 4});
  Tensor<float> b = a, c = a.clone();
  CHECK_FALSE(a.unique());
  CHECK(c.unique());
  a[0] = 9;
  CHECK(b[0] == 9);
  CHECK(c[0] == 1);
  CHECK(a.shares_memory(b));
  CHECK_FALSE(a.shares_memory(c));
}

TEST_CASE("rows and reshapes are views") {
  auto a = Tensor<i64>::of({3, 2}, {0, 1, 2, 3, 4, 5});
  auto last = a.rows(1, 3).rows(1, 2);
  CHECK(last.shape() == Shape{1, 2});
  last[0] = 40;
  CHECK(a[4] == 40);
  CHECK(a.reshape({2, -1}).shape() == Shape{2, 3});
  CHECK(a.reshape({-1})[5] == 5);
  CHECK(a.rows(1, 1).empty());
  CHECK(Tensor<float>({0, 3}).rows(0, 0).shape() == Shape{0, 3});
}

TEST_CASE("memory is aligned to 64 bytes and a missing tensor is empty") {
  for (i64 n : {1, 3, 1000, 100000}) CHECK(reinterpret_cast<std::uintptr_t>(Tensor<float>({n}).data()) % 64 == 0);
  CHECK(Tensor<float>().empty());
  CHECK(Tensor<float>().data() == nullptr);
  CHECK(Tensor<float>::zeros({0, 4}).size() == 0);
  CHECK(Tensor<double>::scalar(3).item() == 3);
}

TEST_CASE("wrong use is refused by name") {
  auto a = Tensor<float>::zeros({2, 3});
  check_message([&] { a.reshape({4, 2}); }, {"reshape", "[2, 3] to [4, 2]"});
  check_message([&] { a.reshape({4, -1}); }, {"reshape", "[2, 3] to [4, 1]"});
  check_message([&] { a.rows(1, 3); }, {"rows", "[1, 3) is not inside [2, 3]"});
  check_message([&] { a.item(); }, {"item", "[2, 3]"});
  check_message([&] { a.clone().copy_from(Tensor<float>({3, 2})); }, {"copy_from", "[2, 3] from [3, 2]"});
  check_message([&] { Tensor<float>::of({2}, {1}); }, {"1 values do not fill the shape [2]"});
}
