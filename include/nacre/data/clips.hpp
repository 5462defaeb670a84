// Clips: a set of videos. Their frames lie one after another in one set of pictures; a clip is a range of them.
//
//   Clips clips = make_clips({read_y4m("a.y4m"), read_y4m("b.y4m")});
//   clips.frames[i]         the picture of frame i, [H, W, C]: any view, loader or evaluation reads it as a picture
//   clips.clip_of(i)        which clip it belongs to; its number in that clip is i - clips[c].begin
//
// frames.labels holds the clip of each frame, and frames.classes the clips' names: what retrieval is scored by.
// Sets are dense where all clips have one size, otherwise ragged (data/dataset.hpp).
// Throws nacre::Error. Tested in tests/data/clips.cpp.
#pragma once

#include <nacre/data/dataset.hpp>

namespace nacre::data {

// One video in memory.
struct Video {
  Tensor<u8> frames;  // [n, H, W, C], C 1 or 3
  std::string name;
  double fps = 0;     // of the frames kept; 0: not known
};

// What a reader keeps of a file.
struct VideoOptions {
  i64 every = 1;    // keeps frames 0, every, 2 every, ..
  i64 side = 0;     // pixels: a longer side above it shrinks to it; 0: no limit
  i64 frames = 0;   // at most so many are kept; 0: all
  i64 budget = i64{2} << 30;  // bytes of the kept frames; more is an error
};

struct Clip {
  i64 begin = 0, end = 0;  // frames [begin, end) of the set
  std::string name = {};
  double fps = 0;
  i64 size() const { return end - begin; }
};

struct Clips {
  Images frames;
  std::vector<Clip> clips;  // one after another: the first begins at 0, the last ends at frames.size()

  i64 size() const { return static_cast<i64>(clips.size()); }
  const Clip& operator[](i64 c) const { return clips[static_cast<std::size_t>(c)]; }
  NACRE_INLINE i64 clip_of(i64 frame) const;
};

// Copies the videos into one set. Every video has at least one frame; all have the same number of channels.
NACRE_INLINE Clips make_clips(const std::vector<Video>& videos, const std::string& name = "clips");

// The frames [from, to) of every clip, as fractions of its length: part(c, 0, .7) trains, part(c, .7, 1) is held out.
// Clips that come out empty are left out.
NACRE_INLINE Clips part(const Clips& clips, double from, double to);

// Every clip cut into clips of `length` frames, named NAME:0, NAME:1, ..; a shorter rest is left out.
NACRE_INLINE Clips cut_clips(const Clips& clips, i64 length);

// One clip a label, from pictures already in clip order: labels must be 0, 0, .., 1, 1, .., and classes name them.
NACRE_INLINE Clips clips_of_labels(Images frames, double fps = 0);

// [H, W] scaled so that its longer side is at most `side` pixels (0: no limit), each at least 1.
NACRE_INLINE Shape fitted(i64 height, i64 width, i64 side);

// [H, W, C] shrunk to [h, w, C], h <= H and w <= W: each output is the mean over the area it covers.
NACRE_INLINE Tensor<u8> shrink_area(const Tensor<u8>& picture, i64 height, i64 width);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/clips_impl.hpp>
#endif
