#include <nacre/eval/probe.hpp>

#include <doctest/doctest.h>

using namespace nacre;
using namespace nacre::eval;

namespace {

// A stand-in for a network: stage maps that are the picture itself, coarser and with more channels by repetition.
struct Toy {
  struct Stages {
    Var<float> stem, layer1, layer2, layer3, layer4, pool;
  };
  mutable i64 pictures = 0;  // seen so far

  static Tensor<float> widen(const Tensor<float>& x, i64 stride, i64 times) {
    i64 n = x.dim(0), h = x.dim(1) / stride, w = x.dim(2) / stride, c = x.dim(3);
    Tensor<float> y({n, h, w, c * times});
    for (i64 i = 0; i < y.size(); ++i) {
      i64 channel = i % (c * times), col = i / (c * times) % w, row = i / (c * times * w) % h,
          image = i / (c * times * w * h);
      y[i] = x[((image * x.dim(1) + row * stride) * x.dim(2) + col * stride) * c + channel % c];
    }
    return y;
  }
  Tensor<float> embed(const Tensor<float>& x) const {
    Tensor<float> y({x.dim(0), x.dim(3)});
    pool_to_grid(x, 1, y.data());
    return y;
  }
  Stages stages(const Var<float>& x) const {
    pictures += x.dim(0);
    const Tensor<float>& v = x.value();
    return {widen(v, 1, 1), widen(v, 1, 1), widen(v, 2, 2), widen(v, 4, 4), widen(v, 8, 8), embed(v)};
  }
};

struct Pictures {
  Tensor<float> images;
  Tensor<i64> labels;
};

// Class c: a bright square in quarter c, so that position tells the class and the average does not.
Pictures quarters(i64 n, u64 seed) {
  Pictures p{Tensor<float>({n, 16, 16, 2}), Tensor<i64>({n})};
  Random random(Key{seed});
  for (i64 i = 0; i < n; ++i) {
    p.labels[i] = i % 4;
    for (i64 y = 0; y < 16; ++y)
      for (i64 x = 0; x < 16; ++x)
        for (i64 c = 0; c < 2; ++c)
          p.images[((i * 16 + y) * 16 + x) * 2 + c] = 0.3f * random.normal() + (y / 8 * 2 + x / 8 == i % 4 ? 1.f : 0.f);
  }
  return p;
}

auto loader(const Tensor<float>& images) {
  return [images](i64 begin, i64 end) { return images.rows(begin, end); };
}

}  // namespace

TEST_CASE("the grid rule gives the paper's sizes for ResNet-50 and 8 to 9 thousand numbers for ResNet-18") {
  i64 fifty[5] = {64, 256, 512, 1024, 2048}, map50[5] = {112, 56, 28, 14, 7}, cells[5] = {12, 6, 4, 3, 2};
  for (int i = 0; i < 5; ++i) CHECK(grid_cells(map50[i], map50[i], fifty[i], 64) == cells[i]);
  i64 eighteen[5] = {64, 64, 128, 256, 512}, map18[5] = {32, 32, 16, 8, 4};
  for (int i = 0; i < 5; ++i) {
    i64 g = grid_cells(map18[i], map18[i], eighteen[i], 64);
    CHECK(g * g * eighteen[i] >= 8192);
    CHECK(g * g * eighteen[i] <= 9216);
    CHECK(grid_cells(map18[i], map18[i], eighteen[i] / 4, 16) == g);  // narrow: as many cells, fewer numbers
  }
  CHECK(grid_cells(1, 1, 512, 64) == 1);  // never more cells than the map has
}

TEST_CASE("grid pooling averages each cell, overlapping where the side does not divide") {
  auto map = Tensor<float>::of({1, 3, 3, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  float out[4];
  pool_to_grid(map, 2, out);
  CHECK(out[0] == 3);  // rows 0-1, columns 0-1
  CHECK(out[1] == 4);
  CHECK(out[2] == 6);
  CHECK(out[3] == 7);
  auto two = Tensor<float>::of({1, 2, 2, 2}, {1, 10, 3, 30, 5, 50, 7, 70});
  pool_to_grid(two, 1, out);
  CHECK(out[0] == 4);
  CHECK(out[1] == 40);
}

TEST_CASE("every stage is probed, and stages see the position that the pooled feature has lost") {
  auto train = quarters(400, 1), test = quarters(200, 2);
  Toy toy;
  ProbeOptions o;
  o.batch = 64;
  auto score = probe(toy, loader(train.images), train.labels, loader(test.images), test.labels, o);
  REQUIRE(score.linear.size() == 6);
  const char* names[6] = {"stem", "layer1", "layer2", "layer3", "layer4", "pool"};
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(score.linear[i].name == names[i]);
    if (i < 5) CHECK(score.linear[i].top1 > 95);
    else CHECK(score.linear[i].top1 < 50);
  }
  CHECK(score.k == 200);
  CHECK(score.knn < 50);

  i64 once = toy.pictures;
  o.memory = 1;  // a pass a stage
  auto frugal = probe(toy, loader(train.images), train.labels, loader(test.images), test.labels, o);
  CHECK(toy.pictures - once > 4 * once);
  CHECK(frugal.knn == score.knn);
  for (std::size_t i = 0; i < 6; ++i) CHECK(frugal.linear[i].top1 == score.linear[i].top1);

  o.all_stages = false;
  auto last = probe(toy, loader(train.images), train.labels, loader(test.images), test.labels, o);
  REQUIRE(last.linear.size() == 1);
  CHECK(last.linear[0].top1 == score.linear[5].top1);
  CHECK(last.knn == score.knn);
}

TEST_CASE("pixels are measured by the same two measures") {
  auto train = quarters(400, 1), test = quarters(200, 2);
  auto score = probe_pixels(loader(train.images), train.labels, loader(test.images), test.labels);
  CHECK(score.linear[0].name == "pixels");
  CHECK(score.linear[0].top1 > 95);
  CHECK(score.knn > 95);
}

TEST_CASE("embeddings do not depend on the batch, and no pictures is an error") {
  auto test = quarters(10, 2);
  auto all = embed_all(Toy{}, loader(test.images), 10), some = embed_all(Toy{}, loader(test.images), 10, 3);
  REQUIRE(all.shape() == Shape{10, 2});
  for (i64 i = 0; i < 20; ++i) CHECK(all[i] == some[i]);
  CHECK_THROWS_WITH_AS(probe(Toy{}, loader(test.images), Tensor<i64>({0}), loader(test.images), test.labels),
                       doctest::Contains("0 training and 10 test"), DataError);
  CHECK_THROWS_WITH_AS(probe(Toy{}, loader(test.images), test.labels, loader(test.images), test.labels, {.batch = 0}),
                       doctest::Contains("batch is 0"), Error);
  CHECK_THROWS_WITH_AS(embed_all(Toy{}, loader(test.images), 10, 0), doctest::Contains("batch is 0"), Error);
}
