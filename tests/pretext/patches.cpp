#include <nacre/pretext/patches.hpp>

#include "../helpers.hpp"

#include <set>

using namespace nacre;
using pretext::patch_views, pretext::patch_grid;

namespace {

constexpr data::Normalization plain{{0, 0, 0}, {1, 1, 1}};

// Red is x, green is y: a patch tells where it was cut.
Tensor<u8> coordinates(i64 size) {
  Tensor<u8> t = Tensor<u8>::zeros({size, size, 3});
  for (i64 y = 0; y < size; ++y)
    for (i64 x = 0; x < size; ++x) {
      t[(y * size + x) * 3] = static_cast<u8>(x);
      t[(y * size + x) * 3 + 1] = static_cast<u8>(y);
    }
  return t;
}
data::Picture picture(const Tensor<u8>& t) { return {t.data(), t.dim(0), t.dim(1), t.dim(2)}; }

// Only cuts: the whole picture, no flip, no colour.
pretext::PatchViews cutting(i64 size, i64 patch = 0, i64 stride = 0) {
  return patch_views({.image = size,
                      .patch = patch,
                      .stride = stride,
                      .crop = data::identity.crop,
                      .patch_color = data::identity.color});
}

std::set<i64> pixels_of_row(const Tensor<float>& patches, i64 grid, i64 row, i64 size) {
  std::set<i64> seen;
  i64 numbers = patches.size() / (grid * grid);
  for (i64 i = row * grid * numbers; i < (row + 1) * grid * numbers; i += 3)
    seen.insert(std::lround(patches[i + 1] * 255) * size + std::lround(patches[i] * 255));
  return seen;
}

}  // namespace

TEST_CASE("patches are a quarter of the picture and half over one another: a grid of 7") {
  for (auto [size, patch] : {std::pair<i64, i64>{224, 56}, {64, 16}, {32, 8}}) {
    auto o = patch_views({.image = size});
    CHECK(o.patch == patch);
    CHECK(o.stride == patch / 2);
    CHECK(o.grid() == 7);
    CHECK(o.shared_rows() == 1);
  }
}

TEST_CASE("patch (r, c) shows the pixels from (r stride, c stride) on, and so does patch_grid") {
  for (auto o : {cutting(32), cutting(32, 10, 3), cutting(17, 4, 4)}) {
    Tensor<u8> t = coordinates(o.image);
    Batch b;
    o.prepare(b, 2, 3);
    i64 g = o.grid();
    CHECK(b.patches.shape() == Shape{2, g * g, o.patch, o.patch, 3});
    o.fill(b, 1, picture(t), plain, Key{1});
    for (i64 r = 0; r < g; ++r)
      for (i64 c = 0; c < g; ++c)
        for (i64 y = 0; y < o.patch; ++y)
          for (i64 x = 0; x < o.patch; ++x) {
            const float* at = b.patches.data() + (((g * g + r * g + c) * o.patch + y) * o.patch + x) * 3;
            REQUIRE(std::lround(at[0] * 255) == c * o.stride + x);
            REQUIRE(std::lround(at[1] * 255) == r * o.stride + y);
          }
    Tensor<float> whole({1, o.image, o.image, 3});
    for (i64 i = 0; i < whole.size(); ++i) whole[i] = static_cast<float>(t[i]) / 255;
    CHECK(test::difference(patch_grid(whole, o.patch, o.stride), b.patches.rows(1, 2).clone()) < 1e-6);
  }
}

TEST_CASE("a picture moved by one stride has its patches moved by one place") {
  Tensor<float> big = test::randn<float>({1, 24, 20, 2}), moved({1, 20, 20, 2});
  moved.copy_from(Tensor<float>(big.rows(0, 1)).reshape({24, 20, 2}).rows(4, 24).reshape({1, 20, 20, 2}));
  auto a = patch_grid(big, 8, 4), b = patch_grid(moved, 8, 4);  // grids of 5 x 4 and 4 x 4
  CHECK(a.shape() == Shape{1, 20, 8, 8, 2});
  CHECK(b.shape() == Shape{1, 16, 8, 8, 2});
  CHECK(test::same_bits(a.reshape({20, 8, 8, 2}).rows(4, 20).clone(), b.reshape({16, 8, 8, 2})));
}

TEST_CASE("rows of patches farther apart than shared_rows share no pixel; nearer ones do") {
  for (auto o : {cutting(32), cutting(32, 10, 3), cutting(32, 8, 8), cutting(32, 9, 8)}) {
    Tensor<u8> t = coordinates(o.image);
    Batch b;
    o.prepare(b, 1, 3);
    o.fill(b, 0, picture(t), plain, Key{1});
    for (i64 k = 0; k < o.grid(); ++k) {
      auto first = pixels_of_row(b.patches, o.grid(), 0, o.image);
      auto below = pixels_of_row(b.patches, o.grid(), k, o.image);
      bool shared = std::any_of(below.begin(), below.end(), [&](i64 pixel) { return first.count(pixel) > 0; });
      CHECK(shared == (k <= o.shared_rows()));
    }
  }
}

TEST_CASE("each patch has its own colours, unless that is turned off, and all is a function of the key") {
  Tensor<u8> grey = Tensor<u8>::full({32, 32, 3}, 100);
  auto colours = [&](const pretext::PatchViews& o, Key key) {
    Batch b;
    o.prepare(b, 1, 3);
    o.fill(b, 0, picture(grey), plain, key);
    std::set<float> seen;
    for (i64 p = 0; p < 49; ++p) seen.insert(b.patches[p * 8 * 8 * 3]);
    return std::pair{seen.size(), b.patches};
  };
  CHECK(colours(patch_views({}), Key{1}).first > 25);
  CHECK(colours(patch_views({.patch_color = data::identity.color}), Key{1}).first == 1);
  CHECK(test::same_bits(colours(patch_views({}), Key{1}).second, colours(patch_views({}), Key{1}).second));
  CHECK(!test::same_bits(colours(patch_views({}), Key{1}).second, colours(patch_views({}), Key{2}).second));
}

TEST_CASE("grids that do not fit are refused") {
  test::check_message([] { patch_views({.image = 16, .patch = 17}); }, {"patch_views", "17", "16", "patch <= image"});
  test::check_message([] { patch_views({.image = 0}); }, {"patch_views", "image 0"});
  test::check_message([] { patch_views({.stride = -1}); }, {"patch_views", "-1", "stride at least 1"});
  test::check_message([] { patch_grid(Tensor<float>({2, 6, 9, 1}), 7, 2); },
                      {"patch_grid", "[2, 6, 9, 1]", "patch 7", "H, W >= patch"});
}
