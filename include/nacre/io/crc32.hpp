// CRC-32 (the polynomial of zlib and PNG, reflected 0xEDB88320), eight bytes a step.
//
//   u32 c = crc32(0, a, n);  c = crc32(c, b, m);   // checksum of a followed by b
//
// Tested in tests/io/checksum.cpp.
#pragma once

#include <nacre/core/config.hpp>

namespace nacre::io {

NACRE_INLINE u32 crc32(u32 crc, const void* data, std::size_t bytes);

}  // namespace nacre::io

#if NACRE_DEFINITIONS
#include <nacre/io/crc32_impl.hpp>
#endif
