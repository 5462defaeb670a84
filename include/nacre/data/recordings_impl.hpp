// Definitions of data/recordings.hpp.
#pragma once

#include <nacre/data/recordings.hpp>

#include <algorithm>
#include <cmath>

namespace nacre::data {

NACRE_INLINE void measure(Recordings& r, float silence) {
  r.silence = silence;
  i64 mels = r.log_mel.empty() || r.log_mel[0].rank() != 2 ? 0 : r.log_mel[0].dim(1), count = 0;
  for (const auto& l : r.log_mel) {
    check(l.rank() == 2 && l.dim(0) >= 1 && l.dim(1) == mels, "measure", [&] {
      return "a recording is " + l.shape().str() + "; need [frames, " + std::to_string(mels) + "]";
    });
    count += l.dim(0);
  }
  for (std::size_t i = 0; i < r.of.size(); ++i)
    check(0 <= r.of[i].begin && r.of[i].begin < r.of[i].end && r.of[i].end <= r.size(), "measure", [&] {
      return "picture " + std::to_string(i) + " has the recordings " + std::to_string(r.of[i].begin) + " to " +
             std::to_string(r.of[i].end) + " of " + std::to_string(r.size());
    });
  check(count > 0 && (r.at.empty() || r.at.size() == r.of.size()), "measure", [&] {
    return std::to_string(count) + " frames, " + std::to_string(r.of.size()) + " pictures, " +
           std::to_string(r.at.size()) + " moments; need a frame, and moments for all pictures or none";
  });
  r.mean = Tensor<float>({mels});
  r.std = Tensor<float>({mels});
  for (i64 b = 0; b < mels; ++b) {
    double sum = 0, squares = 0;
    for (const auto& l : r.log_mel)
      for (i64 t = 0; t < l.dim(0); ++t) sum += static_cast<double>(l[t * mels + b]);
    double mean = sum / static_cast<double>(count);
    for (const auto& l : r.log_mel)
      for (i64 t = 0; t < l.dim(0); ++t) {
        double d = static_cast<double>(l[t * mels + b]) - mean;
        squares += d * d;
      }
    check<DataError>(std::isfinite(mean) && std::isfinite(squares), "measure",
                     [&] { return std::string("a recording holds samples too large to measure"); });
    r.mean[b] = static_cast<float>(mean);
    r.std[b] = std::max(1e-3f, static_cast<float>(std::sqrt(squares / static_cast<double>(count))));
  }
}

NACRE_INLINE void append_video(Recordings& r, const Sound& sound, i64 frames, double fps, const LogMel& options) {
  check(frames >= 1 && fps > 0, "append_video", [&] {
    return std::to_string(frames) + " frames at " + std::to_string(fps) + " a second; need both positive";
  });
  check(r.at.size() == r.of.size(), "append_video", [] { return std::string("the recordings are those of stills"); });
  r.log_mel.push_back(log_mel(sound, options));
  double hop = static_cast<double>(options.hop) / static_cast<double>(options.rate);
  double centre = 0.5 * static_cast<double>(options.window) / static_cast<double>(options.rate);
  for (i64 f = 0; f < frames; ++f) {
    r.of.push_back({r.size() - 1, r.size()});
    r.at.push_back(std::lround(((static_cast<double>(f) + 0.5) / fps - centre) / hop));
  }
}

NACRE_INLINE void cut(const Recordings& r, Window window, i64 count, float* out) {
  const Tensor<float>& l = r.log_mel[static_cast<std::size_t>(window.recording)];
  i64 mels = l.dim(1);
  for (i64 t = 0; t < count; ++t) {
    i64 from = window.start + t;
    const float* in = 0 <= from && from < l.dim(0) ? l.data() + from * mels : nullptr;
    for (i64 b = 0; b < mels; ++b) out[t * mels + b] = ((in ? in[b] : r.silence) - r.mean[b]) / r.std[b];
  }
}

NACRE_INLINE Tensor<float> sound_batch(const Recordings& r, const std::vector<Window>& windows, i64 count) {
  check(count >= 1 && r.mels() >= 1, "sound_batch", [&] {
    return std::to_string(count) + " frames of " + std::to_string(r.mels()) + " bands; need both, see measure";
  });
  Tensor<float> out({static_cast<i64>(windows.size()), count, r.mels(), 1});
  for (std::size_t i = 0; i < windows.size(); ++i) {
    check(0 <= windows[i].recording && windows[i].recording < r.size(), "sound_batch", [&] {
      return "recording " + std::to_string(windows[i].recording) + " of " + std::to_string(r.size());
    });
    const i64 mels = r.log_mel[static_cast<std::size_t>(windows[i].recording)].dim(1);
    check(mels == r.mels(), "sound_batch", [&] {
      return "recording " + std::to_string(windows[i].recording) + " has " + std::to_string(mels) +
             " bands, the set was measured with " + std::to_string(r.mels());
    });
    cut(r, windows[i], count, out.data() + static_cast<i64>(i) * count * r.mels());
  }
  return out;
}

NACRE_INLINE Tensor<float> sound_batch(const Recordings& r, i64 begin, i64 end,
                                       Window (*choose)(const Recordings&, i64, i64), i64 count) {
  check(0 <= begin && begin <= end && end <= static_cast<i64>(r.of.size()), "sound_batch", [&] {
    return "pictures [" + std::to_string(begin) + ", " + std::to_string(end) + ") of " + std::to_string(r.of.size());
  });
  std::vector<Window> windows;
  for (i64 i = begin; i < end; ++i) windows.push_back(choose(r, r.of_picture(i).begin, count));
  return sound_batch(r, windows, count);
}

}  // namespace nacre::data
