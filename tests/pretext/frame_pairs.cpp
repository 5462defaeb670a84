// pretext/frame_pairs.hpp: who is drawn, how often, and what stands in the batch.
#include <nacre/data/loader.hpp>
#include <nacre/pretext/frame_pairs.hpp>

#include <map>

#include "../helpers.hpp"

using namespace nacre;
using pretext::FramePairSampler;
using pretext::FramePairViews;

namespace {

// Clips of these lengths; the brightness of a frame is its number in the set.
data::Clips clips(const std::vector<i64>& lengths) {
  std::vector<data::Video> videos;
  int frame = 0;
  for (i64 n : lengths) {
    data::Video v{Tensor<u8>({n, 12, 16, 3}), "clip", 10};
    for (i64 i = 0; i < v.frames.size(); ++i) v.frames[i] = static_cast<u8>(frame + i / (12 * 16 * 3));
    frame += static_cast<int>(n);
    videos.push_back(v);
  }
  return data::make_clips(videos);
}
constexpr data::Normalization bytes{{0, 0, 0}, {1 / 255.f, 1 / 255.f, 1 / 255.f}};  // a frame's number again

std::map<i64, int> draws(bool far, FramePairSampler s, data::Clip clip, i64 frame, int n = 6000) {
  std::map<i64, int> count;
  Random random(Key{4});
  for (int i = 0; i < n; ++i) ++count[far ? s.far(clip, frame, random) : s.near(clip, frame, random)];
  return count;
}

}  // namespace

TEST_CASE("partners: near, of the clip, never the frame itself, each equally often") {
  FramePairSampler s{.positive_radius = 3, .negative_radius = 5};
  auto inside = draws(false, s, {100, 130}, 110), edge = draws(false, s, {100, 130}, 100);
  REQUIRE(inside.size() == 6);
  CHECK(inside.begin()->first == 107);
  CHECK(inside.rbegin()->first == 113);
  CHECK(inside.count(110) == 0);
  for (auto [frame, n] : inside) CHECK(std::abs(n - 1000) < 120);
  REQUIRE(edge.size() == 3);
  CHECK(edge.begin()->first == 101);
  for (auto [frame, n] : edge) CHECK(std::abs(n - 2000) < 160);
  CHECK(draws(false, s, {7, 8}, 7).begin()->first == 7);  // alone
  CHECK(draws(false, s, {7, 9}, 7).begin()->first == 8);

  auto far = draws(true, s, {100, 110}, 106);
  REQUIRE(far.size() == 2);
  CHECK(far.count(100) == 1);
  CHECK(far.count(101) == 1);
  far = draws(true, s, {100, 112}, 105);
  REQUIRE(far.size() == 3);  // 100, 110, 111
  for (auto [frame, n] : far) CHECK(std::abs(n - 2000) < 160);
  CHECK(draws(true, s, {100, 105}, 102).begin()->first == -1);
}

TEST_CASE("a batch says of each row which frame it shows") {
  data::Clips set = clips({20, 1, 30});
  FramePairViews views = pretext::frame_pairs(
      set, {.sampler = {2, 6}, .image = 8, .count = 3, .far = true, .augment = data::identity});
  Loader loader(set.frames, views, {.batch = 17, .epochs = 4, .normalization = bytes}, Key{2});
  i64 far_rows = 0;
  for (Batch& b : loader) {
    REQUIRE(b.image.shape() == Shape{68, 8, 8, 3});
    REQUIRE(b.clip.shape() == Shape{68});
    for (i64 v = 0; v < 4; ++v)
      for (i64 i = 0; i < 17; ++i) {
        i64 row = v * 17 + i, frame = set[b.clip[row]].begin + b.frame[row];
        CHECK(std::lround(b.image[row * 192]) == frame);
        CHECK(b.clip[row] == set.clip_of(b.index[i]));
        i64 apart = std::abs(frame - b.index[i]);
        if (v == 0) CHECK(apart == 0);
        else if (b.clip[row] == 1) CHECK(apart == 0);
        else if (v < 3) CHECK((apart >= 1 && apart <= 2));
        else CHECK(apart >= 6);
        far_rows += v == 3 && b.clip[row] != 1;
      }
  }
  CHECK(far_rows > 100);
}

TEST_CASE("a shared crop is the same part of every frame; otherwise each view has its own") {
  data::Video v{Tensor<u8>({2, 40, 40, 3}), "same", 0};  // two equal frames
  Tensor<float> noise = test::uniform<float>({40, 40, 3}, 0, 255);
  for (i64 i = 0; i < v.frames.size(); ++i) v.frames[i] = static_cast<u8>(noise[i % noise.size()]);
  data::Clips set = data::make_clips({v});
  data::Augment crops = data::identity;
  crops.crop = {.area_min = 0.2f, .area_max = 0.5f, .flip = 0.5f};
  for (bool share : {true, false}) {
    FramePairViews views = pretext::frame_pairs(set, {.image = 16, .share_crop = share, .augment = crops});
    Loader loader(set.frames, views, {.batch = 1, .epochs = 8, .normalization = bytes}, Key{2});
    for (Batch& b : loader) CHECK(test::same_bits(b.image.rows(0, 1), b.image.rows(1, 2)) == share);
  }
}

TEST_CASE("the same bits at any thread count, and options that make no sense") {
  data::Clips set = clips({20, 30});
  FramePairViews views = pretext::frame_pairs(set, {.image = 8});
  auto first = [&] {
    Loader loader(set.frames, views, {.batch = 16}, Key{2});
    return loader.next()->image.clone();
  };
  CHECK(test::same_bits(test::with_threads(1, first), test::with_threads(3, first)));
  test::check_message([&] { pretext::frame_pairs(set, {.sampler = {0, 5}}); }, {"frame_pairs", "positive_radius 0"});
  test::check_message([&] { pretext::frame_pairs(set, {.sampler = {5, 5}}); }, {"negative_radius 5"});
  test::check_message([&] { pretext::frame_pairs(set, {.image = 0}); }, {"image 0"});
  test::check_message([&] { pretext::frame_pairs({}); }, {"no clips"});
}
