#include "../nn/check.hpp"

#include <nacre/eval/probe.hpp>
#include <nacre/models/color_pair.hpp>

using namespace nacre;
using namespace nacre::test;
using models::ColorPair, models::luma_chroma;

namespace {

const data::Normalization colours{{0.5f, 0.4f, 0.3f}, {0.2f, 0.25f, 0.3f}};
const models::ResNetOptions tiny{.width = 2, .stem = models::Stem::cifar};

// Y, Cb, Cr of red, green and blue in [0, 1].
std::array<double, 3> ycc(double r, double g, double b) {
  double y = 0.299 * r + 0.587 * g + 0.114 * b;
  return {y, 0.564 * (b - y), 0.713 * (r - y)};
}

}  // namespace

TEST_CASE("lightness and colours are BT.601's, from the mean colour on") {
  Tensor<double> rgb = uniform({2, 3, 2, 3}, 0, 1), x(rgb.shape());
  for (i64 i = 0; i < x.size(); ++i) {
    auto c = static_cast<std::size_t>(i % 3);
    x[i] = (rgb[i] - colours.mean[c]) / colours.std[c];
  }
  auto [y, c] = luma_chroma(Var<double>(x), colours.std);
  CHECK(y.shape() == Shape{2, 3, 2, 1});
  CHECK(c.shape() == Shape{2, 3, 2, 2});
  auto mean = ycc(colours.mean[0], colours.mean[1], colours.mean[2]);
  for (i64 p = 0; p < 12; ++p) {
    auto expected = ycc(rgb[3 * p], rgb[3 * p + 1], rgb[3 * p + 2]);
    CHECK(y.value()[p] == doctest::Approx(expected[0] - mean[0]).epsilon(1e-12));
    CHECK(c.value()[2 * p] == doctest::Approx(expected[1] - mean[1]).epsilon(1e-12));
    CHECK(c.value()[2 * p + 1] == doctest::Approx(expected[2] - mean[2]).epsilon(1e-12));
  }
}

TEST_CASE("neither view tells of the other: more light moves no colour, other colours of one lightness no light") {
  Tensor<double> x = randn({1, 8, 8, 3}), lighter = x.clone(), redder = x.clone();
  for (i64 p = 0; p < 64; ++p)
    for (i64 c = 0; c < 3; ++c) {
      double std = colours.std[static_cast<std::size_t>(c)], amount = 0.01 * static_cast<double>(p);
      lighter[3 * p + c] += amount / std;
      redder[3 * p + c] += (c == 0 ? 0.587 : c == 1 ? -0.299 : 0) * amount / std;
    }
  ColorPair<double> pair(tiny, colours, Key{1});
  i64 half = pair.luma.features();
  auto parts = [&](const Tensor<double>& t) {
    Tensor<double> y = pair.embed(t).reshape({2 * half});
    return std::pair{y.rows(0, half).clone(), y.rows(half, 2 * half).clone()};
  };
  auto [y, c] = parts(x);
  CHECK(difference(parts(lighter).second, c) < 1e-12);
  CHECK(difference(parts(lighter).first, y) > 1e-3);
  CHECK(difference(parts(redder).first, y) < 1e-12);
  CHECK(difference(parts(redder).second, c) > 1e-3);
}

TEST_CASE("a pair is an encoder: features, stages, embed, names, gradients through the colours") {
  ColorPair<float> pair(tiny, colours, Key{1});
  CHECK(pair.features() == 32);
  auto x = randn<float>({3, 9, 8, 3});
  auto rows = pair.embed(x);
  auto [y, c] = luma_chroma(Var<float>(x), colours.std);
  CHECK(rows.shape() == Shape{3, 32});
  CHECK(same_bits(rows, concat<float>({pair.luma(y), pair.chroma(c)}, 1).value()));
  CHECK(same_bits(rows, pair(Var<float>(x)).value()));
  CHECK(same_bits(rows, pair.embed(x, 2)));
  CHECK(same_bits(rows.rows(1, 2).clone(), pair.embed(x.rows(1, 2).clone())));
  auto s = pair.stages(Var<float>(x));
  CHECK(s.stem.shape() == Shape{3, 9, 8, 4});
  CHECK(s.layer4.shape() == Shape{3, 2, 1, 32});
  CHECK(same_bits(s.pool.value(), rows));
  CHECK(names(pair).front() == "luma.conv1.weight");
  CHECK(names(pair).back() == "chroma.layer4.1.bn2.running_var");
  auto both = [](const auto& v) {
    auto parts = luma_chroma(v[0], colours.std);
    return concat<typename std::decay_t<decltype(v[0])>::value_type>({parts.luma, parts.chroma}, -1);
  };
  check_op(op_case("luma_chroma", both, {randn({2, 2, 3})}));
}

TEST_CASE("the whole evaluation runs on a pair") {
  ColorPair<float> pair(tiny, colours, Key{1});
  auto x = randn<float>({12, 8, 8, 3});
  Tensor<i64> labels({12});
  for (i64 i = 0; i < 12; ++i) labels[i] = i % 2;
  auto load = [&](i64 begin, i64 end) { return x.rows(begin, end).clone(); };
  auto score = eval::probe(pair, load, labels, load, labels, {.linear = {.epochs = 1}});
  CHECK(score.linear.size() == 6);
}

TEST_CASE("grey pictures and an unknown normalization are refused") {
  ColorPair<float> pair(tiny, colours, Key{1});
  check_message([&] { pair.embed(Tensor<float>({2, 8, 8, 1})); }, {"luma_chroma", "[2, 8, 8, 1]", "[.., 3]"});
  check_message([] { ColorPair<float>(tiny, {}, Key{1}); }, {"color_pair", "not known"});
}
