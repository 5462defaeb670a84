// Videos and sounds of any kind that FFmpeg's libraries (5.1 or newer) decode: .mp4, .avi, .webm, .ogg, .mp3, ..
//
// Optional: the component nacre::ffmpeg; without CMake link -lavformat -lavcodec -lswscale -lavutil -lz. A file whose
// name ends in .gz is unpacked in memory first. Nothing but the named file is opened, and FFmpeg prints nothing
// meanwhile. A packet that does not decode is an error: there are no frames with holes. But a file that was cut short
// reads as a shorter one where its container cannot tell.
// Throws DataError naming the file. Tested in tests/data/ffmpeg.cpp.
#pragma once

#include <nacre/data/clips.hpp>

namespace nacre::data {

// The first video stream as RGB [n, H, W, 3]; shrinking is area averaging. A stored rotation is not applied.
NACRE_INLINE Video read_video(const std::string& path, const VideoOptions& options = {});

struct DecodedSound {
  Tensor<float> samples;  // [n], the mean of the channels, full scale 1
  i64 rate = 0;           // samples a second
};

// The first sound stream, at its own rate; at most `seconds` of it.
NACRE_INLINE DecodedSound decode_sound(const std::string& path, double seconds = 3600);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/ffmpeg_impl.hpp>
#endif
