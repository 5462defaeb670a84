// Definitions of data/sound.hpp.
#pragma once

#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/data/sound.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace nacre::data {
namespace detail {

// Modified Bessel function of order 0, by its series.
inline double bessel_i0(double x) {
  double sum = 1, term = 1;
  for (int k = 1; term > 1e-12 * sum; ++k) {
    term *= x / (2 * k) * (x / (2 * k));
    sum += term;
  }
  return sum;
}

// kaiser on [-1, 1]; beta 9 stops at 90 dB.
inline double kaiser(double u) {
  constexpr double beta = 9;
  return std::abs(u) > 1 ? 0 : bessel_i0(beta * std::sqrt(1 - u * u)) / bessel_i0(beta);
}

inline double sinc(double t) {
  double a = 3.14159265358979323846 * t;
  return std::abs(a) < 1e-9 ? 1 : std::sin(a) / a;
}

// For each fraction of a sample that occurs at up / down: row p holds h at p / up + before, .. - 1, - 2 ..
struct ResampleTable {
  static constexpr double crossings = 32;
  i64 up = 0, down = 0, before = 0, taps = 0;
  Tensor<float> rows;  // [up, taps]

  ResampleTable() = default;
  ResampleTable(i64 u, i64 d) : up(u), down(d) {
    double c = 0.9 * std::min(1.0, static_cast<double>(up) / static_cast<double>(down));
    before = static_cast<i64>(crossings / c);
    taps = (2 * before + 2 + 15) / 16 * 16;
    rows = Tensor<float>({up, taps});
    parallel_for(up, 16, [&](i64 begin, i64 end) {
      std::vector<double> h(static_cast<std::size_t>(taps));
      for (i64 p = begin; p < end; ++p) {
        double sum = 0, phase = static_cast<double>(p) / static_cast<double>(up);
        for (i64 k = 0; k < taps; ++k) {
          double t = c * (phase + static_cast<double>(before - k));
          sum += h[static_cast<std::size_t>(k)] = sinc(t) * kaiser(t / crossings);
        }
        for (i64 k = 0; k < taps; ++k)  // a constant stays one
          rows[p * taps + k] = static_cast<float>(h[static_cast<std::size_t>(k)] / sum);
      }
    });
  }
};

// A folder's sounds mostly have one rate: a thread keeps its last table.
inline ResampleTable resample_table(i64 up, i64 down) {
  thread_local ResampleTable last;
  if (last.up == up && last.down == down) return last;
  ResampleTable made(up, down);
  return last = made;
}

}  // namespace detail

NACRE_INLINE Sound resample(const Sound& sound, i64 rate) {
  auto good = [](i64 r) { return min_rate <= r && r <= max_rate; };
  check(good(rate) && good(sound.rate), "resample", [&] {
    return "from " + std::to_string(sound.rate) + " to " + std::to_string(rate) + " samples a second; need " +
           std::to_string(min_rate) + " to " + std::to_string(max_rate);
  });
  if (rate == sound.rate) return sound;
  check(sound.samples.size() <= max_samples / std::max<i64>(1, (rate + sound.rate - 1) / sound.rate),
        "resample", [&] { return "more than " + std::to_string(max_samples) + " samples would come out"; });
  i64 n = sound.samples.size(), g = std::gcd(rate, sound.rate), up = rate / g, down = sound.rate / g;
  detail::ResampleTable table = detail::resample_table(up, down);
  i64 before = table.before, taps = table.taps;
  Tensor<float> padded = Tensor<float>::zeros({before + n + taps});
  std::copy_n(sound.samples.data(), n, padded.data() + before);
  Sound out{Tensor<float>({(n * up + down - 1) / down}), rate};
  parallel_for(out.samples.size(), 4096, [&](i64 begin, i64 end) {
    float* y = out.samples.data();
    const float *x = padded.data(), *rows = table.rows.data();
    backend::simd::run([=] {
      for (i64 j = begin; j < end; ++j) {
        const float *in = x + j * down / up, *w = rows + j * down % up * taps;
        float lane[16] = {};
        for (i64 k = 0; k < taps; k += 16)
          for (int l = 0; l < 16; ++l) lane[l] += w[k + l] * in[k + l];
        for (int width = 8; width > 0; width /= 2)
          for (int l = 0; l < width; ++l) lane[l] += lane[l + width];
        y[j] = lane[0];
      }
    });
  });
  return out;
}

NACRE_INLINE Tensor<float> mix_down(const Tensor<float>& frames) {
  check(frames.rank() == 2 && frames.dim(1) >= 1, "mix_down",
        [&] { return "frames are " + frames.shape().str() + "; need [n, channels]"; });
  i64 n = frames.dim(0), channels = frames.dim(1);
  if (channels == 1) return frames.reshape({n});
  Tensor<float> mean({n});
  for (i64 i = 0; i < n; ++i) {
    float sum = 0;
    for (i64 c = 0; c < channels; ++c) sum += frames[i * channels + c];
    mean[i] = sum / static_cast<float>(channels);
  }
  return mean;
}

}  // namespace nacre::data
