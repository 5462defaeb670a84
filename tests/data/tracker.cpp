// data/tracker.hpp on moving sprites whose boxes are known, and each step by itself.
#include <nacre/data/tracker.hpp>

#include "../helpers.hpp"

using namespace nacre;
using namespace nacre::data;

namespace {

struct Sprite {
  i64 from, to;                   // seen in frames [from, to)
  double y, x, dy, dx;            // where it is in frame 0, and its way a frame
  i64 height, width;
  int color[3];
  Box at(i64 frame) const {
    return {std::lround(y + dy * double(frame)), std::lround(x + dx * double(frame)), height, width};
  }
};

// A textured scene of 80 x 120 with a little noise in every frame, and sprites walking through.
Clips film(const std::vector<Sprite>& sprites, i64 frames, const std::vector<i64>& hidden = {}) {
  Video v{Tensor<u8>({frames, 80, 120, 3}), "sprites", 10};
  Random random(Key{1});
  std::vector<int> scene(80 * 120 * 3);
  for (int& s : scene) s = 90 + static_cast<int>(random.below(60));
  for (i64 f = 0; f < frames; ++f) {
    u8* out = v.frames.data() + f * 80 * 120 * 3;
    for (std::size_t i = 0; i < scene.size(); ++i)
      out[i] = static_cast<u8>(scene[i] + static_cast<int>(random.below(9)) - 4);
    if (std::find(hidden.begin(), hidden.end(), f) != hidden.end()) continue;
    for (const Sprite& s : sprites) {
      if (f < s.from || f >= s.to) continue;
      Box b = s.at(f);
      for (i64 y = b.y; y < b.y + b.height; ++y)
        for (i64 x = b.x; x < b.x + b.width; ++x)
          for (i64 c = 0; c < 3; ++c) out[(y * 120 + x) * 3 + c] = static_cast<u8>(s.color[c]);
    }
  }
  return make_clips({v});
}
const std::vector<Sprite> walkers{{0, 40, 10, 5, 0, 2, 20, 10, {250, 30, 30}},
                                  {10, 60, 50, 100, -0.4, -1.5, 18, 12, {20, 20, 240}},
                                  {5, 9, 60, 10, 0, 1, 15, 15, {255, 255, 255}}};  // too short a visit

bool same(const Box& a, const Box& b) {
  return a.y == b.y && a.x == b.x && a.height == b.height && a.width == b.width;
}

Tensor<u8> mask(const std::vector<std::string>& rows) {
  Tensor<u8> m({static_cast<i64>(rows.size()), static_cast<i64>(rows[0].size())});
  for (i64 i = 0; i < m.size(); ++i)
    m[i] = rows[static_cast<std::size_t>(i / m.dim(1))][static_cast<std::size_t>(i % m.dim(1))] == '#';
  return m;
}
std::string drawn(const Tensor<u8>& m) {
  std::string s;
  for (i64 i = 0; i < m.size(); ++i) {
    if (i > 0 && i % m.dim(1) == 0) s += ' ';
    s += m[i] ? '#' : '.';
  }
  return s;
}

}  // namespace

TEST_CASE("every sprite is a track with its own boxes, at any thread count") {
  Clips clips = film(walkers, 60);
  std::vector<Track> tracks = track_objects(clips);
  REQUIRE(tracks.size() == 2);
  for (std::size_t t = 0; t < 2; ++t) {
    const Sprite& s = walkers[t];
    CHECK(tracks[t].first == s.from);
    REQUIRE(tracks[t].size() == s.to - s.from);
    for (i64 k = 0; k < tracks[t].size(); ++k)
      CHECK(overlap(tracks[t].boxes[static_cast<std::size_t>(k)], s.at(s.from + k)) > 0.95);
  }
  std::vector<Track> again = test::with_threads(3, [&] { return track_objects(clips); });
  REQUIRE(again.size() == 2);
  for (std::size_t t = 0; t < 2; ++t)
    for (std::size_t k = 0; k < tracks[t].boxes.size(); ++k) CHECK(same(tracks[t].boxes[k], again[t].boxes[k]));
}

TEST_CASE("a short absence is bridged, a long one ends the track") {
  const TrackerOptions options{.gap = 2};
  std::vector<Sprite> one{{0, 50, 20, 5, 0, 1.5, 20, 14, {250, 30, 30}}};
  std::vector<Track> bridged = track_objects(film(one, 50, {20, 21}), options);
  REQUIRE(bridged.size() == 1);
  CHECK(bridged[0].size() == 50);
  for (i64 f : {20, 21}) CHECK(overlap(bridged[0].boxes[static_cast<std::size_t>(f)], one[0].at(f)) > 0.85);
  std::vector<Track> two = track_objects(film(one, 50, {20, 21, 22}), options);
  REQUIRE(two.size() == 2);
  CHECK(two[0].size() == 20);
  CHECK(two[1].first == 23);
}

TEST_CASE("a box in between does not leave the picture") {
  Box a{79, 89, 1, 11}, b{70, 90, 10, 10};  // both end at row 80 and column 100
  std::vector<Track> t = link_boxes({{a}, {}, {b}}, 0, {.overlap = 0.01, .min_length = 1});
  REQUIRE(t.size() == 1);
  REQUIRE(t[0].size() == 3);
  const Box& m = t[0].boxes[1];
  CHECK(m.y + m.height == 80);
  CHECK(m.x + m.width == 100);
}

TEST_CASE("a track is sought where it moves to, not where it was") {
  auto box = [](i64 x) { return std::vector<Box>{{0, x, 10, 10}}; };
  std::vector<std::vector<Box>> frames{box(0), box(3), box(6), box(9), {}, {}, box(18), {}, {}};
  std::vector<Track> moving = link_boxes(frames, 0, {.overlap = 0.5, .gap = 2, .min_length = 1});
  REQUIRE(moving.size() == 1);
  REQUIRE(moving[0].size() == 7);
  for (i64 k = 0; k < 7; ++k) CHECK(moving[0].boxes[static_cast<std::size_t>(k)].x == 3 * k);
  frames[6] = box(9);  // it did not go on: where it was is too far from where it is sought
  CHECK(link_boxes(frames, 0, {.overlap = 0.5, .gap = 2, .min_length = 1}).size() == 2);
}

TEST_CASE("the background is what most frames show; an object that stays becomes background") {
  Clips clips = film(walkers, 60);
  Tensor<u8> b = median_background(clips, 0, 51);
  i64 marks = 0;
  for (u8 v : b.span()) marks += v < 80 || v > 160;
  CHECK(marks == 0);
  std::vector<Sprite> resting{{0, 60, 20, 20, 0, 0, 20, 14, {250, 30, 30}}};
  CHECK(track_objects(film(resting, 60)).empty());
}

TEST_CASE("masks, closing and connected parts") {
  Clips clips = make_clips({Video{Tensor<u8>::of({1, 1, 3, 1}, {100, 120, 131}), "x", 0}});
  Tensor<u8> flat = Tensor<u8>::full({1, 3, 1}, 100);
  CHECK(drawn(foreground(clips.frames[0], flat, 20)) == "..#");
  CHECK(drawn(foreground(clips.frames[0], flat, 19)) == ".##");

  Tensor<u8> m = mask({"##.##....", "##.##....", ".........", ".......#."});
  CHECK(drawn(close_mask(m, 0)) == drawn(m));
  CHECK(drawn(close_mask(m, 1)) == "#####.... #####.... ......... .......##");  // the edge closes, too
  std::vector<Box> boxes = connected_boxes(m, 1);
  REQUIRE(boxes.size() == 3);
  CHECK(same(boxes[1], {0, 3, 2, 2}));
  CHECK(same(boxes[2], {3, 7, 1, 1}));
  CHECK(connected_boxes(m, 2).size() == 2);
  CHECK(connected_boxes(m, 1, 2).size() == 2);
  boxes = connected_boxes(mask({"#...", ".#..", "..##"}), 4);  // corners touch
  REQUIRE(boxes.size() == 1);
  CHECK(same(boxes[0], {0, 0, 3, 4}));
  CHECK(overlap({0, 0, 2, 2}, {1, 1, 2, 2}) == doctest::Approx(1. / 7));
  CHECK(overlap({0, 0, 2, 2}, {2, 0, 2, 2}) == 0);
}

TEST_CASE("the largest overlap is linked first, and no box twice") {
  const TrackerOptions options{.overlap = 0.3, .min_length = 1};
  Box a{0, 0, 10, 10}, b{0, 4, 10, 10}, c{0, 1, 10, 10}, d{0, 5, 10, 10};
  std::vector<Track> t = link_boxes({{a, b}, {d, c}}, 0, options);
  REQUIRE(t.size() == 2);
  CHECK(same(t[0].boxes[1], c));
  CHECK(same(t[1].boxes[1], d));
  t = link_boxes({{a, b}, {c}}, 0, options);
  REQUIRE(t.size() == 2);
  CHECK(t[0].size() == 2);
  CHECK(t[1].size() == 1);
  test::check_message([&] { track_objects(film({}, 2), {.overlap = 0}); }, {"track_objects", "overlap 0"});
}
