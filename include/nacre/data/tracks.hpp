// Tracks: where an object is in each of a run of frames; and the patches of a track as a clip of their own.
//
//   Clips patches = track_clips(clips, tracks, 32);      clip t holds track t, frame by frame, [n, 32, 32, C]
//
// A track has one box a frame, without gaps. Tracks come from data/tracker.hpp or from a CSV file:
//
//   clip,track,frame,x,y,width,height        the first line; then whole numbers, one box a line
//
// clip counts in the set, frame in the clip, from 0; x, y is the upper left pixel. Lines of different tracks may mix;
// those of one track go from frame to next frame. A box must lie inside its picture.
// Throws DataError naming the line. Tested in tests/data/tracks.cpp.
#pragma once

#include <nacre/data/augment.hpp>
#include <nacre/data/clips.hpp>

namespace nacre::data {

struct Track {
  i64 clip = 0, first = 0;  // of which clip, from which of its frames on
  std::vector<Box> boxes;   // one a frame

  i64 size() const { return static_cast<i64>(boxes.size()); }
};

// In order of first appearance.
NACRE_INLINE std::vector<Track> read_tracks(const std::string& path, const Clips& clips);
NACRE_INLINE void write_tracks(const std::string& path, const std::vector<Track>& tracks);

// The boxes cut out and resized to a square, whatever their shape.
NACRE_INLINE Clips track_clips(const Clips& clips, const std::vector<Track>& tracks, i64 size);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/tracks_impl.hpp>
#endif
