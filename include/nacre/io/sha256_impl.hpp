// Definitions of io/sha256.hpp.
#pragma once

#include <nacre/io/sha256.hpp>

#include <bit>
#include <cstring>

namespace nacre::io {

namespace detail {
inline constexpr u32 sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
}

NACRE_INLINE void Sha256::block(const u8* p) {
  u32 w[64];
  for (int i = 0; i < 16; ++i)
    w[i] = u32{p[4 * i]} << 24 | u32{p[4 * i + 1]} << 16 | u32{p[4 * i + 2]} << 8 | u32{p[4 * i + 3]};
  for (int i = 16; i < 64; ++i) {
    u32 s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    u32 s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  u32 s[8];
  std::memcpy(s, state_, sizeof s);
  for (int i = 0; i < 64; ++i) {
    u32 s1 = std::rotr(s[4], 6) ^ std::rotr(s[4], 11) ^ std::rotr(s[4], 25);
    u32 t1 = s[7] + s1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + detail::sha256_k[i] + w[i];
    u32 s0 = std::rotr(s[0], 2) ^ std::rotr(s[0], 13) ^ std::rotr(s[0], 22);
    u32 t2 = s0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    for (int k = 7; k > 0; --k) s[k] = s[k - 1];
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (int k = 0; k < 8; ++k) state_[k] += s[k];
}

NACRE_INLINE void Sha256::update(const void* data, std::size_t bytes) {
  const u8* p = static_cast<const u8*>(data);
  std::size_t filled = bytes_ % 64;
  bytes_ += bytes;
  while (bytes > 0) {
    if (filled == 0 && bytes >= 64) {
      block(p);
      p += 64, bytes -= 64;
      continue;
    }
    std::size_t n = 64 - filled < bytes ? 64 - filled : bytes;
    std::memcpy(pending_ + filled, p, n);
    p += n, bytes -= n, filled += n;
    if (filled == 64) {
      block(pending_);
      filled = 0;
    }
  }
}

NACRE_INLINE std::string Sha256::hex() const {
  Sha256 h = *this;  // padding goes into a copy
  u64 bits = bytes_ * 8;
  const u8 one = 0x80, zero = 0;
  h.update(&one, 1);
  while (h.bytes_ % 64 != 56) h.update(&zero, 1);
  u8 length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<u8>(bits >> (56 - 8 * i));
  h.update(length, 8);
  std::string out;
  for (u32 word : h.state_)
    for (int shift = 28; shift >= 0; shift -= 4) out += "0123456789abcdef"[(word >> shift) & 15];
  return out;
}

}  // namespace nacre::io
