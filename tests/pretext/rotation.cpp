#include <nacre/pretext/rotation.hpp>

#include "../helpers.hpp"

#include <set>

using namespace nacre;
using pretext::RotationViews, pretext::turn;

TEST_CASE_TEMPLATE("a quarter turn moves pixel (y, S - 1 - x) to (x, y), and four of them are none", T, u8, float,
                   double) {
  for (i64 size : {1, 2, 3, 4, 7})
    for (i64 channels : {1, 3}) {
      i64 n = size * size * channels;
      std::vector<T> start(static_cast<std::size_t>(n)), turned, four;
      for (i64 i = 0; i < n; ++i) start[static_cast<std::size_t>(i)] = static_cast<T>(i);
      turned = four = start;
      turn(turned.data(), size, channels, 1);
      auto at = [&](const std::vector<T>& v, i64 y, i64 x, i64 c) {
        return v[static_cast<std::size_t>((y * size + x) * channels + c)];
      };
      for (i64 y = 0; y < size; ++y)
        for (i64 x = 0; x < size; ++x)
          for (i64 c = 0; c < channels; ++c) CHECK(at(turned, y, x, c) == at(start, x, size - 1 - y, c));
      for (int k = 0; k < 4; ++k) turn(four.data(), size, channels, 1);
      CHECK(four == start);
      std::vector<T> three = start, back = start;
      for (int k = 0; k < 3; ++k) turn(three.data(), size, channels, 1);
      turn(back.data(), size, channels, -1);
      CHECK(back == three);
    }
}

TEST_CASE("rotation views: four turns of the same augmented picture, each with its label") {
  Tensor<u8> t({10, 10, 3});
  Random random(Key{1});
  for (u8& v : t.span()) v = static_cast<u8>(random.word());
  data::Picture p{t.data(), 10, 10, 3};
  RotationViews views = pretext::rotation_views({.image = 7});
  const i64 batch = 3, pixels = 7 * 7 * 3;
  Batch b;
  views.prepare(b, batch, 3);
  CHECK(b.image.shape() == Shape{12, 7, 7, 3});
  CHECK(b.turn.shape() == Shape{12});
  for (i64 row = 0; row < batch; ++row)
    views.fill(b, row, p, data::imagenet_normalization, Key{9}.fold(static_cast<u64>(row)));
  std::vector<float> expected(static_cast<std::size_t>(pixels));
  for (i64 row = 0; row < batch; ++row) {
    Key key = Key{9}.fold(static_cast<u64>(row)).fold(0);
    data::augment(p, views.augment, data::imagenet_normalization, key, 7, expected.data());
    for (i64 v = 0; v < 4; ++v) {
      CHECK(b.turn[v * batch + row] == v);
      CHECK(std::memcmp(b.image.data() + (v * batch + row) * pixels, expected.data(), pixels * sizeof(float)) == 0);
      turn(expected.data(), 7, 3, 1);
    }
  }
}

TEST_CASE("with one drawn turn all four occur equally often") {
  Tensor<u8> t({4, 4, 1});
  for (i64 i = 0; i < 16; ++i) t[i] = static_cast<u8>(16 * i);
  data::Picture p{t.data(), 4, 4, 1};
  RotationViews views = pretext::rotation_views({.image = 4, .all = false, .augment = data::identity});
  Batch b;
  views.prepare(b, 1, 1);
  CHECK(b.image.shape() == Shape{1, 4, 4, 1});
  int count[4] = {};
  for (u64 r = 0; r < 4000; ++r) {
    views.fill(b, 0, p, {{0, 0, 0}, {1, 1, 1}}, Key{2}.fold(r));
    ++count[b.turn[0]];
    const i64 first[4] = {0, 3, 15, 12};  // which pixel has come to the corner
    CHECK(std::lround(b.image[0] * 255) == 16 * first[b.turn[0]]);
  }
  for (int c : count) CHECK(std::abs(c - 1000) < 140);  // five standard deviations
  CHECK_THROWS_AS(pretext::rotation_views({.image = 0}), Error);
}
