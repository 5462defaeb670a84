// Definitions of pretext/sound_views.hpp.
#pragma once

#include <nacre/pretext/sound_views.hpp>

#include <algorithm>
#include <cmath>

namespace nacre::pretext {
namespace detail {

// Sets up to `frames` neighbouring rows and up to `mels` neighbouring columns of x [count, bands] to 0.
inline void mask(float* x, i64 count, i64 bands, i64 frames, i64 mels, Random& random) {
  auto run = [&](i64 longest, i64 size) {
    i64 length = std::min<i64>(random.below(static_cast<u32>(longest + 1)), size);
    i64 begin = random.below(static_cast<u32>(size - length + 1));
    return data::Span{begin, begin + length};
  };
  data::Span t = run(frames, count), b = run(mels, bands);
  std::fill(x + t.begin * bands, x + t.end * bands, 0.f);
  for (i64 i = 0; i < count; ++i) std::fill(x + i * bands + b.begin, x + i * bands + b.end, 0.f);
}

// A start at least `shift` frames from `start`, uniform over those whose window is centred inside the recording.
inline i64 far_start(const data::Recordings& sounds, data::Window near, i64 count, i64 shift, Random& random) {
  i64 first = -(count / 2), last = sounds.frames(near.recording) - 1 - count / 2;
  i64 before = std::max<i64>(0, near.start - shift - first + 1);
  i64 after = std::max<i64>(0, last - near.start - shift + 1);
  i64 draw = random.below(static_cast<u32>(before + after));
  return draw < before ? first + draw : near.start + shift + draw - before;
}

}  // namespace detail

NACRE_INLINE void SoundViews::fill(Batch& b, i64 row, const data::Picture& picture,
                                   const data::Normalization& normalization, Key key) const {
  data::augment(picture, augment, normalization, key.fold("picture"), image,
                b.image.data() + row * image * image * picture.channels);
  Random random(key.fold("sound"));
  i64 batch = b.clip.size(), which = b.index[row];
  check(which < static_cast<i64>(sounds.of.size()), "sound_views", [&] {
    return "picture " + std::to_string(which) + " has no sounds: they belong to " + std::to_string(sounds.of.size()) +
           " pictures";
  });
  data::Span of = sounds.of_picture(which);
  data::Window window;
  if (sounds.at.empty()) {
    window.recording = of.begin + random.below(static_cast<u32>(of.size()));
    data::Span starts = sounds.starts(window.recording, frames);
    auto heard = std::max(1.0, std::round(until * static_cast<double>(starts.size())));
    window.start = starts.begin + random.below(static_cast<u32>(heard));
  } else {
    window = data::around(sounds, which, frames);
  }
  b.clip[row] = of.begin;
  for (i64 v = 0; v < views(); ++v) {
    data::Window w = window;
    if (v == 1) w.start = detail::far_start(sounds, window, frames, shift, random);
    float* out = b.sound.data() + (v * batch + row) * frames * sounds.mels();
    data::cut(sounds, w, frames, out);
    detail::mask(out, frames, sounds.mels(), mask_frames, mask_mels, random);
    b.frame[v * batch + row] = w.start;
  }
}

NACRE_INLINE SoundViews sound_views(SoundViews o) {
  check(o.image >= 1 && o.image <= 4096 && o.frames >= 1 && o.shift >= 0 && o.until > 0 && o.until <= 1, "sound_views",
        [&] {
          return "image " + std::to_string(o.image) + ", frames " + std::to_string(o.frames) + ", shift " +
                 std::to_string(o.shift) + ", until " + std::to_string(o.until) +
                 "; need 1 to 4096 pixels, at least one frame, no negative shift and until in (0, 1]";
        });
  check(o.sounds.mels() >= 1 && !o.sounds.of.empty(), "sound_views",
        [] { return std::string("there are no sounds, or their mean and std are not known; see data::measure"); });
  check(o.mask_frames >= 0 && o.mask_frames < o.frames && o.mask_mels >= 0 && o.mask_mels < o.sounds.mels(),
        "sound_views", [&] {
          return "masks of " + std::to_string(o.mask_frames) + " frames and " + std::to_string(o.mask_mels) +
                 " bands; a window has " + std::to_string(o.frames) + " and " + std::to_string(o.sounds.mels());
        });
  check(o.shift == 0 || !o.sounds.at.empty(), "sound_views",
        [] { return std::string("shift needs the sounds of videos: a still picture has no moment to shift from"); });
  for (i64 i = 0; o.shift > 0 && i < static_cast<i64>(o.sounds.of.size()); ++i) {
    i64 length = o.sounds.frames(o.sounds.of_picture(i).begin), at = o.sounds.at[static_cast<std::size_t>(i)];
    check(at >= o.shift || length - 1 - at >= o.shift, "sound_views", [&] {
      return "picture " + std::to_string(i) + " is seen at frame " + std::to_string(at) + " of a recording of " +
             std::to_string(length) + ": no window lies " + std::to_string(o.shift) + " frames away";
    });
  }
  data::validate(o.augment);
  return o;
}

}  // namespace nacre::pretext
