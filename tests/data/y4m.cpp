// data/y4m.hpp: four samplings, known colours, and files that lie.
#include <nacre/data/y4m.hpp>

#include "../helpers.hpp"
#include "../io/scratch.hpp"
#include "y4m_writer.hpp"

using namespace nacre;
using namespace nacre::data;

namespace {

std::string planes(std::initializer_list<int> bytes) {
  std::string s;
  for (int b : bytes) s += static_cast<char>(b);
  return s;
}
u8 at(const Video& v, i64 y, i64 x, i64 c) { return v.frames[(y * v.frames.dim(2) + x) * 3 + c]; }

// One frame of 2 x 4.
std::string file(const std::string& parameters, const std::string& frame) {
  return "YUV4MPEG2 W4 H2 F30:1 " + parameters + "\nFRAME\n" + frame;
}

}  // namespace

TEST_CASE("each sampling puts each chroma sample where it belongs") {
  std::string grey(8, static_cast<char>(126));  // (126 - 16) * 255 / 219 = 128.08
  struct Case {
    const char *name, *chroma;
    i64 count;             // chroma samples a plane
    i64 (*index)(i64, i64);  // of the sample that pixel (y, x) takes
  };
  auto in_420 = [](i64, i64 x) { return x / 2; };
  auto in_422 = [](i64 y, i64 x) { return 2 * y + x / 2; };
  auto in_444 = [](i64 y, i64 x) { return 4 * y + x; };
  for (const Case& c : {Case{"420", "C420jpeg", 2, in_420}, Case{"none", "A1:1", 2, in_420},
                        Case{"422", "C422", 4, in_422}, Case{"444", "C444", 8, in_444}})
    for (i64 k = 0; k < c.count; ++k) {
      CAPTURE(c.name);
      std::string u(static_cast<std::size_t>(c.count), static_cast<char>(128)), v = u;
      u[static_cast<std::size_t>(k)] = static_cast<char>(128 + 56);  // u = .25: blue rises by 1.772 * 255 / 4 = 113
      Video video = parse_y4m(file(c.chroma, grey + u + v), "x");
      CHECK(video.frames.shape() == Shape{1, 2, 4, 3});
      for (i64 y = 0; y < 2; ++y)
        for (i64 x = 0; x < 4; ++x) CHECK(at(video, y, x, 2) == (c.index(y, x) == k ? 241 : 128));
    }
  Video mono = parse_y4m(file("Cmono", planes({16, 235, 126, 16, 0, 255, 17, 234})), "x");
  for (i64 c = 0; c < 3; ++c) {
    CHECK(at(mono, 0, 0, c) == 0);
    CHECK(at(mono, 0, 1, c) == 255);
    CHECK(at(mono, 0, 2, c) == 128);
    CHECK(at(mono, 1, 0, c) == 0);  // below black
    CHECK(at(mono, 1, 1, c) == 255);
    CHECK(at(mono, 1, 2, c) == 1);
  }
  CHECK(at(parse_y4m(file("Cmono XCOLORRANGE=FULL", planes({77, 0, 0, 0, 0, 0, 0, 0})), "x"), 0, 0, 1) == 77);
  CHECK(mono.fps == 30);
}

TEST_CASE("the colours of the standard's bars") {  // BT.601: Y, U, V of 75 % bars
  struct Bar {
    int y, u, v, r, g, b;
  };
  for (const Bar& bar : {Bar{180, 128, 128, 191, 191, 191}, {162, 44, 142, 191, 191, 0}, {131, 156, 44, 0, 191, 191},
                         {112, 72, 58, 0, 191, 0}, {65, 100, 212, 191, 0, 0}, {35, 212, 114, 0, 0, 191}}) {
    Video v = parse_y4m("YUV4MPEG2 W1 H1 C444\nFRAME\n" + planes({bar.y, bar.u, bar.v}), "bar");
    CHECK(std::abs(at(v, 0, 0, 0) - bar.r) <= 1);
    CHECK(std::abs(at(v, 0, 0, 1) - bar.g) <= 1);
    CHECK(std::abs(at(v, 0, 0, 2) - bar.b) <= 1);
  }
}

TEST_CASE("which frames are kept, and their size") {
  std::string bytes = nacre_test::y4m("W8 H6 F24:1 Cmono", 10, 48);
  Video all = parse_y4m(bytes, "x"), some = parse_y4m(bytes, "x", {.every = 3, .side = 4, .frames = 3});
  CHECK(all.frames.shape() == Shape{10, 6, 8, 3});
  CHECK(some.frames.shape() == Shape{3, 3, 4, 3});
  CHECK(some.fps == 8);
  for (i64 k = 0; k < 3; ++k)
    CHECK(test::same_bits(some.frames.rows(k, k + 1).reshape({3, 4, 3}),
                          shrink_area(all.frames.rows(3 * k, 3 * k + 1).reshape({6, 8, 3}), 3, 4)));
  scratch::Directory dir;
  scratch::put(dir / "a.y4m", bytes);
  CHECK(test::same_bits(read_y4m(dir / "a.y4m").frames, all.frames));
}

TEST_CASE("files that lie or end early are errors, wherever they end") {
  std::string good = nacre_test::y4m("W8 H6 F24:1 Ip A1:1 C420jpeg", 2, 72);
  CHECK_NOTHROW(parse_y4m(good, "x"));
  std::size_t one = good.size() - 72 - 6;  // cut after the first frame the file is a shorter film
  for (std::size_t n = 0; n < good.size(); ++n) {
    CAPTURE(n);
    if (n == one) CHECK_NOTHROW(parse_y4m(good.substr(0, n), "x"));
    else CHECK_THROWS_AS(parse_y4m(good.substr(0, n), "x"), DataError);
  }
  CHECK_THROWS_AS(parse_y4m(good + "x", "x"), DataError);
  auto refused = [](const std::string& header, std::initializer_list<const char*> parts) {
    test::check_message([&] { parse_y4m(header + "\nFRAME\n" + std::string(48, 'x'), "film"); }, parts);
  };
  refused("RIFF W8 H6", {"read_y4m", "film", "YUV4MPEG2"});
  refused("YUV4MPEG2 H6 Cmono", {"no width"});
  refused("YUV4MPEG2 W0 H6 Cmono", {"no width"});
  refused("YUV4MPEG2 W-8 H6 Cmono", {"parameter W"});
  refused("YUV4MPEG2 W8x H6 Cmono", {"parameter W"});
  refused("YUV4MPEG2 W8 H6 F24 Cmono", {"parameter F"});
  refused("YUV4MPEG2 W8 H6 It Cmono", {"interlaced"});
  refused("YUV4MPEG2 W8 H6 C420p10", {"colour space"});
  refused("YUV4MPEG2 W1000000 H1000000 Cmono", {"more pixels"});
  refused("YUV4MPEG2 W10000 H10000 Cmono", {"ends inside a frame"});
  test::check_message([&] { parse_y4m(good, "film", {.budget = 200}); }, {"film", "200 bytes"});
  test::check_message([&] { parse_y4m(good, "film", {.every = 0}); }, {"every 0"});
}
