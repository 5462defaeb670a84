// Sounds through libsndfile: FLAC, Ogg (Vorbis, Opus), AIFF, WAV and what else it knows; link -lsndfile.
//
// Optional: the component nacre::sndfile. Channels are mixed down; memory grows with what is decoded, not with what a
// header claims. Throws DataError naming the file. Tested in tests/data/sndfile.cpp.
#pragma once

#include <nacre/data/sound.hpp>

#include <string>

namespace nacre::data {

NACRE_INLINE Sound read_sound(const std::string& path);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/sndfile_impl.hpp>
#endif
