// Definitions of data/log_mel.hpp; the FFT is Eigen's.
#pragma once

#include <nacre/data/log_mel.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <vector>

#include <unsupported/Eigen/FFT>

namespace nacre::data {

NACRE_INLINE double hertz_to_mel(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
NACRE_INLINE double mel_to_hertz(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

NACRE_INLINE void validate(const LogMel& o) {
  check(min_rate <= o.rate && o.rate <= max_rate && o.window >= 2 && o.hop >= 1 && o.fft >= o.window &&
            o.fft <= 1 << 16 && std::has_single_bit(static_cast<u64>(o.fft)),
        "log_mel", [&] {
          return "rate " + std::to_string(o.rate) + ", window " + std::to_string(o.window) + ", hop " +
                 std::to_string(o.hop) + ", fft " + std::to_string(o.fft) +
                 "; need window >= 2, hop >= 1 and fft a power of two from the window to 65536";
        });
  check(o.mels >= 1 && o.low >= 0 && o.low < o.high && 2 * o.high <= static_cast<double>(o.rate) && o.floor > 0,
        "log_mel", [&] {
          return std::to_string(o.mels) + " mels from " + std::to_string(o.low) + " to " + std::to_string(o.high) +
                 " Hz, floor " + std::to_string(o.floor) + "; need mels >= 1, 0 <= low < high <= rate / 2, floor > 0";
        });
}

NACRE_INLINE Tensor<float> mel_bands(const LogMel& o) {
  validate(o);
  i64 bins = o.fft / 2 + 1;
  double low = hertz_to_mel(o.low), step = (hertz_to_mel(o.high) - low) / static_cast<double>(o.mels + 1);
  auto corner = [&](i64 i) { return mel_to_hertz(low + static_cast<double>(i) * step); };
  Tensor<float> bands({o.mels, bins});
  for (i64 b = 0; b < o.mels; ++b) {
    double left = corner(b), peak = corner(b + 1), right = corner(b + 2), sum = 0;
    for (i64 k = 0; k < bins; ++k) {
      double f = static_cast<double>(k * o.rate) / static_cast<double>(o.fft);
      double w = std::max(0.0, std::min((f - left) / (peak - left), (right - f) / (right - peak)));
      bands[b * bins + k] = static_cast<float>(w);
      sum += w;
    }
    check(sum > 0, "log_mel", [&] {
      return "band " + std::to_string(b) + " of " + std::to_string(o.mels) + " lies between two bins of an FFT of " +
             std::to_string(o.fft) + "; take fewer bands or a longer FFT";
    });
  }
  return bands;
}

NACRE_INLINE Tensor<float> spectrogram(const Sound& sound, const LogMel& o) {
  validate(o);
  Sound s = resample(sound, o.rate);
  i64 n = s.samples.size(), frames = n < o.window ? 1 : 1 + (n - o.window) / o.hop, bins = o.fft / 2 + 1;
  std::vector<float> hann(static_cast<std::size_t>(o.window)), x(static_cast<std::size_t>(o.fft));
  double energy = 0;
  for (i64 i = 0; i < o.window; ++i) {
    double w = 0.5 - 0.5 * std::cos(6.283185307179586 * static_cast<double>(i) / static_cast<double>(o.window));
    hann[static_cast<std::size_t>(i)] = static_cast<float>(w);
    energy += w * w;
  }
  auto scale = static_cast<float>(1 / energy);
  Eigen::FFT<float> fft;
  fft.SetFlag(Eigen::FFT<float>::HalfSpectrum);
  std::vector<std::complex<float>> y;
  Tensor<float> power({frames, bins});
  for (i64 t = 0; t < frames; ++t) {
    for (i64 i = 0; i < o.window; ++i) {
      i64 at = t * o.hop + i;
      x[static_cast<std::size_t>(i)] = at < n ? hann[static_cast<std::size_t>(i)] * s.samples[at] : 0.f;
    }
    fft.fwd(y, x);
    for (i64 k = 0; k < bins; ++k) power[t * bins + k] = scale * std::norm(y[static_cast<std::size_t>(k)]);
  }
  return power;
}

NACRE_INLINE Tensor<float> log_mel(const Sound& sound, const LogMel& o) {
  Tensor<float> power = spectrogram(sound, o), bands = mel_bands(o);
  i64 frames = power.dim(0), bins = power.dim(1);
  Tensor<float> out({frames, o.mels});
  for (i64 b = 0; b < o.mels; ++b) {
    const float* w = bands.data() + b * bins;
    i64 first = 0, last = bins;
    while (w[first] == 0) ++first;
    while (w[last - 1] == 0) --last;
    for (i64 t = 0; t < frames; ++t) {
      float sum = 0;
      for (i64 k = first; k < last; ++k) sum += w[k] * power[t * bins + k];
      out[t * o.mels + b] = std::log(sum + static_cast<float>(o.floor));
    }
  }
  return out;
}

}  // namespace nacre::data
