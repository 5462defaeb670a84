// SHA-256 (FIPS 180-4): names a file or a set of weights by its content.
//
//   Sha256 h;  h.update(p, n);  h.hex();   // 64 lower-case digits
//
// Tested in tests/io/checksum.cpp.
#pragma once

#include <nacre/core/config.hpp>

#include <string>
#include <string_view>

namespace nacre::io {

class Sha256 {
 public:
  NACRE_INLINE void update(const void* data, std::size_t bytes);
  void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }
  NACRE_INLINE std::string hex() const;  // of everything so far; more may follow

 private:
  NACRE_INLINE void block(const u8* p);  // 64 bytes

  u32 state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  u8 pending_[64] = {};
  u64 bytes_ = 0;
};

inline std::string sha256(std::string_view bytes) {
  Sha256 h;
  h.update(bytes);
  return h.hex();
}

}  // namespace nacre::io

#if NACRE_DEFINITIONS
#include <nacre/io/sha256_impl.hpp>
#endif
