// data/sndfile.hpp: FLAC and Ogg written by libsndfile itself, and files that are no sound.
#include <nacre/data/sndfile.hpp>

#include "../helpers.hpp"
#include "../io/scratch.hpp"

#include <nacre/data/wav.hpp>

#include <sndfile.h>

using namespace nacre;
using namespace nacre::test;

namespace {

data::Sound wave() {
  data::Sound s{Tensor<float>({20000}), 22050};
  for (i64 i = 0; i < 20000; ++i) s.samples[i] = 0.4f * std::sin(0.05f * static_cast<float>(i));
  return s;
}

// Two channels of which the second is silent.
void write(const std::string& path, const data::Sound& s, int format) {
  SF_INFO info{};
  info.channels = 2;
  info.samplerate = static_cast<int>(s.rate);
  info.format = format;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  REQUIRE(file != nullptr);
  std::vector<float> both;
  for (float x : s.samples.span()) both.insert(both.end(), {x, 0.f});
  REQUIRE(sf_writef_float(file, both.data(), s.samples.size()) == s.samples.size());
  sf_close(file);
}

double off(const data::Sound& got, const data::Sound& s) {
  REQUIRE(got.samples.size() == s.samples.size());
  double worst = 0;
  for (i64 i = 0; i < s.samples.size(); ++i)
    worst = std::max(worst, static_cast<double>(std::abs(got.samples[i] - 0.5f * s.samples[i])));
  return worst;
}

}  // namespace

TEST_CASE("FLAC to half a step, Ogg Vorbis to the ear, mixed down") {
  scratch::Directory dir;
  data::Sound s = wave();
  write(dir / "a.flac", s, SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
  write(dir / "a.ogg", s, SF_FORMAT_OGG | SF_FORMAT_VORBIS);
  CHECK(data::read_sound(dir / "a.flac").rate == 22050);
  CHECK(off(data::read_sound(dir / "a.flac"), s) < 1.0 / 32768);
  CHECK(off(data::read_sound(dir / "a.ogg"), s) < 0.02);
}

TEST_CASE("a WAV gives what our own reader gives") {
  scratch::Directory dir;
  data::write_wav(dir / "a.wav", wave());
  CHECK(same_bits(data::read_sound(dir / "a.wav").samples, data::read_wav(dir / "a.wav").samples));
}

TEST_CASE("what is no sound is a DataError that names the file") {
  scratch::Directory dir;
  scratch::put(dir / "a.ogg", "OggS and nothing more");
  for (const char* name : {"a.ogg", "none.ogg"}) {
    check_message([&] { data::read_sound(dir / name); }, {name});
    CHECK_THROWS_AS(data::read_sound(dir / name), DataError);
  }
  write(dir / "b.flac", wave(), SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
  std::string whole = scratch::content(dir / "b.flac");
  for (std::size_t n = 0; n < whole.size(); n += 997) {  // cut anywhere: a shorter sound or an error, no crash
    scratch::put(dir / "b.flac", whole.substr(0, n));
    try {
      i64 samples = data::read_sound(dir / "b.flac").samples.size();
      CHECK(samples <= 20000);
    } catch (const DataError&) {
    }
  }
}
