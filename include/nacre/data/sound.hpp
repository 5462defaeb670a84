// Sound: samples of one channel at a rate, and the change to another rate.
//
//   y[j] = sum_i x[i] h(j / r - i),   r = rate out / rate in,   j = 0 .. ceil(n r) - 1,   silence outside
//   h(t) = c sinc(c t) kaiser(c t / 32),   c = 0.9 min(1, r)     a low pass below the lower of the two Nyquist rates
//
// A tone below 0.8 of the lower Nyquist frequency comes out within 1e-4 of its amplitude; one from that frequency on
// comes out at most 1e-4 strong. Positions are exact fractions: there is no drift.
// Smith, "Digital audio resampling", 2002. Throws nacre::Error. Tested in tests/data/sound.cpp.
#pragma once

#include <nacre/core/tensor.hpp>

namespace nacre::data {

struct Sound {
  Tensor<float> samples;  // [n], full scale is 1
  i64 rate = 0;           // samples a second

  double seconds() const { return static_cast<double>(samples.size()) / static_cast<double>(rate); }
};

// What readers and `resample` accept: rates, and the numbers of a sound (all channels; 100 minutes of CD mono).
inline constexpr i64 min_rate = 1'000, max_rate = 384'000, max_samples = i64{1} << 28;

// The same sound at another rate; at its own rate it is returned as it is.
NACRE_INLINE Sound resample(const Sound& sound, i64 rate);

// frames [n, channels] -> their mean [n].
NACRE_INLINE Tensor<float> mix_down(const Tensor<float>& frames);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/sound_impl.hpp>
#endif
