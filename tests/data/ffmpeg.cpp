// data/ffmpeg.hpp against the readers of our own, on files made here, and on the films of Debian's opencv-doc.
#include <nacre/data/ffmpeg.hpp>
#include <nacre/data/file.hpp>
#include <nacre/data/y4m.hpp>

#include "../helpers.hpp"
#include "../io/scratch.hpp"
#include "gzip_writer.hpp"
#include "y4m_writer.hpp"

using namespace nacre;
using namespace nacre::data;

namespace {

// A RIFF file of 16-bit samples, channels interleaved.
std::string wav(const std::vector<std::int16_t>& samples, int channels, int rate) {
  auto number = [](u64 x, int bytes) {
    std::string s;
    for (int i = 0; i < bytes; ++i) s += static_cast<char>(x >> (8 * i));
    return s;
  };
  u64 bytes = 2 * samples.size(), c = static_cast<u64>(channels), r = static_cast<u64>(rate);
  std::string out = "RIFF" + number(36 + bytes, 4) + "WAVEfmt " + number(16, 4) + number(1, 2) + number(c, 2) +
                    number(r, 4) + number(2 * c * r, 4) + number(2 * c, 2) + number(16, 2) + "data" + number(bytes, 4);
  for (std::int16_t s : samples) out += number(static_cast<u64>(s) & 0xffff, 2);
  return out;
}

}  // namespace

TEST_CASE("a film reads as our own reader reads it, packed or not") {
  scratch::Directory dir;
  std::string bytes = nacre_test::y4m("W64 H48 F25:1 Ip C444", 7, 64 * 48 * 3);
  scratch::put(dir / "a.y4m", bytes);
  scratch::put(dir / "a.y4m.gz", nacre_test::gzip(bytes));
  Video own = read_y4m(dir / "a.y4m"), got = read_video(dir / "a.y4m"), unpacked = read_video(dir / "a.y4m.gz");
  REQUIRE(got.frames.shape() == own.frames.shape());
  int worst = 0;
  for (i64 i = 0; i < own.frames.size(); ++i) worst = std::max(worst, std::abs(own.frames[i] - got.frames[i]));
  CHECK(worst <= 2);
  CHECK(test::same_bits(got.frames, unpacked.frames));
  CHECK(got.fps == doctest::Approx(25));

  Video some = read_video(dir / "a.y4m", {.every = 3, .side = 32, .frames = 2});
  CHECK(some.frames.shape() == Shape{2, 24, 32, 3});
  CHECK(some.fps == doctest::Approx(25. / 3));
  Tensor<u8> want = shrink_area(own.frames.rows(3, 4).reshape({48, 64, 3}), 24, 32);
  worst = 0;
  for (i64 i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(want[i] - some.frames[want.size() + i]));
  CHECK(worst <= 3);
  test::check_message([&] { read_video(dir / "a.y4m", {.budget = 20000}); }, {"a.y4m", "20000 bytes"});
}

TEST_CASE("sound is the mean of its channels at its own rate") {
  scratch::Directory dir;
  scratch::put(dir / "a.wav", wav({16384, 0, -32768, -32768, 0, 8192}, 2, 8000));
  DecodedSound s = decode_sound(dir / "a.wav");
  CHECK(s.rate == 8000);
  CHECK(test::same_bits(s.samples, Tensor<float>::of({3}, {0.25f, -1, 0.125f})));
  std::vector<std::int16_t> second(16000);
  for (std::size_t i = 0; i < second.size(); ++i) second[i] = static_cast<std::int16_t>(i);
  scratch::put(dir / "b.wav", wav(second, 1, 16000));
  DecodedSound half = decode_sound(dir / "b.wav", 0.5);
  CHECK(half.samples.size() == 8000);
  CHECK(half.samples[7999] == 7999 / 32768.f);
}

TEST_CASE("what cannot be read is an error that names the file") {
  scratch::Directory dir;
  scratch::put(dir / "text.mp4", "this is no film");
  scratch::put(dir / "empty.mp4", "");
  scratch::put(dir / "a.wav", wav({1, 2, 3}, 1, 8000));
  scratch::put(dir / "a.y4m", nacre_test::y4m("W64 H48 F25:1 Ip C444", 3, 64 * 48 * 3));
  scratch::put(dir / "list.m3u8", "#EXTM3U\n#EXTINF:1,\n" + (dir / "a.y4m") + "\n#EXT-X-ENDLIST\n");
  for (const char* name : {"text.mp4", "empty.mp4", "list.m3u8", "none.mp4"}) {
    CAPTURE(name);
    CHECK(scratch::has(scratch::error<DataError>([&] { read_video(dir / name); }), name));
  }
  CHECK(scratch::has(scratch::error<DataError>([&] { read_video(dir / "a.wav"); }), "no video"));
  CHECK(scratch::has(scratch::error<DataError>([&] { decode_sound(dir / "a.y4m"); }), "no sound"));
  CHECK_THROWS_AS(decode_sound(dir / "a.wav", 0), Error);
}

TEST_CASE("the films of opencv-doc") {
  std::string root = "/usr/share/doc/opencv-doc/", walkers = root + "examples/data/vtest.avi";
  std::string box = root + "opencv4/html/box.mp4.gz";
  if (!is_file(walkers) || !is_file(box)) {
    MESSAGE("skipped: opencv-doc is not installed");
    return;
  }
  Video v = read_video(walkers, {.every = 100, .side = 96});
  CHECK(v.frames.shape() == Shape{8, 72, 96, 3});
  CHECK(v.fps == doctest::Approx(0.1));
  Video b = read_video(box, {.side = 64, .frames = 20});
  CHECK(b.frames.shape() == Shape{20, 48, 64, 3});
  DecodedSound s = decode_sound(box, 1);
  CHECK(s.rate == 44100);
  CHECK(s.samples.size() == 44100);
  Video other = test::with_threads(3, [&] { return read_video(box, {.side = 64, .frames = 20}); });
  CHECK(test::same_bits(b.frames, other.frames));
}
