#include <nacre/methods/simclr.hpp>
#include <nacre/pretext/two_views.hpp>

#include "check.hpp"

using namespace nacre;
using methods::Simclr;
using methods::SimclrOptions;

namespace {

SimclrOptions small(i64 chunk = 0) {
  SimclrOptions o;
  o.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1};
  o.dim = 6;
  o.chunk = chunk;
  return o;
}
Batch noise(i64 samples) {
  Batch batch;
  batch.image = test::randn<float>({2 * samples, 8, 8, 1}, 1);
  return batch;
}
Loader loader() {
  return Loader(test::pictures(24, 8, 1), pretext::two_views({.image = 8}), {.batch = 6, .epochs = 2}, Key{5});
}

// Batch norm, then one corner of the picture, which is black: a row that tells nothing but its chunk's statistics.
struct Corner {
  nn::BatchNorm<double> bn{8};
  i64 features() const { return 8; }
  Var<double> operator()(const Var<double>& x) const {
    return reshape(slice(reshape(bn(x), {x.dim(0), 4, 8}), 1, 0, 1), {x.dim(0), 8});
  }
  static void visit(auto& self, auto&& f) { f("bn", self.bn); }
};

}  // namespace

TEST_CASE("every gradient of the whole loss agrees with finite differences, and the check can fail") {
  Simclr<double> simclr(small(), Key{3});
  Batch batch = noise(3);
  test::check_gradient(simclr, [&](Tape& tape) { return simclr.loss(tape, batch).loss; });
  simclr.options.contrast = {.temperature = 0.5, .beta = 1, .tau_plus = 0.1};
  test::check_gradient(simclr, [&](Tape& tape) { return simclr.loss(tape, batch).loss; });
  simclr.options.contrast = {.temperature = 0.5};
  simclr.options.chunk = 2;
  test::check_gradient(simclr, [&](Tape& tape) { return simclr.loss(tape, batch).loss; });
}

TEST_CASE("without a choice of negatives both ways to the loss agree") {
  Simclr<double> simclr(small(), Key{3});
  Batch batch = noise(5);
  auto loss = [&] {
    Tape tape;
    return simclr.loss(tape, batch).loss.item();
  };
  double plain = loss();
  simclr.options.contrast.negatives.hardest = 100;  // more than there are
  CHECK(loss() == doctest::Approx(plain).epsilon(1e-12));
  simclr.options.contrast.negatives.hardest = 2;
  CHECK(loss() < plain);
}

TEST_CASE("SimCLR trains to the same bits at any thread count and across a stop") {
  test::check_training([] { return Simclr<float>(small(), Key{3}); }, loader);
  test::check_training([] { return Simclr<float>(small(5), Key{3}); }, loader);  // of 12 views
}

TEST_CASE("in chunks, loss and gradients are those of the whole batch where the norm lets samples be") {
  Batch batch = noise(5);
  for (nn::Norm norm : {nn::Norm::group, nn::Norm::layer, nn::Norm::batch}) {
    auto run = [&](i64 chunk) {
      SimclrOptions o = small(chunk);
      o.encoder.norm = norm;
      Simclr<double> simclr(o, Key{3});
      Tape tape(Mode::train, Key{4});
      Var<double> loss = simclr.loss(tape, batch).loss;
      std::vector<Tensor<double>> all{loss.value(), simclr.newest().a.clone(), simclr.newest().b.clone()};
      backward(loss);
      nn::for_each_parameter(simclr, [&](const std::string&, Parameter<double>& p) {
        REQUIRE(p.node()->has_grad);
        all.push_back(p.node()->grad);
      });
      return all;
    };
    auto whole = run(0);
    for (i64 chunk : {2, 4, 9}) {
      auto chunked = run(chunk);
      double worst = 0;
      for (std::size_t i = 0; i < whole.size(); ++i)
        worst = std::max(worst, test::difference(chunked[i], whole[i]));
      if (norm == nn::Norm::batch) CHECK(worst > 1e-3);
      else CHECK(worst < 1e-12);
    }
  }
}

TEST_CASE("batch norm of chunks gives no pair away: a row's chunk holds its positive as rarely as any other") {
  Simclr<double, Corner> simclr(small(8), Corner{}, Key{3});
  const i64 n = 32;
  Batch batch;  // both views of a picture are equal; in order, their chunks would be too
  batch.image = test::randn<float>({2 * n, 2, 2, 8}, 1);
  for (i64 i = 0; i < batch.image.size(); ++i)
    batch.image[i] = i % 32 < 8 ? 0 : batch.image[i % (batch.image.size() / 2)];
  double pairs = 0, others = 0;
  for (u64 step = 0; step < 20; ++step) {
    Tape tape(Mode::train, Key{step});
    simclr.loss(tape, batch);
    auto [a, b] = simclr.newest();
    for (i64 i = 0; i < n; ++i)
      for (i64 j = 0; j < n; ++j)
        if (test::same_bits(a.rows(i, i + 1), b.rows(j, j + 1))) (i == j ? pairs : others) += 1;
  }
  pairs /= 20 * n;
  others /= 20 * n * (n - 1);
  CHECK(std::abs(others - 7.0 / 63) < 0.01);
  CHECK(std::abs(pairs - others) < 0.04);
}

TEST_CASE("an untrained encoder starts near the loss of one that tells nothing apart") {
  for (u64 seed = 0; seed < 5; ++seed) {
    SimclrOptions o = small();
    o.encoder.width = 8;
    Simclr<float> simclr(o, Key{seed});
    Tape tape;
    double loss = simclr.loss(tape, noise(32)).loss.item();
    CHECK(std::abs(loss - simclr.expected_loss(32)) < 0.25);
  }
}

TEST_CASE("a row's positive is the other view of its sample and every other row a negative") {
  Simclr<double> simclr(small(), Key{3});
  Batch batch = noise(4);
  Tape tape;
  double loss = simclr.loss(tape, batch).loss.item(), expected = 0;
  auto [a, b] = simclr.newest();
  auto row = [&, a = a, b = b](i64 i) { return i < 4 ? a.data() + i * 6 : b.data() + (i - 4) * 6; };
  auto score = [&](i64 i, i64 j) {
    double s = 0;
    for (i64 d = 0; d < 6; ++d) s += row(i)[d] * row(j)[d];
    return std::exp(s / 0.5);
  };
  for (i64 i = 0; i < 8; ++i) {
    double others = 0;
    for (i64 j = 0; j < 8; ++j)
      if (j != i) others += score(i, j);
    expected -= std::log(score(i, (i + 4) % 8) / others) / 8;
  }
  CHECK(loss == doctest::Approx(expected).epsilon(1e-12));
}
