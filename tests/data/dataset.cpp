#include <nacre/data/dataset.hpp>

#include <doctest/doctest.h>

using namespace nacre;
using namespace nacre::data;

namespace {

Images four() {  // 4 pictures of 2 x 1 x 3
  Tensor<u8> pixels({4, 2, 1, 3});
  for (i64 i = 0; i < 24; ++i) pixels[i] = static_cast<u8>(i);
  return make_images(pixels, Tensor<i64>::of({4}, {0, 1, 2, 3}), "four");
}
Images ragged() {
  Images r;
  r.channels = 1;
  r.pixels = Tensor<u8>::of({7}, {1, 2, 3, 4, 5, 6, 7});
  r.extents = {{0, 1, 2}, {2, 2, 2}, {6, 1, 1}};
  seal(r);
  return r;
}

}  // namespace

TEST_CASE("a picture is found in dense and in ragged sets") {
  Images d = four(), r = ragged();
  CHECK(d.size() == 4);
  CHECK(d[3].data()[0] == 18);
  CHECK(r.size() == 3);
  CHECK((r[1].height == 2 && r[1].width == 2 && r[1].channels == 1 && r[1].data()[0] == 3));
  CHECK(Images{}.empty());
}

TEST_CASE("a subset holds the named pictures, labels and order") {
  Images s = subset(four(), {3, 1, 1});
  CHECK(s.size() == 3);
  CHECK((s.labels[0] == 3 && s.labels[1] == 1 && s.labels[2] == 1));
  CHECK((s[0].data()[0] == 18 && s[2].data()[5] == 11));
  Images r = subset(ragged(), {2, 0});
  CHECK((r.size() == 2 && r[0].data()[0] == 7 && r[1].data()[1] == 2 && r.pixels.size() == 3));
  CHECK_THROWS_AS(subset(four(), {4}), Error);
  CHECK_THROWS_AS(subset(four(), {-1}), Error);
}

TEST_CASE("a limit takes different pictures of the keyed order, the shorter one first in the longer") {
  Tensor<u8> pixels({200, 1, 1, 1});
  for (i64 i = 0; i < 200; ++i) pixels[i] = static_cast<u8>(i);
  Images all = make_images(pixels), a = limit(all, 50, Key{1}), b = limit(all, 80, Key{1}), c = limit(all, 50, Key{2});
  std::vector<int> seen(200);
  for (i64 i = 0; i < 50; ++i) {
    CHECK(a.pixels[i] == b.pixels[i]);
    ++seen[a.pixels[i]];
  }
  for (int s : seen) CHECK(s <= 1);
  CHECK(a.fingerprint != c.fingerprint);
  CHECK(limit(all, 0, Key{1}).fingerprint == all.fingerprint);
  CHECK(limit(all, 200, Key{1}).size() == 200);
  CHECK_THROWS_AS(limit(all, -1, Key{1}), Error);
}

TEST_CASE("the fingerprint changes with any pixel, label, name and shape, and with nothing else") {
  Images a = four();
  std::string before = a.fingerprint;
  CHECK(before.size() == 16);
  CHECK(four().fingerprint == before);
  for (i64 i = 0; i < 24; ++i) {
    Images b = four();
    b.pixels[i] ^= 1;
    seal(b);
    CHECK(b.fingerprint != before);
  }
  Images b = four();
  b.labels[2] = 7;
  seal(b);
  CHECK(b.fingerprint != before);
  b = four();
  b.name = "five";
  seal(b);
  CHECK(b.fingerprint != before);
  b = four();
  b.classes = {"a"};
  seal(b);
  CHECK(b.fingerprint != before);
  CHECK(make_images(four().pixels.reshape({2, 4, 1, 3})).fingerprint !=
        make_images(four().pixels.reshape({4, 2, 1, 3})).fingerprint);
}

TEST_CASE("mean and deviation are those of each channel; a constant channel gets 1") {
  Tensor<u8> pixels({1, 2, 2, 3});
  u8 values[12] = {0, 255, 7, 255, 255, 7, 0, 255, 7, 255, 255, 7};
  for (i64 i = 0; i < 12; ++i) pixels[i] = values[i];
  Normalization n = mean_std(make_images(pixels));
  CHECK((n.mean[0] == 0.5f && n.std[0] == 0.5f && n.mean[1] == 1 && n.std[1] == 1 && n.std[2] == 1));
  CHECK(n.mean[2] == doctest::Approx(7.0 / 255));
  CHECK(n.known());
  CHECK(!Normalization{}.known());
}

TEST_CASE("sets of the wrong shape are refused") {
  CHECK_THROWS_AS(make_images(Tensor<u8>({4, 2, 1, 2})), Error);
  CHECK_THROWS_AS(make_images(Tensor<u8>({4, 2, 1})), Error);
  CHECK_THROWS_AS(make_images(Tensor<u8>({4, 2, 1, 3}), Tensor<i64>({3})), Error);
}
