// data/sound.hpp: resampling against closed forms.
#include <nacre/data/sound.hpp>

#include "../helpers.hpp"

#include <cmath>

using namespace nacre;
using namespace nacre::test;
using data::Sound;

namespace {

Sound tone(double hertz, i64 rate, i64 n, double amplitude = 0.5) {
  Sound s{Tensor<float>({n}), rate};
  for (i64 i = 0; i < n; ++i)
    s.samples[i] = static_cast<float>(
        amplitude * std::sin(2 * M_PI * hertz * static_cast<double>(i) / static_cast<double>(rate) + 0.3));
  return s;
}

// The largest difference away from the ends, where the silence outside is heard.
double worst(const Sound& a, const Sound& b, double margin_seconds = 0.05) {
  auto margin = static_cast<i64>(margin_seconds * static_cast<double>(a.rate));
  double w = 0;
  REQUIRE(a.samples.size() > 2 * margin);
  for (i64 i = margin; i < a.samples.size() - margin; ++i)
    w = std::max(w, static_cast<double>(std::abs(a.samples[i] - b.samples[i])));
  return w;
}

constexpr i64 rates[][2] = {{44100, 16000}, {8000, 16000},  {48000, 16000},
                            {16000, 44100}, {11127, 16000}, {5000, 8000}};

}  // namespace

TEST_CASE("a tone below 0.8 of the lower Nyquist frequency comes out as that tone at the other rate") {
  for (auto [from, to] : rates)
    for (double part : {0.01, 0.3, 0.8}) {
      CAPTURE(from);
      CAPTURE(to);
      CAPTURE(part);
      double hertz = part * static_cast<double>(std::min(from, to)) / 2;
      Sound out = data::resample(tone(hertz, from, from / 2), to);
      CHECK(out.rate == to);
      CHECK(out.samples.size() == (from / 2 * to + from - 1) / from);
      CHECK(worst(out, tone(hertz, to, out.samples.size())) < 0.5e-4);
    }
}

TEST_CASE("a tone from the new Nyquist frequency on is gone") {
  for (double hertz : {8000.0, 9000.0, 20000.0}) {
    CAPTURE(hertz);
    Sound out = data::resample(tone(hertz, 44100, 22050), 16000);
    CHECK(worst(out, {Tensor<float>::zeros(out.samples.shape()), 16000}) < 0.5e-4);
  }
}

TEST_CASE("a constant stays, its own rate changes nothing, threads change no bit") {
  Sound one{Tensor<float>::full({20000}, 0.25f), 44100}, out = data::resample(one, 22254);
  CHECK(worst(out, {Tensor<float>::full(out.samples.shape(), 0.25f), 22254}) < 1e-6);
  CHECK(data::resample(one, 44100).samples.shares_memory(one.samples));
  Sound s{randn<float>({30000}), 44100};
  auto run = [&] { return data::resample(s, 16000).samples; };
  CHECK(same_bits(with_threads(1, run), with_threads(3, run)));
  CHECK(same_bits(with_isa(backend::Isa::baseline, run), run()));
}

TEST_CASE("channels are averaged; empty sounds and rates out of range") {
  auto mean = data::mix_down(Tensor<float>::of({2, 2}, {1, 0, -0.5f, 0.25f}));
  CHECK(mean.shape() == Shape{2});
  CHECK(mean[0] == 0.5f);
  CHECK(mean[1] == -0.125f);
  CHECK(data::resample({Tensor<float>(), 8000}, 16000).samples.empty());
  check_message([] { data::mix_down(Tensor<float>({3})); }, {"mix_down", "[3]", "[n, channels]"});
  check_message([] { data::resample({Tensor<float>({3}), 16000}, 10); }, {"resample", "16000", "10", "1000"});
  check_message([] { data::resample({Tensor<float>({3}), 0}, 16000); }, {"resample", "from 0"});
}
