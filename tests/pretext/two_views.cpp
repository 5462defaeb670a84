#include <nacre/pretext/two_views.hpp>

#include <doctest/doctest.h>

#include <cstring>

using namespace nacre;

TEST_CASE("view v of sample b is row v * B + b, drawn by its own key") {
  Tensor<u8> t({10, 10, 3});
  Random random(Key{1});
  for (u8& v : t.span()) v = static_cast<u8>(random.word());
  data::Picture p{t.data(), 10, 10, 3};
  pretext::Views views = pretext::two_views({.image = 8});
  Batch b;
  views.prepare(b, 4, 3);
  CHECK(b.image.shape() == Shape{8, 8, 8, 3});
  views.fill(b, 2, p, data::imagenet_normalization, Key{9});
  std::vector<float> expected(192);
  for (i64 v = 0; v < 2; ++v) {
    data::augment(p, views.augment, data::imagenet_normalization, Key{9}.fold(static_cast<u64>(v)), 8, expected.data());
    CHECK(std::memcmp(b.image.data() + (v * 4 + 2) * 192, expected.data(), 192 * sizeof(float)) == 0);
  }
  CHECK(std::memcmp(b.image.data() + 2 * 192, b.image.data() + 6 * 192, 192 * sizeof(float)) != 0);
  CHECK(pretext::one_view({.image = 8}).count == 1);
  CHECK_THROWS_AS(pretext::two_views({.image = 0}), Error);
  CHECK_THROWS_AS(pretext::views({.count = 0}), Error);
}
