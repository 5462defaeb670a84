// A tracker for films by a camera that stands still: what differs from the background, linked from frame to frame.
//
//   background [H, W, C]    the median of `samples` frames spread over the clip, pixel by pixel
//   mask [H, W]             1 where a channel differs from it by more than `threshold`; then closed: grown by `close`
//                           pixels and shrunk again, which joins the pieces of one object
//   boxes                   of the connected parts (eight neighbours) of at least min_area pixels, no side below
//                           min_side: a rope that swings is no object
//   tracks                  each goes on as it moved in its last five frames; the pair of it and a box with the largest
//                           overlap comes first, down to `overlap` (intersection over union); a track not seen for
//                           `gap` frames ends, in between its box moves evenly; short tracks are dropped
//
// Objects that touch are one box, which mostly ends their tracks; who is hidden longer than `gap` returns as another.
// That is enough to learn from. Wang & Gupta, 2015, took a real tracker. Tested in tests/data/tracker.cpp.
#pragma once

#include <nacre/data/tracks.hpp>

namespace nacre::data {

struct TrackerOptions {
  i64 samples = 51;
  int threshold = 30;     // of 255
  i64 close = 1;          // pixels
  i64 min_area = 60;      // pixels
  i64 min_side = 6;       // pixels
  double overlap = 0.5;
  i64 gap = 5;            // frames
  i64 min_length = 12;    // frames
};

// Tracks of all clips, clip by clip, in order of their first frames. Throws nacre::Error.
NACRE_INLINE std::vector<Track> track_objects(const Clips& clips, const TrackerOptions& options = {});

// The steps.
NACRE_INLINE Tensor<u8> median_background(const Clips& clips, i64 clip, i64 samples);
NACRE_INLINE Tensor<u8> foreground(const Picture& frame, const Tensor<u8>& background, int threshold);
NACRE_INLINE Tensor<u8> close_mask(const Tensor<u8>& mask, i64 radius);
NACRE_INLINE std::vector<Box> connected_boxes(const Tensor<u8>& mask, i64 min_area, i64 min_side = 1);
NACRE_INLINE std::vector<Track> link_boxes(const std::vector<std::vector<Box>>& frames, i64 clip,
                                           const TrackerOptions& options);
NACRE_INLINE double overlap(const Box& a, const Box& b);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/tracker_impl.hpp>
#endif
