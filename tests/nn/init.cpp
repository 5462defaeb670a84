#include "../helpers.hpp"

#include <nacre/nn/init.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

struct Moments {
  double mean = 0, std = 0, lowest = 1e9, highest = -1e9;
};
Moments moments(const Tensor<float>& t) {
  Moments m;
  for (float x : t.span()) {
    m.mean += x;
    m.std += static_cast<double>(x) * x;
    m.lowest = std::min<double>(m.lowest, x);
    m.highest = std::max<double>(m.highest, x);
  }
  double n = static_cast<double>(t.size());
  m.mean /= n;
  m.std = std::sqrt(m.std / n - m.mean * m.mean);
  return m;
}

}  // namespace

TEST_CASE("he_normal has mean 0 and variance 2 / fan_out") {
  auto w = nn::he_normal<float>({64, 3, 3, 128}, Key{1});
  auto m = moments(w);
  double std = std::sqrt(2.0 / (64 * 9));
  CHECK(std::abs(m.mean) < 5 * std / std::sqrt(static_cast<double>(w.size())));
  CHECK(std::abs(m.std / std - 1) < 0.01);
  CHECK(m.highest > 3.5 * std);  // tails
  CHECK(m.lowest < -3.5 * std);
}

TEST_CASE("uniform_linear fills (-1 / sqrt(in), 1 / sqrt(in)) evenly") {
  auto m = moments(nn::uniform_linear<float>({400, 100}, 100, Key{1}));
  CHECK(m.lowest >= -0.1);
  CHECK(m.highest <= 0.1);
  CHECK(m.highest - m.lowest > 0.199);
  CHECK(std::abs(m.mean) < 0.002);
  CHECK(std::abs(m.std / (0.2 / std::sqrt(12.0)) - 1) < 0.01);
}

TEST_CASE("initial weights are a function of the key alone, not of the thread count") {
  auto draw = [](u64 seed) { return nn::he_normal<float>({40, 3, 3, 200}, Key{seed}); };  // several pieces
  auto one = with_threads(1, [&] { return draw(5); });
  CHECK(same_bits(one, with_threads(3, [&] { return draw(5); })));
  CHECK(!same_bits(one, draw(6)));
  i64 piece = 1 << 14, equal = 0;
  for (i64 i = 0; i < piece; ++i) equal += one[i] == one[piece + i];
  CHECK(equal < 10);  // pieces differ
}

TEST_CASE("initial weights in double are those in float, to float's precision") {
  CHECK(difference(nn::normal<float>({50, 7}, 0.3, Key{2}), nn::normal<double>({50, 7}, 0.3, Key{2})) < 1e-6);
}
