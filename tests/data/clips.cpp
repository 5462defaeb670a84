// data/clips.hpp and data/clip_folder.hpp: sets of videos, held-out parts, folders of frames.
#include <nacre/data/clip_folder.hpp>
#include <nacre/data/image_io.hpp>

#include <filesystem>

#include "../helpers.hpp"
#include "../io/scratch.hpp"

using namespace nacre;
using namespace nacre::data;

namespace {

// n frames; every byte of frame i is base + i.
Video video(i64 n, i64 height, i64 width, int base, const std::string& name, i64 channels = 3) {
  Video v{Tensor<u8>({n, height, width, channels}), name, 25};
  i64 size = height * width * channels;
  for (i64 i = 0; i < v.frames.size(); ++i) v.frames[i] = static_cast<u8>(base + i / size);
  return v;
}

}  // namespace

TEST_CASE("clips of one size are dense, of several ragged; every frame knows its clip") {
  Clips dense = make_clips({video(3, 4, 5, 10, "a"), video(2, 4, 5, 20, "b")});
  CHECK(dense.frames.dense());
  CHECK(dense.frames.pixels.shape() == Shape{5, 4, 5, 3});
  Clips ragged = make_clips({video(3, 4, 5, 10, "a"), video(2, 6, 2, 20, "b")});
  CHECK_FALSE(ragged.frames.dense());
  for (const Clips* c : {&dense, &ragged}) {
    REQUIRE(c->size() == 2);
    CHECK((*c)[1].begin == 3);
    CHECK((*c)[1].end == 5);
    CHECK((*c)[1].name == "b");
    CHECK(c->frames.classes == std::vector<std::string>{"a", "b"});
    const int want[] = {10, 11, 12, 20, 21};
    for (i64 i = 0; i < 5; ++i) {
      Picture p = c->frames[i];
      CHECK(p.data()[0] == want[i]);
      CHECK(p.data()[p.height * p.width * 3 - 1] == want[i]);
      CHECK(c->clip_of(i) == i / 3);
      CHECK(c->frames.labels[i] == i / 3);
    }
  }
  CHECK(ragged.frames[4].height == 6);
  CHECK(dense.frames.fingerprint != ragged.frames.fingerprint);
  test::check_message([&] { dense.clip_of(5); }, {"clips", "5", "set of 5 frames"});
}

TEST_CASE("parts of every clip, and clips cut into shorter ones") {
  Clips all = make_clips({video(10, 2, 2, 0, "a"), video(4, 3, 2, 100, "b")});
  Clips train = part(all, 0, 0.7), held = part(all, 0.7, 1);
  CHECK(train[0].size() == 7);
  CHECK(held[0].size() == 3);
  CHECK(train[1].size() + held[1].size() == 4);
  CHECK(held.frames[0].data()[0] == 7);
  CHECK(held.frames[3].data()[0] == 103);
  CHECK(held.frames.labels[3] == 1);
  CHECK(held[1].fps == 25);

  Clips cut = cut_clips(all, 3);
  REQUIRE(cut.size() == 4);  // three of a, one of b
  CHECK(cut[2].name == "a:2");
  CHECK(cut.frames[8].data()[0] == 8);
  CHECK(cut[3].name == "b:0");
  CHECK(cut.frames[cut[3].begin].data()[0] == 100);
  CHECK(part(make_clips({video(1, 2, 2, 0, "a"), video(9, 2, 2, 0, "b")}), 0, 0.4).size() == 1);  // one came out empty

  test::check_message([&] { part(all, 0.5, 0.5); }, {"part", "[0.5"});
  test::check_message([&] { cut_clips(all, 0); }, {"cut_clips", "length is 0"});
  test::check_message([] { make_clips({}); }, {"make_clips", "no video"});
  test::check_message([] { make_clips({video(1, 2, 2, 0, "a"), video(1, 2, 2, 0, "b", 1)}); },
                      {"make_clips", "'b'", "[1, 2, 2, 1]"});
}

TEST_CASE("shrinking is the mean over the area a pixel covers") {
  CHECK(fitted(480, 640, 0) == Shape{480, 640});
  CHECK(fitted(480, 640, 64) == Shape{48, 64});
  CHECK(fitted(1000, 3, 10) == Shape{10, 1});
  Tensor<u8> p({5, 7, 3});
  for (i64 i = 0; i < p.size(); ++i) p[i] = static_cast<u8>((i * 37) % 251);
  CHECK(test::same_bits(shrink_area(p, 5, 7), p));

  Tensor<u8> got = shrink_area(p, 2, 3);
  for (i64 y = 0; y < 2; ++y)
    for (i64 x = 0; x < 3; ++x)
      for (i64 c = 0; c < 3; ++c) {  // by a grid of 60 x 63 points a pixel of the output
        double sum = 0;
        for (int i = 0; i < 60; ++i)
          for (int j = 0; j < 63; ++j) {
            auto row = static_cast<i64>((double(y) + (i + 0.5) / 60) * 2.5);
            auto column = static_cast<i64>((double(x) + (j + 0.5) / 63) * 7 / 3);
            sum += p[(row * 7 + column) * 3 + c];
          }
        CHECK(std::abs(sum / (60 * 63) - got[(y * 3 + x) * 3 + c]) < 0.51);
      }
  test::check_message([&] { shrink_area(p, 6, 3); }, {"shrink_area", "[5, 7, 3]", "6 x 3"});
}

TEST_CASE("a folder of frames a clip, sorted; grey becomes RGB; a broken frame is an error") {
  scratch::Directory dir;
  for (const char* clip : {"walk", "run", "empty"}) std::filesystem::create_directories(dir / clip);
  auto frame = [&](const std::string& name, int value, i64 channels) {
    write_png(dir / name, Tensor<u8>::full({4, 6, channels}, static_cast<u8>(value)));
  };
  frame("walk/0002.png", 2, 3);
  frame("walk/0001.png", 1, 1);
  frame("run/10.png", 5, 3);
  scratch::put(dir / "run/notes.txt", "no picture");
  Clips c = open_clips(dir.path);
  REQUIRE(c.size() == 2);
  CHECK(c[0].name == "run");
  CHECK(c[1].size() == 2);
  CHECK(c.frames.pixels.shape() == Shape{3, 4, 6, 3});
  CHECK(c.frames[1].data()[7] == 1);
  CHECK(c.frames[2].data()[7] == 2);
  CHECK(open_clips(dir.path, 10).frames.files.size() == 3);  // over the budget: stays in its files

  scratch::put(dir / "walk/0003.png", "not a picture");
  CHECK_THROWS_AS(open_clips(dir.path), DataError);
  test::check_message([&] { open_clips(dir / "empty"); }, {"open_clips", "no .jpg"});
  test::check_message([&] { open_clips(dir / "nowhere"); }, {"open_clips", "no folder"});
  Images unsorted = make_images(Tensor<u8>::zeros({2, 2, 2, 3}), Tensor<i64>::of({2}, {0, 2}));
  test::check_message([&] { clips_of_labels(unsorted); }, {"clips_of_labels", "frame 1", "label 2"});
}
