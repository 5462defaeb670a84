// Clips from folders of frames: DIR/CLIP/*.png or *.jpg, in byte order of the names (so number them 0001, 0002, ..).
//
// Frames that need more than `budget` bytes decoded stay in their files (data/open.hpp). Needs what data/open.hpp
// needs: -lz -lpng -ljpeg. Throws DataError. Tested in tests/data/clips.cpp.
#pragma once

#include <nacre/data/clips.hpp>

namespace nacre::data {

// Grey frames become RGB. A folder without pictures is no clip; a frame that cannot be read is an error.
NACRE_INLINE Clips open_clips(const std::string& dir, i64 budget = i64{4} << 30);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/clip_folder_impl.hpp>
#endif
