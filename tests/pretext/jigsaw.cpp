#include <nacre/pretext/jigsaw.hpp>
#include <nacre/pretext/permutations.hpp>
#include <nacre/pretext/rotation.hpp>

#include "../helpers.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>

using namespace nacre;
using namespace nacre::pretext;

namespace {

constexpr data::Normalization plain{{0, 0, 0}, {1, 1, 1}};

// Options that only cut: the whole picture, no flip, no colour.
JigsawViews cutting(i64 size) {
  return jigsaw_views(
      {.image = size, .augment = data::identity, .crop = data::identity.crop, .patch_color = data::identity.color});
}
// Red is x, green is y: a patch tells where it was cut.
Tensor<u8> coordinates(i64 size) {
  Tensor<u8> t({size, size, 3});
  for (i64 y = 0; y < size; ++y)
    for (i64 x = 0; x < size; ++x) {
      t[(y * size + x) * 3] = static_cast<u8>(x);
      t[(y * size + x) * 3 + 1] = static_cast<u8>(y);
      t[(y * size + x) * 3 + 2] = 0;
    }
  return t;
}
data::Picture picture(const Tensor<u8>& t) { return {t.data(), t.dim(0), t.dim(1), t.dim(2)}; }

}  // namespace

TEST_CASE("the patch keeps the proportion 64 : 85 of its cell") {
  i64 expected[][3] = {{255, 85, 64}, {128, 42, 32}, {96, 32, 24}, {64, 21, 16}, {32, 10, 8}};
  for (auto& e : expected) {
    JigsawViews o = jigsaw_views({.square = e[0]});
    CHECK((o.cell() == e[1] && o.patch == e[2]));
  }
  CHECK(jigsaw_views({.image = 224}).square == 255);
  CHECK(jigsaw_views({.image = 64}).square == 64);
}

TEST_CASE("every patch lies in the cell that order names, at every offset equally often") {
  for (i64 size : {32, 33}) {
    Tensor<u8> t = coordinates(size);
    JigsawViews o = cutting(size);
    i64 places = o.cell() - o.patch + 1, pixels = o.patch * o.patch * 3, rounds = 2000;
    std::vector<int> counts(static_cast<std::size_t>(places * places));
    Batch b;
    o.prepare(b, 1, 3);
    for (i64 r = 0; r < rounds; ++r) {
      o.fill(b, 0, picture(t), plain, Key{1}.fold(static_cast<u64>(r)));
      std::set<i64> cells;
      for (i64 p = 0; p < 9; ++p) {
        const float* at = b.patches.data() + p * pixels;
        auto x = std::lround(at[0] * 255), y = std::lround(at[1] * 255);
        i64 dx = x - b.order[p] % 3 * o.cell(), dy = y - b.order[p] / 3 * o.cell();
        REQUIRE((dx >= 0 && dx < places && dy >= 0 && dy < places));
        ++counts[static_cast<std::size_t>(dy * places + dx)];
        CHECK(std::lround(at[pixels - 3] * 255) == x + o.patch - 1);  // the last pixel: an unbroken square
        CHECK(std::lround(at[pixels - 2] * 255) == y + o.patch - 1);
        cells.insert(b.order[p]);
      }
      CHECK(cells.size() == 9);
    }
    double expected = static_cast<double>(9 * rounds) / static_cast<double>(places * places);
    for (int c : counts) CHECK(std::abs(c - expected) < 5 * std::sqrt(expected));
  }
}

TEST_CASE("orders are uniform: every cell stands in every place equally often, and many orders appear") {
  Tensor<u8> t = coordinates(9);
  JigsawViews o = cutting(9);
  Batch b;
  o.prepare(b, 1, 3);
  int count[9][9] = {};
  std::set<std::string> orders;
  int odd = 0;
  for (u64 r = 0; r < 9000; ++r) {
    o.fill(b, 0, picture(t), plain, Key{2}.fold(r));
    std::string s;
    int inversions = 0;
    for (i64 p = 0; p < 9; ++p) {
      ++count[p][b.order[p]];
      s += static_cast<char>('0' + b.order[p]);
      for (i64 q = 0; q < p; ++q) inversions += b.order[q] > b.order[p];
    }
    orders.insert(s);
    odd += inversions % 2;
  }
  double chi = 0;
  for (auto& line : count)
    for (int c : line) chi += (c - 1000.0) * (c - 1000.0) / 1000;
  CHECK(chi < 120);  // 64 degrees of freedom: a chance of 1 in 30,000
  CHECK(std::abs(odd - 4500) < 240);
  CHECK(orders.size() > 8800);  // of 362,880; 9,000 draws collide about 111 times
}

TEST_CASE("the two branches see separate crops, and each patch its own colours") {
  Tensor<u8> t({40, 40, 3});
  for (u8& v : t.span()) v = 100;
  JigsawViews o = jigsaw_views({.image = 32});
  Batch b;
  o.prepare(b, 1, 3);
  std::set<float> levels;
  for (u64 r = 0; r < 20; ++r) {
    o.fill(b, 0, picture(t), plain, Key{4}.fold(r));
    for (i64 p = 0; p < 9; ++p) levels.insert(b.patches[p * 8 * 8 * 3]);
  }
  CHECK(levels.size() > 100);  // 180 patches, a fifth without jitter

  Tensor<u8> where = coordinates(64);
  JigsawViews crops = jigsaw_views({.image = 63, .patch_color = data::identity.color});
  crops.augment.color = data::identity.color;
  crops.augment.crop.flip = crops.crop.flip = 0;
  crops.prepare(b, 1, 3);
  double least = 1;
  int different = 0;
  for (u64 r = 0; r < 300; ++r) {
    crops.fill(b, 0, picture(where), plain, Key{5}.fold(r));
    double left = 1, right = 0, top = 1, bottom = 0;  // bounds of what the patches show, of a square of 9 cells
    for (i64 p = 0; p < 9; ++p)
      for (i64 i = 0; i < crops.patch * crops.patch; ++i) {
        const float* at = b.patches.data() + (p * crops.patch * crops.patch + i) * 3;
        left = std::min(left, double(at[0]));
        right = std::max(right, double(at[0]));
        top = std::min(top, double(at[1]));
        bottom = std::max(bottom, double(at[1]));
      }
    double area = (right - left) * (bottom - top) * 255 * 255 / (64 * 64);
    least = std::min(least, area);
    different += std::abs(double(b.image[0]) - left) * 255 > 3;
  }
  CHECK(least > 0.4);   // at least .6 of the area, less the margins outside the outermost patches
  CHECK(least < 0.62);  // and small crops do occur
  CHECK(different > 200);
}

TEST_CASE("with flipping patches half of them are mirrored") {
  Tensor<u8> t = coordinates(32);
  JigsawViews o = cutting(32);
  o.patch_flip = 0.5f;
  Batch b;
  o.prepare(b, 1, 3);
  int mirrored = 0;
  for (u64 r = 0; r < 500; ++r) {
    o.fill(b, 0, picture(t), plain, Key{6}.fold(r));
    for (i64 p = 0; p < 9; ++p) mirrored += b.patches[p * 192] > b.patches[p * 192 + 3];
  }
  CHECK(std::abs(mirrored - 2250) < 170);
}

TEST_CASE("with a permutation set the order is the row that puzzle names") {
  JigsawViews o = cutting(32);
  o.permutations = permutation_set(20, Spread::max_min, Key{1});
  o = jigsaw_views(o);
  Tensor<u8> t = coordinates(32);
  Batch b;
  o.prepare(b, 1, 3);
  std::set<i64> rows;
  for (u64 r = 0; r < 400; ++r) {
    o.fill(b, 0, picture(t), plain, Key{7}.fold(r));
    rows.insert(b.puzzle[0]);
    for (i64 p = 0; p < 9; ++p) CHECK(b.order[p] == o.permutations[b.puzzle[0] * 9 + p]);
  }
  CHECK(rows.size() == 20);
  o.permutations = Tensor<i64>::of({1, 9}, {0, 1, 2, 3, 4, 5, 6, 7, 7});
  CHECK_THROWS_AS(jigsaw_views(o), Error);
  o.permutations = Tensor<i64>({2, 8});
  CHECK_THROWS_AS(jigsaw_views(o), Error);
}

TEST_CASE("turned, then cut: a patch shows what stands in its cell after the turn that turn names") {
  Tensor<u8> t = coordinates(33);
  JigsawViews o = cutting(33);
  o.turn = true;
  Batch b;
  o.prepare(b, 2, 3);
  CHECK(b.turn.shape() == Shape{2});
  int count[4] = {};
  for (u64 r = 0; r < 400; ++r) {
    o.fill(b, 1, picture(t), plain, Key{1}.fold(r));
    ++count[b.turn[1]];
    Tensor<u8> turned = t.clone();
    turn(turned.data(), 33, 3, b.turn[1]);
    for (i64 p = 0; p < 9; ++p) {
      const float* at = b.patches.data() + (9 + p) * o.patch * o.patch * 3;
      i64 found = 0;
      for (i64 y = 0; y < o.cell(); ++y)
        for (i64 x = 0; x < o.cell(); ++x) {
          i64 where = (b.order[9 + p] / 3 * o.cell() + y) * 33 + b.order[9 + p] % 3 * o.cell() + x;
          found += turned[where * 3] == std::lround(at[0] * 255) && turned[where * 3 + 1] == std::lround(at[1] * 255);
        }
      CHECK(found == 1);
    }
  }
  for (int c : count) CHECK(std::abs(c - 100) < 45);
}

TEST_CASE("PIRL's rotation is one piece: the picture augmented anew as the image is, and turned") {
  Tensor<u8> t = coordinates(24);
  JigsawViews o = pirl_views(Pretext::rotation, {.image = 20, .augment = data::identity});
  Batch b;
  o.prepare(b, 1, 3);
  CHECK(b.patches.shape() == Shape{1, 1, 20, 20, 3});
  for (u64 r = 0; r < 20; ++r) {
    o.fill(b, 0, picture(t), plain, Key{3}.fold(r));
    std::vector<float> turned(b.image.span().begin(), b.image.span().end());
    turn(turned.data(), 20, 3, b.turn[0]);
    CHECK(std::equal(turned.begin(), turned.end(), b.patches.data()));
  }
  o = pirl_views(Pretext::rotation, {.image = 20});
  CHECK(o.crop.area_min == o.augment.crop.area_min);
  CHECK(o.patch_color.grey == o.augment.color.grey);
  CHECK(!pirl_views(Pretext::jigsaw, {.turn = true}).turn);
  JigsawViews both = pirl_views(Pretext::jigsaw_rotation, {.image = 32});
  CHECK((both.turn && both.cells() == 9 && both.patch == 8 && both.crop.area_min == 0.6f));
}

// The guards against shortcuts: what a classifier could read instead of the picture is gone.
TEST_CASE("guard: with patch_normalize no patch's brightness or contrast tells its cell") {
  Tensor<u8> t({32, 32, 3});
  Random random(Key{8});
  for (i64 i = 0; i < t.size(); ++i) t[i] = static_cast<u8>(i / 96 * 6 + random.below(20));  // brighter downwards
  for (bool guarded : {false, true}) {
    JigsawViews o = cutting(32);
    o.patch_normalize = guarded;
    Batch b;
    o.prepare(b, 1, 3);
    o.fill(b, 0, picture(t), {{0.4f, 0.5f, 0.6f}, {0.2f, 0.2f, 0.3f}}, Key{1});
    double farthest = 0, stretched = 0;
    for (i64 p = 0; p < 9; ++p)
      for (i64 c = 0; c < 3; ++c) {
        double sum = 0, squares = 0;
        for (i64 i = 0; i < 64; ++i) {
          double v = b.patches[(p * 64 + i) * 3 + c];
          sum += v / 64;
          squares += v * v / 64;
        }
        farthest = std::max(farthest, std::abs(sum));
        stretched = std::max(stretched, std::abs(std::sqrt(squares - sum * sum) - 1));
      }
    CHECK((farthest < 1e-5) == guarded);
    CHECK((stretched < 1e-4) == guarded);
  }
  t.fill(90);  // a patch of one colour stays flat: no noise is blown up
  JigsawViews o = cutting(32);
  o.patch_normalize = true;
  Batch b;
  o.prepare(b, 1, 3);
  o.fill(b, 0, picture(t), plain, Key{1});
  for (float v : b.patches.span()) CHECK(std::abs(v) < 1e-3f);
}

TEST_CASE("guard: with channel_shift the colours of a patch come from places of their own, inside the cell") {
  Tensor<u8> t({32, 32, 3});
  for (i64 i = 0; i < t.size(); ++i) t[i] = static_cast<u8>(i / 3 % 32 * 8);  // every colour is x
  std::set<long> apart;
  for (i64 shift : {0, 1, 2}) {
    JigsawViews o = cutting(32);
    o.patch = 6;  // of a cell of 10
    o.channel_shift = shift;
    Batch b;
    o.prepare(b, 1, 3);
    apart.clear();
    for (u64 r = 0; r < 200; ++r) {
      o.fill(b, 0, picture(t), plain, Key{2}.fold(r));
      for (i64 p = 0; p < 9; ++p) {
        const float* at = b.patches.data() + p * 36 * 3;
        long x[3];
        for (i64 c = 0; c < 3; ++c) {
          x[c] = std::lround(at[c] * 255 / 8);
          long dx = x[c] - b.order[p] % 3 * 10;
          CHECK((dx >= 0 && dx <= 4));
        }
        apart.insert(x[0] - x[1]);
      }
    }
    CHECK(static_cast<i64>(apart.size()) == 4 * shift + 1);  // -2 shift .. 2 shift
  }
  CHECK_THROWS_AS(jigsaw_views({.channel_shift = -1}), Error);
}

TEST_CASE("without the image view the patches are the same, and no image is made") {
  Tensor<u8> t = coordinates(32);
  JigsawViews o = cutting(32), alone = o;
  alone.with_image = false;
  Batch b, c;
  o.prepare(b, 2, 3);
  alone.prepare(c, 2, 3);
  for (i64 row : {0, 1}) {
    o.fill(b, row, picture(t), plain, Key{5}.fold(static_cast<u64>(row)));
    alone.fill(c, row, picture(t), plain, Key{5}.fold(static_cast<u64>(row)));
  }
  CHECK(c.image.empty());
  CHECK(b.image.shape() == Shape{2, 32, 32, 3});
  CHECK(test::same_bits(b.patches, c.patches));
  CHECK(test::same_bits(b.order, c.order));
}

TEST_CASE("guard: patch_color.grey drops the colour of that share of patches") {
  Tensor<u8> t({32, 32, 3});
  Random random(Key{8});
  for (u8& v : t.span()) v = static_cast<u8>(random.word());
  JigsawViews o = cutting(32);
  o.patch_color.grey = 0.66f;  // VISSL's
  Batch b;
  o.prepare(b, 1, 3);
  int grey = 0;
  for (u64 r = 0; r < 200; ++r) {
    o.fill(b, 0, picture(t), plain, Key{2}.fold(r));
    for (i64 p = 0; p < 9; ++p) grey += b.patches[p * 192] == b.patches[p * 192 + 1];
  }
  CHECK(std::abs(grey - 1188) < 100);  // of 1,800; five standard deviations
}

// A solver that looks at borders alone: on smooth pictures neighbours continue each other unless the gap hides it.
TEST_CASE("guard: the random gap between patches breaks the continuity of edges") {
  Tensor<u8> t({66, 66, 1});
  auto solved = [&](i64 patch) {
    JigsawViews o = cutting(66);
    o.patch = patch;
    Batch b;
    o.prepare(b, 1, 1);
    int right = 0, all = 0;
    for (u64 r = 0; r < 100; ++r) {
      float phase[12];
      Random random(Key{9}.fold(r));
      for (float& f : phase) f = random.uniform(0, 6.28f);
      for (i64 i = 0; i < t.size(); ++i) {
        float v = 0, x = static_cast<float>(i % 66), y = static_cast<float>(i / 66);
        for (int k = 0; k < 12; ++k)
          v += std::sin(phase[k] + 0.45f * (x * std::cos(phase[k] * 5) + y * std::sin(phase[k] * 5)));
        t[i] = static_cast<u8>(std::lround(127 + 14 * std::fmax(-9.f, std::fmin(9.f, v))));
      }
      o.fill(b, 0, picture(t), plain, Key{1}.fold(r));
      auto border = [&](i64 p, i64 y, i64 x) { return b.patches[(p * patch + y) * patch + x]; };
      for (i64 p = 0; p < 9; ++p) {  // which patch continues p to the right?
        if (b.order[p] % 3 == 2) continue;
        i64 best = -1;
        double least = 1e9;
        for (i64 q = 0; q < 9; ++q) {
          if (q == p) continue;
          double sum = 0;
          for (i64 y = 0; y < patch; ++y) sum += std::pow(border(p, y, patch - 1) - border(q, y, 0), 2);
          if (sum < least) {
            least = sum;
            best = q;
          }
        }
        right += b.order[best] == b.order[p] + 1;
        ++all;
      }
    }
    return static_cast<double>(right) / all;
  };
  double without = solved(22), with = solved(jigsaw_patch(22));
  MESSAGE("right neighbour found by its border: without gap " << without << ", with " << with);
  CHECK(without > 0.95);
  CHECK(with < 0.5);
}

TEST_CASE("grey pictures and other grids work; impossible geometry is refused") {
  Tensor<u8> t({28, 28, 1});
  for (u8& v : t.span()) v = 50;
  JigsawViews o = jigsaw_views({.image = 32, .grid = 2});
  Batch b;
  o.prepare(b, 2, 1);
  o.fill(b, 1, picture(t), plain, Key{1});
  CHECK(b.patches.shape() == Shape{2, 4, 12, 12, 1});
  CHECK_THROWS_AS(jigsaw_views({.image = 2}), Error);
  CHECK_THROWS_AS(jigsaw_views({.image = 0}), Error);
  CHECK_THROWS_AS(jigsaw_views({.image = 32, .patch = 11}), Error);
  CHECK_THROWS_AS(jigsaw_views({.image = 32, .grid = 0}), Error);
  CHECK_THROWS_AS(jigsaw_views({.image = 32, .patch_flip = 2}), Error);
}
