// pretext/tracks.hpp: which two patches of a track are shown.
#include <nacre/data/loader.hpp>
#include <nacre/pretext/tracks.hpp>

#include "../helpers.hpp"

using namespace nacre;

namespace {

// Tracks of these lengths; the brightness of a patch is its number in the set.
data::Clips tracks(const std::vector<i64>& lengths) {
  std::vector<data::Video> videos;
  int patch = 0;
  for (i64 n : lengths) {
    data::Video v{Tensor<u8>({n, 8, 8, 3}), "track", 10};
    for (i64 i = 0; i < v.frames.size(); ++i) v.frames[i] = static_cast<u8>(patch + i / 192);
    patch += static_cast<int>(n);
    videos.push_back(v);
  }
  return data::make_clips(videos);
}
constexpr data::Normalization bytes{{0, 0, 0}, {1 / 255.f, 1 / 255.f, 1 / 255.f}};

}  // namespace

TEST_CASE("guard: two patches of a track are far apart in time, or its ends") {
  data::Clips set = tracks({30, 8, 25, 1});
  for (bool ends : {false, true}) {
    auto views = pretext::track_views(set, {.image = 8, .apart = 10, .ends = ends, .augment = data::identity});
    Loader loader(set.frames, views, {.batch = 16, .epochs = 4, .normalization = bytes}, Key{2});
    std::vector<i64> seen(30);
    for (Batch& b : loader) {
      REQUIRE(b.image.shape() == Shape{32, 8, 8, 3});
      for (i64 i = 0; i < 16; ++i) {
        i64 t = set.clip_of(b.index[i]), last = set[t].size() - 1, first = b.frame[i], second = b.frame[16 + i];
        CHECK(b.clip[i] == t);
        CHECK(b.clip[16 + i] == t);
        CHECK(std::lround(b.image[i * 192]) == set[t].begin + first);
        CHECK(std::lround(b.image[(16 + i) * 192]) == set[t].begin + second);
        if (ends) {
          CHECK(first == 0);
          CHECK(second == last);
        } else {
          CHECK(set[t].begin + first == b.index[i]);
          if (t != 1 && t != 3) CHECK((std::abs(first - second) >= 10 || last < 19));
          if (t == 1) CHECK(second == (first > last - first ? 0 : last));
          if (t == 3) CHECK(second == 0);
          if (t == 0) ++seen[static_cast<std::size_t>(second)];
        }
      }
    }
    if (!ends) CHECK(std::count(seen.begin(), seen.end(), 0) < 8);
  }
}

TEST_CASE("the same bits at any thread count, and an option that makes no sense") {
  data::Clips set = tracks({30, 20});
  auto first = [&] {
    Loader loader(set.frames, pretext::track_views(set, {.image = 8}), {.batch = 16}, Key{2});
    return loader.next()->image.clone();
  };
  CHECK(test::same_bits(test::with_threads(1, first), test::with_threads(3, first)));
  test::check_message([&] { pretext::track_views(set, {.apart = 1}); }, {"track_views", "apart is 1"});
}
