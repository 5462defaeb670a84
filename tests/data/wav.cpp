// data/wav.hpp: every format against values written byte by byte, and files that lie.
#include <nacre/data/wav.hpp>

#include "../helpers.hpp"
#include "../io/scratch.hpp"

#include <bit>

using namespace nacre;
using namespace nacre::test;

namespace {

std::string number(u64 x, int size) {
  std::string s;
  for (int i = 0; i < size; ++i) s += static_cast<char>(x >> (8 * i) & 255);
  return s;
}
std::string chunk(const std::string& tag, const std::string& body) {
  return tag + number(body.size(), 4) + body + std::string(body.size() % 2, '\0');
}
std::string format(u64 code, u64 channels, u64 bits, u64 rate = 8000) {
  u64 block = channels * bits / 8;
  return chunk("fmt ", number(code, 2) + number(channels, 2) + number(rate, 4) + number(rate * block, 4) +
                           number(block, 2) + number(bits, 2));
}
std::string riff(const std::string& chunks) { return chunk("RIFF", "WAVE" + chunks); }

data::Sound decode(const std::string& bytes) {
  std::vector<u8> exact(bytes.begin(), bytes.end());  // of its own size: a read beyond it is seen by a sanitizer
  return data::decode_wav(exact.data(), exact.size(), "x.wav");
}
void refuses(const std::string& bytes, const char* why) {
  CAPTURE(std::string(why));
  check_message([&] { decode(bytes); }, {"decode_wav", "x.wav", why});
  CHECK_THROWS_AS(decode(bytes), DataError);
}
void holds(const std::string& bytes, const std::vector<float>& samples, i64 rate = 8000) {
  data::Sound s = decode(bytes);
  CHECK(s.rate == rate);
  REQUIRE(s.samples.size() == static_cast<i64>(samples.size()));
  for (std::size_t i = 0; i < samples.size(); ++i) CHECK(s.samples[static_cast<i64>(i)] == samples[i]);
}
std::string real(float x) { return number(std::bit_cast<u32>(x), 4); }

const std::string good = riff(format(1, 1, 16) + chunk("data", number(0x4000, 2) + number(0x8000, 2)));

}  // namespace

TEST_CASE("PCM of 8, 16, 24 and 32 bits and float") {
  holds(riff(format(1, 1, 8) + chunk("data", number(0x00, 1) + number(0x80, 1) + number(0xc0, 1))), {-1, 0, 0.5f});
  holds(good, {0.5f, -1});
  holds(riff(format(1, 1, 24) + chunk("data", number(0x400000, 3) + number(0xffffff, 3))), {0.5f, -0x1p-23f});
  holds(riff(format(1, 1, 32) + chunk("data", number(0xc0000000, 4))), {-0.5f});
  holds(riff(format(3, 1, 32, 44100) + chunk("data", real(1.5f) + real(-0.1f))), {1.5f, -0.1f}, 44100);
}

TEST_CASE("channels are mixed down, other chunks stepped over, extensible formats and bytes behind the file accepted") {
  holds(riff(format(1, 2, 16) + chunk("data", number(0x4000, 2) + number(0, 2))), {0.25f});
  holds(riff(chunk("LIST", "odd") + format(1, 1, 16) + chunk("fact", "abcd") + chunk("data", number(0x4000, 2))),
        {0.5f});
  std::string extensible = chunk("fmt ", number(0xfffe, 2) + number(1, 2) + number(8000, 4) + number(16000, 4) +
                                             number(2, 2) + number(16, 2) + number(22, 2) + number(16, 2) +
                                             number(4, 4) + number(1, 2) + std::string(14, 'g'));
  holds(riff(extensible + chunk("data", number(0x4000, 2))), {0.5f});
  holds(good + "more", {0.5f, -1});
}

TEST_CASE("what is written is read back") {
  scratch::Directory dir;
  data::Sound s{Tensor<float>::of({4}, {0, 0.25f, -1, 2}), 22050};
  data::write_wav(dir / "a.wav", s);
  data::Sound back = data::read_wav(dir / "a.wav");
  CHECK(back.rate == 22050);
  CHECK(same_bits(back.samples, Tensor<float>::of({4}, {0, 0.25f, -1, 32767.f / 32768})));
  CHECK_THROWS_AS(data::read_wav(dir / "none.wav"), DataError);
  check_message([&] { data::write_wav(dir / "b.wav", {Tensor<float>(), 8000}); }, {"write_wav", "samples"});
}

TEST_CASE("a file cut short anywhere is refused, and so is one that lies") {
  for (std::size_t n = 0; n < good.size(); ++n) {
    CAPTURE(n);
    CHECK_THROWS_AS(decode(good.substr(0, n)), DataError);
  }
  refuses("OggS" + good.substr(4), "not a WAV");
  auto patched = [](std::size_t at, u64 value, int size) {
    std::string s = good;
    return s.replace(at, static_cast<std::size_t>(size), number(value, size));
  };
  refuses(patched(4, 0xffffffff, 4), "claims");   // RIFF
  refuses(patched(4, 0, 4), "claims");
  refuses(patched(16, 0xffffffff, 4), "chunk of 4294967295");  // fmt
  refuses(patched(16, 14, 4), "less than 16");
  refuses(patched(20, 2, 2), "format 2");         // ADPCM
  refuses(patched(22, 0, 2), "0 channels");
  refuses(patched(22, 65535, 2), "channels");
  refuses(patched(24, 1, 4), "samples a second");
  refuses(patched(32, 3, 2), "blocks of 3");
  refuses(patched(34, 12, 2), "12");
  refuses(patched(40, 0xfffffffe, 4), "chunk of 4294967294");  // data
  refuses(patched(40, 3, 4), "multiple of its block");
  refuses(patched(40, 0, 4), "multiple of its block");
  refuses(riff(chunk("data", "ab")), "before its format");
  refuses(riff(format(1, 1, 16)), "no data");
  refuses(riff(format(3, 1, 32) + chunk("data", real(NAN))), "not finite");
}

TEST_CASE("any byte of a file may be anything: a sound or a DataError") {
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int value : {0, 1, 2, 127, 128, 254, 255}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(value);
      try {
        i64 n = decode(bytes).samples.size();
        CHECK(n >= 1);
      } catch (const DataError&) {
      }
    }
}
