// data/log_mel.hpp against closed forms: Parseval, white noise, pure tones, and the Fourier transform's own sum.
#include <nacre/data/log_mel.hpp>

#include "../helpers.hpp"

#include <cmath>
#include <complex>

using namespace nacre;
using namespace nacre::test;
using data::LogMel;
using data::Sound;

namespace {

Sound tone(double hertz, const LogMel& o, i64 n) {
  Sound s{Tensor<float>({n}), o.rate};
  for (i64 i = 0; i < n; ++i)
    s.samples[i] =
        static_cast<float>(std::sin(2 * M_PI * hertz * static_cast<double>(i) / static_cast<double>(o.rate)));
  return s;
}

double hann(i64 i, i64 n) { return 0.5 - 0.5 * std::cos(2 * M_PI * static_cast<double>(i) / static_cast<double>(n)); }

}  // namespace

TEST_CASE("a frame's power is the sum that defines it, and Parseval holds") {
  LogMel o{.window = 48, .hop = 20, .fft = 64, .mels = 4};
  Sound s{randn<float>({100}), o.rate};
  Tensor<float> p = data::spectrogram(s, o);
  REQUIRE(p.shape() == Shape{3, 33});  // 1 + (100 - 48) / 20 frames
  double energy = 0;
  for (i64 i = 0; i < o.window; ++i) energy += hann(i, o.window) * hann(i, o.window);
  CHECK(energy == doctest::Approx(3.0 / 8 * 48));
  for (i64 t = 0; t < 3; ++t) {
    double in_time = 0, in_frequency = 0;
    for (i64 i = 0; i < o.window; ++i) {
      double x = hann(i, o.window) * static_cast<double>(s.samples[t * o.hop + i]);
      in_time += x * x / energy;
    }
    for (i64 k = 0; k <= 32; ++k) {
      std::complex<double> sum = 0;
      for (i64 i = 0; i < o.window; ++i)
        sum += hann(i, o.window) * static_cast<double>(s.samples[t * o.hop + i]) *
               std::polar(1.0, -2 * M_PI * static_cast<double>(i * k) / 64);
      CHECK(static_cast<double>(p[t * 33 + k]) == doctest::Approx(std::norm(sum) / energy).epsilon(1e-4));
      in_frequency += static_cast<double>(p[t * 33 + k]) * (k == 0 || k == 32 ? 1 : 2) / 64;
    }
    CHECK(in_frequency == doctest::Approx(in_time).epsilon(1e-5));
  }
}

TEST_CASE("white noise of variance v has energy v in every bin, and v times its weights in every band") {
  LogMel o;
  double v = 0.04;
  Sound s{randn<float>({o.rate * 20}), o.rate};
  for (float& x : s.samples.span()) x *= 0.2f;
  Tensor<float> mel = data::log_mel(s, o), bands = data::mel_bands(o);
  for (i64 b = 0; b < o.mels; ++b) {
    double mean = 0, weight = 0;
    for (i64 t = 0; t < mel.dim(0); ++t) mean += std::exp(static_cast<double>(mel[t * o.mels + b]));
    for (i64 k = 0; k < bands.dim(1); ++k) weight += static_cast<double>(bands[b * bands.dim(1) + k]);
    CHECK(mean / static_cast<double>(mel.dim(0)) == doctest::Approx(v * weight + o.floor).epsilon(0.15));
  }
}

TEST_CASE("a pure tone peaks in the band whose centre it is, with the height of the window's transform") {
  LogMel o;
  double low = data::hertz_to_mel(o.low), step = (data::hertz_to_mel(o.high) - low) / static_cast<double>(o.mels + 1);
  for (i64 b = 8; b < o.mels; ++b) {
    Tensor<float> mel = data::log_mel(tone(data::mel_to_hertz(low + static_cast<double>(b + 1) * step), o, 4000), o);
    for (i64 t = 0; t < mel.dim(0); ++t) {
      const float* row = mel.data() + t * o.mels;
      CHECK(std::max_element(row, row + o.mels) - row == b);
    }
  }
  // At a bin's own frequency |FFT| is sum w / 2 = window / 4: power (window / 4)^2 / (3 / 8 window).
  LogMel whole{.window = 512, .hop = 512};
  Tensor<float> p = data::spectrogram(tone(100 * 16000.0 / 512, whole, 512), whole);
  CHECK(p[100] == doctest::Approx(512.0 / 6).epsilon(1e-4));
}

TEST_CASE("the mel scale is HTK's; bands are triangles that add up to 1 between the first and the last centre") {
  CHECK(data::hertz_to_mel(1000) == doctest::Approx(999.9855));
  CHECK(data::mel_to_hertz(data::hertz_to_mel(440)) == doctest::Approx(440));
  LogMel o;
  Tensor<float> bands = data::mel_bands(o);
  i64 bins = bands.dim(1);
  double low = data::hertz_to_mel(o.low), step = (data::hertz_to_mel(o.high) - low) / static_cast<double>(o.mels + 1);
  for (i64 k = 0; k < bins; ++k) {
    double f = static_cast<double>(k) * 16000 / 512, sum = 0;
    for (i64 b = 0; b < o.mels; ++b) sum += static_cast<double>(bands[b * bins + k]);
    if (f >= data::mel_to_hertz(low + step) && f <= data::mel_to_hertz(low + static_cast<double>(o.mels) * step))
      CHECK(sum == doctest::Approx(1).epsilon(1e-5));
    if (f < o.low || f > o.high) CHECK(sum == 0);
  }
}

TEST_CASE("silence is the floor, a short sound is one frame, another rate is brought to the common one") {
  LogMel o;
  Tensor<float> mel = data::log_mel({Tensor<float>::zeros({100}), o.rate}, o);
  CHECK(mel.shape() == Shape{1, o.mels});
  for (float x : mel.span()) CHECK(x == doctest::Approx(o.silence()));
  CHECK(data::log_mel({Tensor<float>::zeros({44100}), 44100}, o).shape() == Shape{98, o.mels});
}

TEST_CASE("impossible options") {
  Sound s{Tensor<float>::zeros({1000}), 16000};
  check_message([&] { data::log_mel(s, {.fft = 500}); }, {"log_mel", "fft 500", "power of two"});
  check_message([&] { data::log_mel(s, {.fft = 256}); }, {"log_mel", "fft 256"});
  check_message([&] { data::log_mel(s, {.hop = 0}); }, {"log_mel", "hop 0"});
  check_message([&] { data::log_mel(s, {.high = 9000}); }, {"log_mel", "9000", "rate / 2"});
  check_message([&] { data::log_mel(s, {.floor = 0}); }, {"log_mel", "floor"});
  check_message([&] { data::log_mel(s, {.mels = 200}); }, {"log_mel", "of 200 lies between", "fewer bands"});
}
