// autograd/grad_cache.hpp
#include "../train/method.hpp"

#include <nacre/autograd/grad_cache.hpp>
#include <nacre/losses/nt_xent.hpp>
#include <nacre/nn/conv2d.hpp>
#include <nacre/nn/norm.hpp>
#include <nacre/ops/batchnorm_conv.hpp>
#include <nacre/ops/pool2d.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

// Pictures [N, 4, 4, 2] -> unit rows [N, 5], with a norm of any kind and dropout.
struct Net {
  double drop = 0;
  nn::Conv2d<double> conv;
  nn::ImageNorm<double> norm;
  nn::Linear<double> out;

  explicit Net(nn::Norm kind, double p = 0)
      : drop(p), conv(2, 16, 3, {.padding = 1}, Key{1}), norm(16, kind), out(16, 5, Key{2}) {}
  Var<double> features(const Var<double>& x) const { return global_avg_pool(norm.relu(conv(x))); }
  Var<double> operator()(const Var<double>& x) const { return l2_normalize(out(dropout(features(x), drop))); }
  static void visit(auto& self, auto&& f) {
    f("conv", self.conv);
    f("norm", self.norm);
    f("out", self.out);
  }
};

const i64 rows = 14;
Tensor<double> pictures_of_noise() { return randn({rows, 4, 4, 2}, 4); }

// The embeddings, and every gradient of their NT-Xent.
template <class M, class F>
std::vector<Tensor<double>> results(M& net, const F& embed, Key key = Key{3}) {
  Tape tape(Mode::train, key);
  Var<double> z = embed(tape);
  std::vector<Tensor<double>> all{z.value().clone()};
  backward(losses::nt_xent(z, 0.5));
  nn::for_each_parameter(net, [&](const std::string&, Parameter<double>& p) {
    all.push_back(p.node()->grad.clone());
    p.node()->has_grad = false;
  });
  return all;
}
template <class M>
std::vector<Tensor<double>> in_chunks(M& net, i64 chunk, Key key = Key{3}) {
  Tensor<double> x = pictures_of_noise();
  auto embed = [&](Tape& own, i64 begin, i64 end) { return net(constant(own, x.rows(begin, end))); };
  return results(net, [&](Tape& tape) { return grad_cache<double>(tape, rows, chunk, embed); }, key);
}
void check_equal(const std::vector<Tensor<double>>& got, const std::vector<Tensor<double>>& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(difference(got[i], want[i]) < 1e-12);
  }
}

}  // namespace

TEST_CASE("rows that are a parameter themselves: the chunks' gradients add up") {
  Parameter<double> p(Tensor<double>::full({3, 2}, 1));
  Tape tape;
  auto embed = [&](Tape& own, i64, i64) { return p(constant(own, Tensor<double>({1}))); };
  backward(sum(grad_cache<double>(tape, 6, 3, embed)));
  CHECK(p.node()->grad[0] == 2);
}

TEST_CASE("where samples do not meet, embeddings and gradients are those of the whole batch, at any chunk") {
  for (nn::Norm kind : {nn::Norm::group, nn::Norm::layer}) {
    Net net(kind);
    auto whole = results(net, [&](Tape& tape) { return net(constant(tape, pictures_of_noise())); });
    for (i64 chunk : {1, 4, 7, 13, 14, 100}) {
      CAPTURE(chunk);
      check_equal(in_chunks(net, chunk), whole);
    }
  }
}

TEST_CASE("no chunk is longer than asked for, and none is a small remainder") {
  std::vector<i64> lengths;
  Parameter<double> p(Tensor<double>::scalar(1));
  auto embed = [&](Tape& own, i64 begin, i64 end) {
    lengths.push_back(end - begin);
    Var<double> x = constant(own, Tensor<double>::full({end - begin, 1}, 1));
    return x * p(x);
  };
  Tape tape;
  backward(sum(grad_cache<double>(tape, 9, 4, embed)));
  CHECK(lengths == std::vector<i64>{3, 3, 3, 3, 3, 3});
  lengths.clear();
  grad_cache<double>(tape, 10, 4, embed);
  CHECK(lengths == std::vector<i64>{3, 3, 4});
  CHECK(p.node()->grad.item() == 9);
}

TEST_CASE("dropout is the same in both passes: the gradient is that of the masks of the first") {
  Net net(nn::Norm::group, 0.4);
  for (i64 chunk : {4, 7}) {
    auto got = in_chunks(net, chunk);
    Tensor<double> mask;
    {
      Tape tape(Mode::train, Key{3});
      auto draw = [&](Tape& own, i64 begin, i64 end) {
        return dropout(constant(own, Tensor<double>::full({end - begin, 16}, 1)), net.drop);
      };
      mask = grad_cache<double>(tape, rows, chunk, draw).value();
    }
    auto whole = results(net, [&](Tape& tape) {
      return l2_normalize(net.out(net.features(constant(tape, pictures_of_noise())) * constant(tape, mask)));
    });
    check_equal(got, whole);
  }
  CHECK(difference(in_chunks(net, 4, Key{4})[0], in_chunks(net, 4)[0]) > 0.1);  // another key, other masks
}

TEST_CASE("batch norm sees chunks, and its running statistics move once for each") {
  Net net(nn::Norm::batch), reference = net;
  for (int step = 0; step < 3; ++step) {
    auto got = in_chunks(net, 6);  // 14 rows: 4, 5 and 5
    auto want = results(reference, [&](Tape& tape) {
      std::vector<Var<double>> parts;
      for (auto [begin, end] : {std::pair<i64, i64>{0, 4}, {4, 9}, {9, 14}})
        parts.push_back(reference(constant(tape, pictures_of_noise().rows(begin, end))));
      return concat(parts, 0);
    });
    check_equal(got, want);
    CHECK(same_bits(net.norm.running_mean.value(), reference.norm.running_mean.value()));
    CHECK(same_bits(net.norm.running_var.value(), reference.norm.running_var.value()));
  }
  CHECK(difference(net.norm.running_mean.value(), Tensor<double>::zeros({16})) > 0.1);
}

TEST_CASE("a pass that is made again leaves running statistics alone in every form of batch norm") {
  nn::BatchNorm<double> bn(2);
  nn::Conv2d<double> conv(2, 2, 1, {}, Key{1});
  for (Pass turn : {Pass::again, Pass::first}) {
    Tape tape(Mode::train, {}, Record::yes, turn);
    Var<double> x = constant(tape, randn({3, 4, 4, 2}));
    for (int form = 0; form < 3; ++form) {
      State<double> before = bn.running_mean, before_var = bn.running_var;
      if (form == 0) bn(x);
      else if (form == 1) bn.relu(x);
      else batch_norm_relu_conv2d(x, bn.weight(x), bn.bias(x), bn.running_mean, bn.running_var, conv.weight(x));
      CHECK(same_bits(bn.running_mean.value(), before.value()) == (turn == Pass::again));
      CHECK(same_bits(bn.running_var.value(), before_var.value()) == (turn == Pass::again));
    }
  }
}

TEST_CASE("one inside another: inner chunks repeat too, and their statistics move once") {
  Net net(nn::Norm::batch, 0.3), reference = net;
  Tensor<double> x = pictures_of_noise();
  auto outer = [&](auto& n) {
    return [&](Tape& own, i64 begin, i64 end) {
      auto inner = [&n, &x, begin](Tape& t, i64 b, i64 e) { return n(constant(t, x.rows(begin + b, begin + e))); };
      return grad_cache<double>(own, end - begin, 4, inner);
    };
  };
  results(net, [&](Tape& tape) { return grad_cache<double>(tape, rows, 7, outer(net)); });
  Tape tape(Mode::train, Key{3}, Record::no);
  grad_cache<double>(tape, rows, 7, outer(reference));
  CHECK(same_bits(net.norm.running_mean.value(), reference.norm.running_mean.value()));
}

TEST_CASE("gradients add to those of other uses of the same parameters") {
  Net net(nn::Norm::group);
  Tensor<double> x = pictures_of_noise();
  auto embed = [&](Tape& own, i64 begin, i64 end) { return net(constant(own, x.rows(begin, end))); };
  auto both = [&](bool first, bool second) {
    return results(net, [&](Tape& tape) {
      Var<double> a = first ? grad_cache<double>(tape, rows, 5, embed) : net(constant(tape, x));
      return a * 0.5 + (second ? grad_cache<double>(tape, rows, 3, embed) : net(constant(tape, x))) * 0.5;
    });
  };
  auto plain = both(false, false);
  check_equal(both(true, false), plain);
  check_equal(both(true, true), plain);
}

TEST_CASE("what is frozen gets no gradient; without recording there is no second pass") {
  Net net(nn::Norm::group);
  nn::freeze(net.conv);
  in_chunks(net, 4);
  CHECK(net.conv.weight.node()->grad.empty());
  CHECK_FALSE(net.out.weight.node()->grad.empty());
  nn::freeze(net);
  in_chunks(net, 4);  // nothing to do
  int calls = 0;
  Tensor<double> x = pictures_of_noise();
  Tape silent(Mode::train, {}, Record::no);
  Var<double> z = grad_cache<double>(silent, rows, 7, [&](Tape& own, i64 begin, i64 end) {
    ++calls;
    return net(constant(own, x.rows(begin, end)));
  });
  CHECK(calls == 2);
  CHECK(silent.size() == 0);
  CHECK_FALSE(z.needs_grad());
}

TEST_CASE("what cannot be right is refused") {
  Tape tape;
  Parameter<double> p(Tensor<double>::full({3}, 1));
  auto embed = [&](Tape& own, i64 begin, i64 end) {
    Var<double> x = constant(own, Tensor<double>::full({end - begin, 3}, 1));
    return x * p(x);
  };
  check_message([&] { grad_cache<double>(tape, 0, 4, embed); }, {"grad_cache", "rows is 0", "at least 1"});
  check_message([&] { grad_cache<double>(tape, 4, 0, embed); }, {"grad_cache", "chunk is 0", "at least 1"});
  check_message([&] { grad_cache<double>(tape, 8, 4, [&](Tape& t, i64 b, i64 e) { return embed(t, b, e + 1); }); },
                {"grad_cache", "rows 0 to 4 became [5, 3]", "one row for each"});
  check_message([&] { grad_cache<double>(tape, 8, 4, [&](Tape&, i64 b, i64 e) { return embed(tape, b, e); }); },
                {"grad_cache", "on the tape that embed is given"});
  int calls = 0;
  auto counts = [&](Tape& own, i64 begin, i64 end) { return embed(own, begin, end) * ++calls; };
  check_message([&] { backward(sum(grad_cache<double>(tape, 8, 4, counts))); },
                {"grad_cache", "rows 0 to 4 came out differently the second time"});
}
