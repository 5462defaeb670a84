// Y4M: uncompressed video, 8 bits, 4:2:0, 4:2:2, 4:4:4 or mono; `ffmpeg -i film.mp4 film.y4m` writes it. Needs no
// library.
//
//   "YUV4MPEG2 W64 H48 F25:1 Ip C420jpeg\n", then a frame after another: "FRAME\n", the planes Y, U, V
//   R = y + 1.402 v    G = y - .344136 u - .714136 v    B = y + 1.772 u       (BT.601; u, v from -.5 to .5)
//   y = (Y - 16) / 219, u = (U - 128) / 224;  with XCOLORRANGE=FULL y = Y / 255, u = (U - 128) / 255
//
// A pixel takes the nearest sample of U and V. Interlaced video and more than 8 bits are refused. A file must end with
// its last frame, and its size is compared with the header before anything is allocated.
// Throws DataError. Tested in tests/data/y4m.cpp.
#pragma once

#include <nacre/data/clips.hpp>

namespace nacre::data {

// RGB [n, H, W, 3]; of a mono file all three are equal.
NACRE_INLINE Video read_y4m(const std::string& path, const VideoOptions& options = {});

// The same of a file in memory; `name` stands in error messages.
NACRE_INLINE Video parse_y4m(std::string bytes, const std::string& name, const VideoOptions& options = {});

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/y4m_impl.hpp>
#endif
