#include "check.hpp"

#include <nacre/nn/batchnorm.hpp>
#include <nacre/nn/linear.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

struct Pair {
  nn::Linear<float> first, second;
  nn::BatchNorm<float> bn;
  State<double> z{Tensor<double>::zeros({3})};

  explicit Pair(i64 width = 5, u64 seed = 1)
      : first(4, width, Key{seed}.fold("first")), second(width, 2, Key{seed}.fold("second"), false), bn(width) {}
  static void visit(auto& self, auto&& f) {
    f("first", self.first);
    f("second", self.second);
    f("bn", self.bn);
    f("z", self.z);
  }
};

u64 in_use() { return pool::stats().bytes_in_use; }

}  // namespace

TEST_CASE("names are joined with dots in the order of visit, parameters and states apart; what is empty has no name") {
  CHECK(names(Pair()) == std::vector<std::string>{"first.weight", "first.bias", "second.weight", "bn.weight", "bn.bias",
                                                  "bn.running_mean", "bn.running_var", "z"});
  CHECK(nn::parameter_count(Pair()) == 4 * 5 + 5 + 5 * 2 + 5 + 5);
  CHECK(test::tensor_bytes(Pair()) == (4 * 5 + 5 + 5 * 2 + 5 + 5 + 5 + 5) * 4 + 3 * 8);
}

TEST_CASE("what is visited is what is allocated") {
  u64 before = in_use();
  Pair pair;
  u64 allocated = in_use() - before;
  std::vector<Buffer> same;
  before = in_use();
  auto again = [&](const std::string&, auto& leaf) {
    same.emplace_back(static_cast<std::size_t>(leaf.value().size()) * sizeof(leaf.value()[0]));
  };
  nn::for_each_parameter(pair, again);
  nn::for_each_state(pair, again);
  CHECK(in_use() - before == allocated);
}

TEST_CASE("a copy of a module is a second set of weights") {
  Pair a;
  Pair b = a;
  CHECK(same_bits(a.first.weight.value(), b.first.weight.value()));
  b.first.weight.value().fill(0);
  b.bn.running_var.value().fill(9);
  CHECK(a.first.weight.value()[0] != 0);
  CHECK(a.bn.running_var.value()[0] == 1);
  CHECK(b.first.weight.node() != a.first.weight.node());
  CHECK(b.bn.weight.decay() == false);  // options are copied too
  CHECK(b.first.weight.decay() == true);
}

TEST_CASE("copy_parameters writes values into the memory that is there") {
  Pair a(5, 1), b(5, 2);
  b.bn.running_mean.value().fill(3);
  b.z.value().fill(7);
  const float* where = a.first.weight.value().data();
  nn::copy_parameters(a, b);
  CHECK(a.first.weight.value().data() == where);
  CHECK(same_bits(a.first.weight.value(), b.first.weight.value()));
  CHECK(a.bn.running_mean.value()[4] == 3);
  CHECK(a.z.value()[2] == 7);
}

TEST_CASE("two modules of different shapes are not a pair, and nothing is changed") {
  Pair a(5), b(6);
  auto before = a.first.weight.value().clone();
  check_message([&] { nn::copy_parameters(a, b); }, {"copy_parameters", "first.weight", "[5, 4]", "[6, 4]"});
  CHECK(same_bits(a.first.weight.value(), before));

  nn::Linear<float> with(2, 3, Key{1}), without(2, 3, Key{1}, false);
  check_message([&] { nn::copy_parameters(with, without); }, {"copy_parameters", "bias", "nothing"});
  check_message([&] { nn::copy_parameters(without, with); },
                {"copy_parameters", "bias", "only in the one that is read"});
}
