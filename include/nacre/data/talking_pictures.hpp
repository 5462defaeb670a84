// Pictures and their sounds from a folder, at any depth: name.png with name.wav, name_TAG.ogg, ..
//
//   penny.png  penny_desc.ogg  penny_desc_fr.ogg      one picture, recordings tagged "desc" and "desc_fr"
//
// Pictures are .png, .jpg, .jpeg, sounds .wav, .ogg, .flac; a sound belongs to the longest name that fits. Debian's
// tuxpaint-stamps-default is such a folder: some 800 pictures with their spoken names in ten languages.
// Which codecs are linked is the caller's choice, by the functions it hands over:
//
//   auto stamps = talking_pictures("/usr/share/tuxpaint/stamps", read_image, read_sound);
//
// Throws DataError. Tested in tests/data/talking_pictures.cpp.
#pragma once

#include <nacre/data/dataset.hpp>
#include <nacre/data/recordings.hpp>

#include <utility>

namespace nacre::data {

using DecodeSound = Sound (*)(const std::string& file);

struct TalkingPictures {
  Images pictures;                   // [N, side, side, 3]
  Recordings sounds;                 // of[i]: those of picture i, not empty
  std::vector<std::string> names;    // of pictures: the file's path without its ending
  std::vector<std::string> tags;     // of recordings
  std::vector<std::string> skipped;  // files that could not be read, with the reason
};

struct TalkingOptions {
  i64 side = 64;                         // pixels: whole pictures are brought to a square
  LogMel mel{};
  double seconds = 10;                   // of a longer sound, the beginning
  std::vector<std::string> tags{};       // the recordings to read; empty: all
  i64 most = 0;                          // pictures, evenly spread over the folder's; 0: all
};

// Pictures without a readable sound are left out. DataError when nothing is left.
NACRE_INLINE TalkingPictures talking_pictures(const std::string& folder, Decode picture, DecodeSound sound,
                                              const TalkingOptions& options = {});

// Recordings with one of the tags apart from all others: {kept, held out}. Both hold the same pictures in the same
// order, those with recordings on either side, and normalise by the mean and std of the kept ones.
NACRE_INLINE std::pair<TalkingPictures, TalkingPictures> hold_out(const TalkingPictures& all,
                                                                  const std::vector<std::string>& tags);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/talking_pictures_impl.hpp>
#endif
