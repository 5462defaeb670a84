#include <nacre/eval/invariance.hpp>

#include "../helpers.hpp"

#include <nacre/autograd/var.hpp>
#include <nacre/methods/pirl.hpp>

#include <numeric>

using namespace nacre;
using eval::invariance, eval::mean_of_pieces, eval::trunk_rows;

namespace {

i64 total(const eval::Histogram& h) { return std::accumulate(h.count.begin(), h.count.end(), i64{0}); }

// The mean of each colour of a picture: blind to the order of its pixels.
template <class T>
struct MeanColor {
  Var<T> operator()(const Var<T>& x) const { return global_avg_pool(x); }
};

}  // namespace

TEST_CASE("distances of the rows' directions, their deviation and histogram, by hand") {
  auto a = Tensor<double>::of({3, 2}, {2, 0, 0, 1, 5, 0}), b = Tensor<double>::of({3, 2}, {1, 0, 3, 0, -1, 0});
  auto r = invariance(a, b, 4);  // own: 0, sqrt 2, 2; other: sqrt 2 apart after the first, which is at 0
  const double root = std::sqrt(2.0);
  CHECK(r.mean == doctest::Approx((root + 2) / 3));
  CHECK(r.deviation == doctest::Approx(std::sqrt((2 + 4) / 3.0 - r.mean * r.mean)));
  CHECK(r.other == doctest::Approx((0 + root + 0) / 3));
  CHECK(r.ratio() == doctest::Approx((root + 2) / root));
  CHECK(r.own_histogram.width == 0.5);
  CHECK(r.own_histogram.count == std::vector<i64>{1, 0, 1, 1});  // 2 itself lies in the last bin
  CHECK(r.other_histogram.count == std::vector<i64>{2, 0, 1, 0});
}

TEST_CASE_TEMPLATE("invariance is 0 of equal rows, and the ratio 1 where rows have nothing to do with each other", T,
                   float, double) {
  auto a = test::randn<T>({500, 64}, 1), b = test::randn<T>({500, 64}, 2);
  auto same = invariance(a, a), none = invariance(a, b);
  CHECK(same.mean == 0);
  CHECK(same.deviation == 0);
  CHECK(same.ratio() == 0);
  CHECK(same.other == doctest::Approx(std::sqrt(2.0)).epsilon(0.01));
  CHECK(none.ratio() == doctest::Approx(1).epsilon(0.01));
  CHECK(none.deviation == doctest::Approx(1 / std::sqrt(128.0)).epsilon(0.1));  // sqrt(2 - 2 s), s of deviation 1 / 8
  CHECK(total(none.own_histogram) == 500);
  CHECK(total(none.other_histogram) == 500);
  auto collapsed = invariance(Tensor<T>::full({9, 4}, T(1)), Tensor<T>::full({9, 4}, T(3)));
  CHECK(collapsed.mean == 0);
  CHECK(collapsed.other == 0);  // what tells a collapsed encoder from an invariant one
}

TEST_CASE("the mean of a picture's pieces weighs directions, not lengths") {
  auto m = mean_of_pieces(Tensor<double>::of({4, 2}, {10, 0, 0, 1, 0, 2, 0, 7}), 2);
  CHECK(m[0] == doctest::Approx(std::sqrt(0.5)));
  CHECK(m[1] == doctest::Approx(std::sqrt(0.5)));
  CHECK(m[2] == 0);
  CHECK(m[3] == doctest::Approx(1));
  test::check_message([] { mean_of_pieces(Tensor<double>({4, 2}), 3); }, {"mean_of_pieces", "[4, 2]", "[N * 3, d]"});
}

TEST_CASE("trunk rows: an encoder blind to order is invariant to shuffling, one that looks at a corner is not") {
  const i64 n = 20, size = 9, piece = 3;
  Batch batch;
  batch.image = test::uniform<float>({n, size, size, 3}, 0, 1, 4);
  for (i64 i = 0; i < batch.image.size(); ++i) batch.image[i] *= (i % 3 == i / 243 % 3) ? 3.f : 0.3f;  // a colour each
  batch.patches = Tensor<float>({n, 9, piece, piece, 3});
  for (i64 i = 0; i < n; ++i)
    for (i64 p = 0; p < 9; ++p) {
      i64 cell = (p * 4 + i) % 9;
      for (i64 y = 0; y < piece; ++y)
        for (i64 x = 0; x < piece; ++x)
          for (i64 c = 0; c < 3; ++c)
            batch.patches[(((i * 9 + p) * piece + y) * piece + x) * 3 + c] =
                batch.image[((i * size + cell / 3 * piece + y) * size + cell % 3 * piece + x) * 3 + c];
    }
  auto rows = trunk_rows(MeanColor<float>{}, batch);
  CHECK(rows.a.shape() == Shape{n, 3});
  CHECK(rows.b.shape() == Shape{n, 3});
  auto r = invariance(rows.a, rows.b);
  CHECK(r.ratio() < 0.02);
  CHECK(r.other > 0.5);

  models::ResNet<float> untrained({.depth = 18, .width = 4, .stem = models::Stem::cifar}, Key{1});
  std::vector<float> before, after;
  auto statistics = [&](std::vector<float>& into) {
    nn::for_each_state(untrained, [&](const std::string&, const State<float>& s) {
      into.insert(into.end(), s.value().span().begin(), s.value().span().end());
    });
  };
  statistics(before);
  auto some = trunk_rows(untrained, batch);
  statistics(after);
  CHECK(some.a.shape() == Shape{n, 32});
  CHECK(invariance(some.a, some.b).ratio() > 0.1);
  CHECK(before == after);
  for (float& v : batch.image.span()) v *= 8;  // batch statistics: what all pictures share does not count
  CHECK(test::difference(trunk_rows(untrained, batch).a, some.a) < 1e-3);
  batch.patches = {};
  test::check_message([&] { trunk_rows(MeanColor<float>{}, batch); }, {"trunk_rows", "[20, 9, 9, 3]", "[0]"});
}

TEST_CASE("patch rows: a head that sums the patches is invariant to shuffling, one that reads the first is not") {
  const i64 n = 60;
  Batch batch;
  batch.patches = test::randn<float>({n, 9, 2, 2, 1}, 1);
  batch.order = Tensor<i64>({n, 9});
  Tensor<float> placed = batch.patches.clone();
  for (i64 i = 0; i < n; ++i)
    for (i64 p = 0; p < 9; ++p) {
      i64 cell = batch.order[i * 9 + p] = (p * 4 + i) % 9;
      for (i64 k = 0; k < 4; ++k) placed[(i * 9 + cell) * 4 + k] = batch.patches[(i * 9 + p) * 4 + k];
    }
  CHECK(test::same_bits(eval::patches_in_place(batch), placed));
  auto columns = [&](i64 pieces) {
    return [=](const Tensor<float>& x) {  // [n, 4]: the sum of the first patches
      Tensor<float> sum = Tensor<float>::zeros({n, 4});
      for (i64 i = 0; i < n; ++i)
        for (i64 p = 0; p < pieces; ++p)
          for (i64 k = 0; k < 4; ++k) sum[i * 4 + k] += x[(i * 9 + p) * 4 + k];
      return sum;
    };
  };
  auto all = eval::patch_rows(batch, columns(9)), first = eval::patch_rows(batch, columns(1));
  CHECK(invariance(all.a, all.b).mean < 1e-5);
  CHECK(invariance(first.a, first.b).mean > 1);
  batch.order = Tensor<i64>::full({n, 9}, 9);
  test::check_message([&] { eval::patches_in_place(batch); }, {"patches_in_place", "no cell 9"});
  batch.order = {};
  test::check_message([&] { eval::patches_in_place(batch); }, {"patches_in_place", "[60, 9, 2, 2, 1]", "[B, pieces]"});
}

TEST_CASE("a linear head undoes what is linear, on rows it was not fitted to, and nothing else") {
  const i64 n = 400, d = 12;
  auto a = test::randn({n, d}, 1), map = test::randn({d, d}, 2), noise = test::randn({n, d}, 3);
  Tensor<double> b = Tensor<double>::full({n, d}, 7);
  for (i64 r = 0; r < n; ++r)
    for (i64 i = 0; i < d; ++i)
      for (i64 j = 0; j < d; ++j) b[r * d + j] += a[r * d + i] * map[i * d + j];
  auto ratio = [](const eval::RowPairs<double>& rows) { return invariance(rows.a, rows.b).ratio(); };
  CHECK(ratio({a, b}) > 0.9);
  auto headed = eval::with_linear_head(eval::RowPairs<double>{a, b}, 1e-6);
  CHECK(headed.a.shape() == Shape{n / 2, d});
  CHECK(ratio(headed) < 0.01);
  CHECK(ratio(eval::with_linear_head(eval::RowPairs<double>{a, noise})) > 0.95);
  // float and double agree; what is fitted to is not what is measured
  auto single = eval::with_linear_head(
      eval::RowPairs<float>{test::converted<float>(a), test::converted<float>(b)}, 1e-3);
  auto exact = eval::with_linear_head(eval::RowPairs<double>{a, b}, 1e-3);
  CHECK(test::difference(single.b, exact.b) < 1e-4);
  Tensor<double> moved = b.clone();
  for (i64 i = n / 2 * d; i < n * d; ++i) moved[i] = noise[i];
  CHECK(ratio(eval::with_linear_head(eval::RowPairs<double>{a, moved}, 1e-6)) > 0.9);
  test::check_message([&] { eval::with_linear_head(eval::RowPairs<double>{a, b}, 0); },
                      {"with_linear_head", "[400, 12]", "positive ridge"});
}

TEST_CASE("the rows of PIRL's heads, each branch with its own statistics") {
  methods::PirlOptions o;
  o.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1};
  methods::Pirl<float> pirl(o, 8, Key{1});
  auto images = test::randn<float>({6, 9, 9, 1}, 1), patches = test::randn<float>({6, 9, 3, 3, 1}, 2);
  auto measure = [&](const methods::Pirl<float>& of) {
    methods::Pirl<float> copy = of;
    Tape tape(Mode::train, {}, Record::no);
    auto out = copy(tape, images, patches);
    return invariance(out.image.value(), out.patches.value());
  };
  auto r = measure(pirl);
  CHECK(r.mean > 0.5);
  CHECK(r.mean == measure(pirl).mean);  // no running statistic has moved
}

TEST_CASE("rows that do not match are refused") {
  test::check_message([] { invariance(Tensor<double>({3, 2}), Tensor<double>({2, 2})); },
                      {"invariance", "[3, 2]", "[2, 2]"});
  test::check_message([] { invariance(Tensor<double>({1, 2}), Tensor<double>({1, 2})); }, {"invariance", "at least 2"});
  test::check_message([] { invariance(Tensor<double>({3, 2}), Tensor<double>({3, 2}), 0); }, {"invariance", "bins 0"});
}
