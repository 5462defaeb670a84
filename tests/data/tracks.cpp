// data/tracks.hpp: boxes from a CSV file, strictly, and patches as clips.
#include <nacre/data/tracks.hpp>

#include "../helpers.hpp"
#include "../io/scratch.hpp"

using namespace nacre;
using namespace nacre::data;

namespace {

Clips noise() {
  std::vector<Video> videos;
  for (i64 n : {6, 4}) {
    Video v{Tensor<u8>({n, 20, 30, 3}), "noise", 10};
    Random random(Key{static_cast<u64>(n)});
    for (u8& x : v.frames.span()) x = static_cast<u8>(random.word());
    videos.push_back(v);
  }
  return make_clips(videos);
}
const std::string head = "clip,track,frame,x,y,width,height\n";

}  // namespace

TEST_CASE("tracks are read in order of appearance, and written the same") {
  scratch::Directory dir;
  scratch::put(dir / "a.csv", head + "0,7,2,1,2,3,4\r\n1,7,0,0,0,30,20\n0,7,3,2,2,3,4\n");
  Clips clips = noise();
  std::vector<Track> t = read_tracks(dir / "a.csv", clips);
  REQUIRE(t.size() == 2);
  CHECK(t[0].clip == 0);
  CHECK(t[0].first == 2);
  REQUIRE(t[0].size() == 2);
  CHECK(t[0].boxes[1].x == 2);
  CHECK(t[0].boxes[1].y == 2);
  CHECK(t[0].boxes[1].width == 3);
  CHECK(t[0].boxes[1].height == 4);
  CHECK(t[1].clip == 1);
  write_tracks(dir / "b.csv", t);
  CHECK(scratch::content(dir / "b.csv") == head + "0,0,2,1,2,3,4\n0,0,3,2,2,3,4\n1,1,0,0,0,30,20\n");
}

TEST_CASE("an error names the file, the line and the rule") {
  scratch::Directory dir;
  Clips clips = noise();
  auto refused = [&](const std::string& text, std::initializer_list<const char*> parts) {
    scratch::put(dir / "t.csv", text);
    test::check_message([&] { read_tracks(dir / "t.csv", clips); }, parts);
  };
  refused("clip,track\n", {"t.csv", "line 1", "clip,track,frame,x,y,width,height"});
  refused(head, {"holds no boxes"});
  std::string good = "0,1,0,0,0,5,5\n";
  for (const char* line : {"0,1,1,0,0,5", "0,1,1,0,0,5,5,5", "0,1,1,0,0,5,5.5", "0,1,1,0,,5,5", "0;1;1;0;0;5;5", "",
                           "0,1,1,0,0,5,99999999999999999999"})
    refused(head + good + line + "\n", {"line 3", "seven whole numbers"});
  refused(head + "2,1,0,0,0,5,5", {"line 2", "clip 2 is not in 0 .. 1"});
  refused(head + "1,1,4,0,0,5,5", {"line 2", "frame 4 is not in 0 .. 3"});
  for (const char* line : {"0,1,0,-1,0,5,5", "0,1,0,0,0,0,5", "0,1,0,26,0,5,5", "0,1,0,0,16,5,5",
                           "0,1,0,1,0,9223372036854775807,5"})
    refused(head + line, {"line 2", "not inside its picture"});
  refused(head + good + "0,1,2,0,0,5,5", {"line 3", "frame 2 of track 1 follows frame 0"});
  refused(head + good + good, {"line 3", "frame 0 of track 1 follows frame 0"});
  CHECK_THROWS_AS(read_tracks(dir / "none.csv", clips), DataError);
}

TEST_CASE("a track's patches are a clip: the boxes' pixels, resized") {
  Clips clips = noise();
  std::vector<Track> tracks{{0, 1, {{3, 4, 8, 8}, {4, 5, 8, 8}, {4, 5, 16, 8}}}, {1, 3, {{0, 0, 20, 30}}}};
  Clips patches = track_clips(clips, tracks, 8);
  REQUIRE(patches.size() == 2);
  CHECK(patches.frames.pixels.shape() == Shape{4, 8, 8, 3});
  CHECK(patches[0].size() == 3);
  CHECK(patches[1].fps == 10);
  for (i64 k = 0; k < 2; ++k)
    for (i64 y = 0; y < 8; ++y)
      for (i64 x = 0; x < 24; ++x)  // of the same size: the same bytes
        CHECK(patches.frames[k].data()[y * 24 + x] ==
              clips.frames[1 + k].data()[(3 + k + y) * 90 + (4 + k) * 3 + x]);
  CHECK(test::same_bits(test::with_threads(3, [&] { return track_clips(clips, tracks, 8); }).frames.pixels,
                        patches.frames.pixels));
  test::check_message([&] { track_clips(clips, {}, 8); }, {"track_clips", "0 tracks"});
  test::check_message([&] { track_clips(clips, {{0, 5, {{0, 0, 1, 1}, {0, 0, 1, 1}}}}, 8); }, {"leaves its clip"});
  test::check_message([&] { track_clips(clips, {{0, 0, {{0, 25, 5, 6}}}}, 8); }, {"box 0", "not inside"});
}
