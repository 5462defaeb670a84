#include <nacre/methods/cpc.hpp>

#include "check.hpp"

#include <nacre/ops/reduce.hpp>

using namespace nacre;
using methods::Cpc;
using methods::CpcOptions;

namespace {

// A grid of 4: 14 pixels, patches of 5 every 3, which share pixels one row on.
CpcOptions small() {
  CpcOptions o;
  o.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1, .norm = nn::Norm::layer};
  o.grid = 4;
  o.offsets = 2;
  o.layers = 2;
  o.hidden = 3;
  o.pictures = 2;
  return o;
}
pretext::PatchViews views() { return pretext::patch_views({.image = 14, .patch = 5, .stride = 3}); }
Loader loader() { return Loader(test::pictures(30, 14, 1), views(), {.batch = 5, .epochs = 1}, Key{5}); }
Batch noise(i64 samples) {
  Batch batch;
  batch.patches = test::randn<float>({samples, 16, 5, 5, 1}, 1);
  return batch;
}

// The gradient of the sum of one row of c by z.
template <class T>
Tensor<T> seen_by(const methods::RowContext<T>& context, const Tensor<T>& z, i64 row) {
  Tape tape;
  Var<T> in = variable(tape, z);
  backward(sum(slice(context(in), 1, row, row + 1)));
  return in.grad();
}

}  // namespace

TEST_CASE("every gradient of the whole loss agrees with finite differences, and the check can fail") {
  Cpc<double> cpc(small(), Key{3});
  Batch batch = noise(3);  // a group of two pictures and one of one
  test::check_gradient(cpc, [&](Tape& tape) { return cpc.loss(tape, batch).loss; });
}

TEST_CASE_TEMPLATE("the context of a row sees its own row and as many above as there are layers, and nothing below", T,
                   float, double) {
  const i64 g = 7, d = 8;
  for (i64 layers : {0, 1, 3}) {
    methods::RowContext<T> context(d, 5, layers, Key{1});
    Tensor<T> z = test::randn<T>({2, g, g, d});
    for (i64 row = 0; row < g; ++row) {
      Tensor<T> slope = seen_by(context, z, row);
      for (i64 r = 0; r < g; ++r) {
        T largest = 0;
        for (i64 i = 0; i < g * d; ++i)
          for (i64 b = 0; b < 2; ++b) largest = std::max(largest, std::abs(slope[(b * g + r) * g * d + i]));
        CAPTURE(row);
        CAPTURE(r);
        if (r > row || r < row - layers) CHECK(largest == 0);
        else CHECK(largest > 0);
      }
    }
  }
}

TEST_CASE("W_k receives gradient from the rows k below and from no other offset") {
  Cpc<double> cpc(small(), Key{3});
  Tensor<double> z = test::randn({3, 4, 4, cpc.encoder.features()});
  for (std::size_t i = 0; i < 2; ++i) {
    Tape tape;
    backward(cpc.loss(variable(tape, z)).offset[i]);
    for (std::size_t j = 0; j < 2; ++j) {
      CHECK(cpc.predict[j].weight.node()->has_grad == (i == j));
      cpc.predict[j].weight.node()->has_grad = false;
    }
  }
  // Without a context network row r alone predicts row r + k: W_3 has rows 0 and 3 to learn from, W_2 all four.
  CpcOptions o = small();
  o.layers = 0;
  Cpc<double> plain(o, Key{3});
  for (std::size_t i = 0; i < 2; ++i) {
    Tape tape;
    Var<double> in = variable(tape, z);
    backward(plain.loss(in).offset[i]);
    Tensor<double> slope = in.grad();
    for (i64 r = 0; r < 4; ++r) {
      bool any = false;
      for (i64 j = 0; j < slope.dim(3) * 4; ++j) any = any || slope[r * 4 * slope.dim(3) + j] != 0;
      CHECK(any == (i == 0 || r == 0 || r == 3));
    }
  }
}

TEST_CASE("each offset's term is InfoNCE over the targets of a group of pictures, computed on its own") {
  CpcOptions o = small();
  o.layers = 0;  // c = z
  Cpc<double> cpc(o, Key{3});
  const i64 g = 4, d = cpc.encoder.features(), batch = 3;
  Tensor<double> z = test::randn({batch, g, g, d});
  auto at = [&](i64 b, i64 r, i64 c) { return z.data() + ((b * g + r) * g + c) * d; };
  Tape tape;
  auto terms = cpc.loss(constant(tape, z));
  REQUIRE(terms.offset.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const i64 k = 2 + static_cast<i64>(i);
    const Tensor<double>& w = cpc.predict[i].weight.value();
    double expected = 0;
    for (i64 b = 0; b < batch; ++b)
      for (i64 r = 0; r + k < g; ++r)
        for (i64 c = 0; c < g; ++c) {
          auto score = [&](const double* target) {
            double s = 0;
            for (i64 p = 0; p < d; ++p)
              for (i64 q = 0; q < d; ++q) s += target[p] * w[p * d + q] * at(b, r, c)[q];
            return std::exp(s / std::sqrt(static_cast<double>(d)));
          };
          double all = 0;
          for (i64 other = b / 2 * 2; other < std::min(b / 2 * 2 + 2, batch); ++other)
            for (i64 row = k; row < g; ++row)
              for (i64 col = 0; col < g; ++col) all += score(at(other, row, col));
          expected -= std::log(score(at(b, r + k, c)) / all) / static_cast<double>(batch * (g - k) * g);
        }
    CHECK(terms.offset[i].item() == doctest::Approx(expected).epsilon(1e-12));
  }
  CHECK(terms.loss.item() == doctest::Approx((terms.offset[0].item() + terms.offset[1].item()) / 2).epsilon(1e-14));
}

TEST_CASE("the expected loss is that of predictions that say nothing, and an untrained model starts near it") {
  Cpc<double> cpc(small(), Key{3});
  for (auto& w : cpc.predict) w.weight.value().fill(0);
  for (i64 batch : {1, 2, 5}) {
    Tape tape;
    CHECK(cpc.loss(tape, noise(batch)).loss.item() == doctest::Approx(cpc.expected_loss(batch)).epsilon(1e-6));
  }
  CpcOptions o = small();
  o.encoder.width = 8;
  for (u64 seed = 0; seed < 3; ++seed) {
    Cpc<float> untrained(o, Key{seed});
    Tape tape;
    CHECK(std::abs(untrained.loss(tape, noise(8)).loss.item() - untrained.expected_loss(8)) < 0.3);
  }
}

TEST_CASE("CPC trains to the same bits at any thread count and across a stop") {
  test::check_training([] { return Cpc<float>(small(), Key{3}); }, loader);
}

TEST_CASE("the monitors see one place a picture: the middle of the last row and its prediction, as unit rows") {
  CpcOptions o = small();
  o.layers = 0;
  Cpc<double> cpc(o, Key{3});
  const i64 d = cpc.encoder.features();
  Tensor<double> z = test::randn({3, 4, 4, d});
  Tape tape;
  cpc.loss(constant(tape, z));
  auto [a, b] = cpc.newest();
  Tensor<double> target({3, d}), context({3, d});
  for (i64 n = 0; n < 3; ++n) {
    target.rows(n, n + 1).copy_from(z.reshape({48, d}).rows(n * 16 + 3 * 4 + 2, n * 16 + 3 * 4 + 3));
    context.rows(n, n + 1).copy_from(z.reshape({48, d}).rows(n * 16 + 1 * 4 + 2, n * 16 + 1 * 4 + 3));
  }
  CHECK(test::difference(a, l2_normalize(Var<double>(target)).value()) < 1e-14);
  CHECK(test::difference(b, l2_normalize(cpc.predict[0](Var<double>(context))).value()) < 1e-13);
}

// The guards against solving the task without looking.

TEST_CASE("patches do not meet in the encoder: what the others show changes no bit; with batch norm it would") {
  auto depends = [](nn::Norm norm) {
    CpcOptions o = small();
    o.encoder.norm = norm;
    Cpc<float> cpc(o, Key{3});
    Batch batch = noise(2);
    auto first = [&] {
      Tape tape;
      return cpc.embed(tape, batch.patches).value().reshape({32, -1}).rows(0, 1).clone();
    };
    Tensor<float> before = first();
    for (i64 i = 25; i < batch.patches.size(); ++i) batch.patches[i] += 1;  // all patches but one
    return !test::same_bits(before, first());
  };
  CHECK(!depends(CpcOptions{}.encoder.norm));
  CHECK(!depends(nn::Norm::group));
  CHECK(depends(nn::Norm::batch));
}

TEST_CASE("by default no target shares a pixel with what its context has seen") {
  for (i64 size : {32, 64, 224}) {
    auto patches = pretext::patch_views({.image = size});
    CHECK(CpcOptions{}.grid == patches.grid());
    CHECK(CpcOptions{}.skip >= patches.shared_rows());
  }
}

TEST_CASE("a constant embedding pays the price of a guess, and slips from there") {
  Cpc<double> cpc(small(), Key{3});
  Tensor<double> z = Tensor<double>::full({4, 4, 4, cpc.encoder.features()}, 0.5);
  auto loss = [&] {
    Tape tape;
    return cpc.loss(constant(tape, z)).offset[0].item();
  };
  CHECK(loss() == doctest::Approx(std::log(2 * 2 * 4)).epsilon(1e-12));
  Tensor<double> noise = test::randn(z.shape(), 8);
  for (i64 i = 0; i < z.size(); ++i) z[i] += 0.1 * noise[i];
  Tape tape;
  Var<double> in = variable(tape, z);
  backward(cpc.loss(in).loss);
  double size = 0;
  for (double v : in.grad().span()) size += v * v;
  CHECK(size > 1e-8);
}

TEST_CASE("OnPatches is the mean over a picture's patches and makes an encoder of pictures") {
  Cpc<float> cpc(small(), Key{3});
  methods::OnPatches on{cpc.encoder, 5, 3};
  Tensor<float> x = test::randn<float>({3, 14, 14, 1});
  Tensor<float> rows = on.embed(x), each = cpc.encoder.embed(pretext::patch_grid(x, 5, 3).reshape({48, 5, 5, 1}));
  CHECK(rows.shape() == Shape{3, on.features()});
  Tensor<float> expected = Tensor<float>::zeros(rows.shape());
  for (i64 n = 0; n < 3; ++n)
    for (i64 p = 0; p < 16; ++p)
      for (i64 i = 0; i < on.features(); ++i)
        expected[n * on.features() + i] += each[(n * 16 + p) * on.features() + i] / 16;
  CHECK(test::difference(rows, expected) < 1e-6);
  CHECK(test::same_bits(on.embed(x.rows(1, 2).clone()), rows.rows(1, 2).clone()));
}

TEST_CASE("grids and options that do not fit are refused with the rule") {
  Cpc<float> cpc(small(), Key{3});
  Tape tape;
  Batch batch;
  batch.patches = Tensor<float>({2, 9, 5, 5, 1});
  test::check_message([&] { cpc.loss(tape, batch); }, {"cpc", "patches are [2, 9, 5, 5, 1]", "[B, 16, P, P, C]"});
  CpcOptions o = small();
  o.offsets = 3;
  test::check_message([&] { Cpc<float>(o, Key{3}); }, {"cpc", "grid 4, skip 1, offsets 3", "below grid"});
}
