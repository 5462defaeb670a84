// Recordings: log-mel spectrograms, the picture that each belongs to, and windows of them as an encoder takes them.
//
//   window   frames [start, start + n) of a recording, (L - mean) / std per band; silence before and behind it
//
// A still picture belongs to the whole of its recordings (a spoken name); a frame of a video to one moment of one
// (`at`). Throws nacre::Error. Tested in tests/data/recordings.cpp.
#pragma once

#include <nacre/data/log_mel.hpp>

#include <string>
#include <vector>

namespace nacre::data {

struct Span {
  i64 begin = 0, end = 0;
  i64 size() const { return end - begin; }
};

struct Window {
  i64 recording = 0, start = 0;  // start in frames, may be negative
};

struct Recordings {
  std::vector<Tensor<float>> log_mel;  // [frames, mels] each
  std::vector<Span> of;                // picture i has the recordings [of[i].begin, of[i].end)
  std::vector<i64> at;                 // picture i is seen at this frame of its recording; empty: stills
  Tensor<float> mean, std;             // [mels], of `measure`
  float silence = 0;

  i64 size() const { return static_cast<i64>(log_mel.size()); }
  i64 mels() const { return mean.size(); }
  i64 frames(i64 recording) const { return log_mel[static_cast<std::size_t>(recording)].dim(0); }
  Span of_picture(i64 i) const { return of[static_cast<std::size_t>(i)]; }

  // Starts of windows of `count` frames that lie inside a recording; of a shorter one, those that hold all of it.
  Span starts(i64 recording, i64 count) const {
    i64 rest = frames(recording) - count;
    return {std::min<i64>(rest, 0), std::max<i64>(rest, 0) + 1};
  }
};

// Sets mean and std over all frames of all recordings (std at least 1e-3); silence is LogMel's. Throws nacre::Error
// where recordings differ in bands or a picture's range is not one of recordings.
NACRE_INLINE void measure(Recordings& recordings, float silence);

// Picture by picture along sounds of videos: frame f of a video of `fps` frames a second is seen at
// (f + 1/2) / fps seconds. Appends one recording and one entry of `of` and `at` for each frame.
NACRE_INLINE void append_video(Recordings& recordings, const Sound& sound, i64 frames, double fps,
                               const LogMel& options);

// out [count, mels]
NACRE_INLINE void cut(const Recordings& recordings, Window window, i64 count, float* out);

// The middle and the last window of a recording, and that around picture i of a video.
inline Window middle(const Recordings& recordings, i64 recording, i64 count) {
  i64 rest = recordings.frames(recording) - count;
  return {recording, rest >= 0 ? rest / 2 : -(-rest / 2)};
}
inline Window last(const Recordings& recordings, i64 recording, i64 count) {
  return {recording, recordings.starts(recording, count).end - 1};
}
inline Window around(const Recordings& recordings, i64 i, i64 count) {
  return {recordings.of_picture(i).begin, recordings.at[static_cast<std::size_t>(i)] - count / 2};
}

// [n, count, mels, 1]: what the sound encoder takes.
NACRE_INLINE Tensor<float> sound_batch(const Recordings& recordings, const std::vector<Window>& windows, i64 count);

// Of the first recording of each of the pictures [begin, end), the window that `choose` says: middle or last.
NACRE_INLINE Tensor<float> sound_batch(const Recordings& recordings, i64 begin, i64 end,
                                       Window (*choose)(const Recordings&, i64, i64), i64 count);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/recordings_impl.hpp>
#endif
