// What the tests of train share: a method of one's own (twenty lines), pictures, and a model's bits.
#pragma once

#include "../helpers.hpp"

#include <nacre/data/loader.hpp>
#include <nacre/nn/batchnorm.hpp>
#include <nacre/nn/linear.hpp>
#include <nacre/ops/dropout.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/ops/reduce.hpp>
#include <nacre/ops/shape.hpp>
#include <nacre/ops/similarity.hpp>
#include <nacre/optim/adamw.hpp>
#include <nacre/optim/lars.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/two_views.hpp>

namespace nacre::test {

// Two views of a picture are pulled together and nothing is pushed apart.
struct Attract {
  nn::Linear<float> hidden, out;
  nn::BatchNorm<float> bn{16};
  State<double> steps{Tensor<double>::zeros({1})};
  State<i64> seen{Tensor<i64>::zeros({40})};
  float drop = 0.2f;
  Tensor<float> rows{};

  struct Terms {
    Var<float> loss;
  };
  explicit Attract(Key key) : hidden(48, 16, key.fold("hidden")), out(16, 6, key.fold("out")) {}

  Terms loss(Tape& tape, const Batch& batch) {
    Var<float> x = constant(tape, batch.image.reshape({-1, 48}));
    Var<float> z = l2_normalize(out(dropout(relu(bn(hidden(x))), drop)));
    rows = z.value();
    i64 n = batch.index.size();
    return {-mean(row_dot(slice(z, 0, 0, n), slice(z, 0, n, 2 * n))) + 1};
  }
  void after_step(const Batch& batch) {
    steps.value()[0] += 1;
    for (i64 i : batch.index.span()) ++seen.value()[i];
  }
  static void visit(auto& self, auto&& f) {
    f("hidden", self.hidden);
    f("out", self.out);
    f("bn", self.bn);
    f("steps", self.steps);
    f("seen", self.seen);
  }
};

inline data::Images pictures(i64 n = 40, i64 size = 4, i64 channels = 3) {
  Tensor<u8> pixels({n, size, size, channels});
  Random random(Key{3});
  for (u8& v : pixels.span()) v = static_cast<u8>(random.word());
  return data::make_images(pixels);
}
inline Loader two_view_loader(i64 epochs = 3) {  // 5 steps an epoch
  return Loader(pictures(), pretext::two_views({.image = 4}), {.batch = 8, .epochs = epochs}, Key{5});
}

// Everything a checkpoint holds, as bytes.
template <class M>
std::string bits(const M& module) {
  std::string s;
  auto add = [&](const std::string& name, const auto& leaf) {
    auto values = leaf.value().span();
    s += name + " " + leaf.shape().str() + " ";
    s.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  };
  nn::for_each_parameter(module, add);
  nn::for_each_state(module, add);
  return s;
}

}  // namespace nacre::test
