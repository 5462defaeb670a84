// What the ear would see of a sound: the logarithm of its energy in bands, every hundredth of a second.
//
//   frames   t = 0 .. : samples [t hop, t hop + window) times a Hann window w, zero-padded to `fft`
//   power    P[t, k] = |FFT_k|^2 / sum w^2,  k = 0 .. fft / 2         white noise of variance v: v in every bin
//   mel      m(f) = 2595 log10(1 + f / 700)  (HTK's; Slaney's scale is another one)
//   bands    triangles of height 1 in f; their corners are mels + 2 points equally far apart in m from low to high
//   log_mel  L[t, b] = log(sum_k band[b, k] P[t, k] + floor)
//
// A sound shorter than a window is padded with silence to one frame; behind that a last piece shorter than a window
// is left out. Davis & Mermelstein, 1980. Throws nacre::Error. Tested in tests/data/log_mel.cpp.
#pragma once

#include <nacre/data/sound.hpp>

#include <cmath>

namespace nacre::data {

struct LogMel {
  i64 rate = 16'000;             // what sounds are resampled to; speech has little above 8 kHz
  i64 window = 400, hop = 160;   // samples: 25 ms every 10 ms
  i64 fft = 512;                 // a power of two, at least the window
  i64 mels = 40;                 // bands
  double low = 60, high = 7'600; // Hz
  double floor = 1e-6;           // energy of what counts as silence: 60 dB below a full-scale square wave

  float silence() const { return static_cast<float>(std::log(floor)); }
};

// Checked options: throws nacre::Error where a size is impossible or a band lies between two bins of the FFT.
NACRE_INLINE void validate(const LogMel& options);

NACRE_INLINE double hertz_to_mel(double hertz);
NACRE_INLINE double mel_to_hertz(double mel);

NACRE_INLINE Tensor<float> mel_bands(const LogMel& options);                      // [mels, fft / 2 + 1]
NACRE_INLINE Tensor<float> spectrogram(const Sound& sound, const LogMel& options);  // P [frames, fft / 2 + 1]
NACRE_INLINE Tensor<float> log_mel(const Sound& sound, const LogMel& options);      // L [frames, mels]

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/log_mel_impl.hpp>
#endif
