// A picture and what is heard with it: an augmented view, and windows of the picture's log-mel spectrogram.
//
//   image  [B, S, S, C]            one augmented view
//   sound  [V B, F, mels, 1]       view 0: a window of the sound that belongs to the picture. V is 2 with `shift`
//                                  (AVTS): view 1 is a window of the same recording at least so many frames away
//   clip   [B]                     the source: pictures of one source have the same number
//   frame  [V B]                   first frame of each window
//
// A still picture's window is drawn from one of its recordings, uniformly over its starts; a shorter recording lies
// anywhere in its window. A video's window is centred on the moment of its picture. Masks replace a run of frames and
// a run of bands by 0, the mean (SpecAugment, Park et al., 2019). Every draw is a pure function of the key.
// Throws nacre::Error. Tested in tests/pretext/sound_views.cpp.
#pragma once

#include <nacre/data/augment.hpp>
#include <nacre/data/batch.hpp>
#include <nacre/data/recordings.hpp>

namespace nacre::pretext {

struct SoundViews {
  i64 image = 32;                          // S, pixels
  i64 frames = 96;                         // F, about a second
  data::Augment augment = data::simclr();  // of the picture
  double until = 1;                        // stills: starts lie in this first part of all; the rest can be held out
  i64 shift = 0;                           // frames; > 0: view 1 stands at least so far from view 0; videos only
  i64 mask_frames = 0, mask_mels = 0;      // the longest run that is masked; 0: none

  data::Recordings sounds{};  // measured; picture i of the loader's set is its picture i

  i64 views() const { return shift > 0 ? 2 : 1; }

  void prepare(Batch& b, i64 batch, i64 channels) const {
    data::reuse(b.image, {batch, image, image, channels});
    data::reuse(b.sound, {views() * batch, frames, sounds.mels(), 1});
    data::reuse(b.clip, {batch});
    data::reuse(b.frame, {views() * batch});
  }
  NACRE_INLINE void fill(Batch& b, i64 row, const data::Picture& picture, const data::Normalization& normalization,
                         Key key) const;
};

// Checked options. A video that is shorter than two shifts has no window far enough from its middle: nacre::Error.
NACRE_INLINE SoundViews sound_views(SoundViews options);

}  // namespace nacre::pretext

#if NACRE_DEFINITIONS
#include <nacre/pretext/sound_views_impl.hpp>
#endif
