// Definitions of io/crc32.hpp.
#pragma once

#include <nacre/io/crc32.hpp>

#include <cstring>

namespace nacre::io {

namespace detail {

struct CrcTables {
  u32 t[8][256];  // t[k][b]: byte b followed by k zero bytes
  CrcTables() {
    for (u32 b = 0; b < 256; ++b) {
      u32 c = b;
      for (int i = 0; i < 8; ++i) c = (c >> 1) ^ (c & 1 ? 0xEDB88320u : 0u);
      t[0][b] = c;
    }
    for (int k = 1; k < 8; ++k)
      for (u32 b = 0; b < 256; ++b) t[k][b] = (t[k - 1][b] >> 8) ^ t[0][t[k - 1][b] & 255];
  }
};

}  // namespace detail

NACRE_INLINE u32 crc32(u32 crc, const void* data, std::size_t bytes) {
  static const detail::CrcTables tables;
  const auto& t = tables.t;
  const u8* p = static_cast<const u8*>(data);
  u32 c = ~crc;
  for (; bytes >= 8; p += 8, bytes -= 8) {
    u32 a, b;
    std::memcpy(&a, p, 4);
    std::memcpy(&b, p + 4, 4);
    a ^= c;
    c = t[7][a & 255] ^ t[6][(a >> 8) & 255] ^ t[5][(a >> 16) & 255] ^ t[4][a >> 24] ^
        t[3][b & 255] ^ t[2][(b >> 8) & 255] ^ t[1][(b >> 16) & 255] ^ t[0][b >> 24];
  }
  for (; bytes > 0; ++p, --bytes) c = (c >> 8) ^ t[0][(c ^ *p) & 255];
  return ~c;
}

}  // namespace nacre::io
