// Definitions of data/wav.hpp.
#pragma once

#include <nacre/data/wav.hpp>
#include <nacre/io/file.hpp>

#include <algorithm>
#include <bit>
#include <cmath>

namespace nacre::data {
namespace detail {

// The `size` bytes of a number, least significant first.
inline u32 little_endian(const u8* p, int size) {
  u32 x = 0;
  for (int i = 0; i < size; ++i) x |= u32{p[i]} << (8 * i);
  return x;
}

enum class WavFormat : u32 { pcm = 1, real = 3, extensible = 0xfffe };

// One number to [-1, 1]: PCM of 8 bits is unsigned, all others are signed.
inline float wav_sample(const u8* p, WavFormat format, int bytes) {
  u32 x = little_endian(p, bytes);
  if (format == WavFormat::real) return std::bit_cast<float>(x);
  if (bytes == 1) return (static_cast<float>(x) - 128) / 128;
  auto top = static_cast<std::int32_t>(x << (8 * (4 - bytes)));
  return static_cast<float>(top) * 0x1p-31f;
}

}  // namespace detail

NACRE_INLINE Sound decode_wav(const u8* bytes, std::size_t size, const std::string& name) {
  using detail::WavFormat;
  auto require = [&](bool ok, auto&& what) {
    check<DataError>(ok, "decode_wav", [&] { return name + " " + std::string(what()); });
  };
  auto tag = [&](std::size_t at, const char* four) { return std::equal(four, four + 4, bytes + at); };
  require(size >= 12 && tag(0, "RIFF") && tag(8, "WAVE"), [] { return "is not a WAV file (by its first bytes)"; });
  std::size_t end = std::size_t{detail::little_endian(bytes + 4, 4)} + 8;
  require(12 <= end && end <= size, [&] {
    return "claims " + std::to_string(end) + " bytes and has " + std::to_string(size) + "; it is truncated or corrupt";
  });

  WavFormat format{};
  i64 channels = 0, rate = 0;
  int width = 0;  // bytes of a number
  for (std::size_t at = 12; end - at >= 8;) {
    std::size_t chunk = detail::little_endian(bytes + at + 4, 4), body = at + 8;
    require(chunk <= end - body, [&] {
      return "has a chunk of " + std::to_string(chunk) + " bytes where " + std::to_string(end - body) +
             " are left; it is truncated or corrupt";
    });
    const u8* p = bytes + body;
    if (tag(at, "fmt ")) {
      require(chunk >= 16, [] { return "has a format chunk of less than 16 bytes"; });
      format = static_cast<WavFormat>(detail::little_endian(p, 2));
      channels = detail::little_endian(p + 2, 2);
      rate = detail::little_endian(p + 4, 4);
      u32 block = detail::little_endian(p + 12, 2), bits = detail::little_endian(p + 14, 2);
      if (format == WavFormat::extensible && chunk >= 40)
        format = static_cast<WavFormat>(detail::little_endian(p + 24, 2));
      bool pcm = format == WavFormat::pcm && (bits == 8 || bits == 16 || bits == 24 || bits == 32);
      require(pcm || (format == WavFormat::real && bits == 32), [&] {
        return "holds format " + std::to_string(static_cast<u32>(format)) + " of " + std::to_string(bits) +
               " bits; need PCM (1) of 8, 16, 24 or 32 or float (3) of 32";
      });
      width = static_cast<int>(bits / 8);
      require(1 <= channels && channels <= 64 && block == static_cast<u32>(channels * width), [&] {
        return "has " + std::to_string(channels) + " channels in blocks of " + std::to_string(block) + " bytes";
      });
      require(min_rate <= rate && rate <= max_rate, [&] {
        return "has " + std::to_string(rate) + " samples a second; need " + std::to_string(min_rate) + " to " +
               std::to_string(max_rate);
      });
    } else if (tag(at, "data")) {
      require(width > 0, [] { return "has data before its format"; });
      auto block = static_cast<std::size_t>(channels * width);
      require(chunk > 0 && chunk % block == 0, [&] {
        return "holds " + std::to_string(chunk) + " bytes of data, not a positive multiple of its block of " +
               std::to_string(block);
      });
      require(chunk / static_cast<std::size_t>(width) <= std::size_t{max_samples},
              [] { return "holds more than " + std::to_string(max_samples) + " samples"; });
      Tensor<float> frames({static_cast<i64>(chunk / block), channels});
      bool finite = true;
      for (float& x : frames.span()) {
        x = detail::wav_sample(p, format, width);
        finite = finite && std::isfinite(x);
        p += width;
      }
      require(finite, [] { return "holds samples that are not finite"; });
      return {mix_down(frames), rate};
    }
    at = std::min(body + chunk + chunk % 2, end);  // chunks start at even places
  }
  require(false, [] { return "holds no data chunk"; });
  return {};
}

NACRE_INLINE Sound read_wav(const std::string& path) {
  std::string bytes = io::read_file(path, u64{1} << 30);
  return decode_wav(reinterpret_cast<const u8*>(bytes.data()), bytes.size(), path);
}

NACRE_INLINE void write_wav(const std::string& path, const Sound& sound) {
  u64 data = 2 * static_cast<u64>(sound.samples.size());
  check(data > 0 && data < u64{1} << 31 && min_rate <= sound.rate && sound.rate <= max_rate, "write_wav", [&] {
    return "samples are " + sound.samples.shape().str() + " at " + std::to_string(sound.rate) +
           " a second; need 1 to 2^30 at " + std::to_string(min_rate) + " to " + std::to_string(max_rate);
  });
  std::string out;
  auto put = [&](u64 x, int size) {
    for (int i = 0; i < size; ++i) out += static_cast<char>(x >> (8 * i) & 255);
  };
  auto rate = static_cast<u64>(sound.rate);
  out += "RIFF", put(36 + data, 4), out += "WAVEfmt ", put(16, 4);
  put(1, 2), put(1, 2), put(rate, 4), put(2 * rate, 4), put(2, 2), put(16, 2);
  out += "data", put(data, 4);
  for (float x : sound.samples.span())
    put(static_cast<u64>(std::lround(std::clamp(x, -1.f, 32767.f / 32768) * 32768)), 2);
  io::replace_file(path, out);
}

}  // namespace nacre::data
