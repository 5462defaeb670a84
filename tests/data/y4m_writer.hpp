// Y4M files for tests: a header, and frames whose bytes are waves.
#pragma once

#include <nacre/core/config.hpp>

#include <cmath>
#include <string>

namespace nacre_test {

inline std::string y4m(const std::string& header, int frames, nacre::i64 frame_bytes) {
  std::string out = "YUV4MPEG2 " + header + "\n";
  for (int f = 0; f < frames; ++f) {
    out += "FRAME\n";
    for (nacre::i64 i = 0; i < frame_bytes; ++i)
      out += static_cast<char>(static_cast<unsigned char>(128 + 20 * std::sin(0.004 * double(i) + f)));
  }
  return out;
}

}  // namespace nacre_test
