// Two patches of one tracked object, at different times: of another size, from another side, before another wall.
//
//   a sample is a patch of a track (data::track_clips); view 0 and view 1 are
//     ends        the first and the last patch of its track (Wang & Gupta, 2015), or
//     otherwise   the patch itself and one at least `apart` frames away, each equally often; the farther end of a
//                 track that is too short
//   image [2 B, S, S, C], clip [2 B]: the track, frame [2 B]: the number in the track
//
// A patch nearby in time would be nearly a copy, which a network matches without knowing an object.
// Tested in tests/pretext/tracks.cpp.
#pragma once

#include <nacre/pretext/frame_pairs.hpp>

namespace nacre::pretext {

struct TrackViews {
  FramePairViews pairs;  // its clips are the tracks; its sampler's negative_radius is `apart`
  bool ends = false;

  void prepare(Batch& b, i64 batch, i64 channels) const { pairs.prepare(b, batch, channels); }
  void fill(Batch& b, i64 row, const data::Picture& picture, const data::Normalization& n, Key key) const {
    const data::Clips& tracks = *pairs.clips;
    i64 own = b.index[row], t = tracks.clip_of(own), first = tracks[t].begin, last = tracks[t].end - 1;
    Random random(key.fold("partner"));
    i64 other = pairs.sampler.far(tracks[t], own, random);
    if (other < 0) other = own - first > last - own ? first : last;
    auto put = [&](i64 view, i64 frame) {
      pairs.put(b, row, view, t, frame, frame == own ? picture : tracks.frames[frame], n, key);
    };
    put(0, ends ? first : own);
    put(1, ends ? last : other);
  }
};

struct TrackViewsOptions {
  i64 image = 32;   // S, pixels
  i64 apart = 10;   // frames
  bool ends = false;
  data::Augment augment = data::simclr();
};

// tracks: data::track_clips(..). Throws nacre::Error.
inline TrackViews track_views(const data::Clips& tracks, const TrackViewsOptions& o = {}) {
  check(o.apart >= 2, "track_views",
        [&] { return "apart is " + std::to_string(o.apart) + "; need at least 2 frames"; });
  return {frame_pairs(tracks, {.sampler = {1, o.apart}, .image = o.image, .augment = o.augment}), o.ends};
}

}  // namespace nacre::pretext
