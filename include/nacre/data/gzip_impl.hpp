// Definitions of data/gzip.hpp.
#pragma once

#include <nacre/data/gzip.hpp>
#include <nacre/io/file.hpp>

#include <algorithm>

#include <zlib.h>

namespace nacre::data {

NACRE_INLINE std::string read_unpacked(const std::string& path, u64 max_bytes) {
  std::string packed = io::read_file(path, max_bytes);
  if (packed.size() < 2 || packed[0] != '\x1f' || packed[1] != '\x8b') return packed;
  struct Stream {
    z_stream z{};
    ~Stream() { inflateEnd(&z); }
  } s;
  check<DataError>(inflateInit2(&s.z, 15 + 16) == Z_OK, "gunzip", [] { return std::string("zlib cannot start"); });
  std::string out, piece(std::size_t{1} << 20, '\0');
  std::size_t given = 0;  // zlib counts in 32 bits: bytes go in by pieces, too
  int result = Z_OK;
  while (result == Z_OK) {
    if (s.z.avail_in == 0) {
      std::size_t n = std::min(packed.size() - given, std::size_t{1} << 30);
      check<DataError>(n > 0, "gunzip", [&] { return path + " ends before its data does; it is truncated"; });
      s.z.next_in = reinterpret_cast<Bytef*>(packed.data() + given);
      s.z.avail_in = static_cast<uInt>(n);
      given += n;
    }
    s.z.next_out = reinterpret_cast<Bytef*>(piece.data());
    s.z.avail_out = static_cast<uInt>(piece.size());
    result = inflate(&s.z, Z_NO_FLUSH);
    out.append(piece, 0, piece.size() - s.z.avail_out);
    check<DataError>(out.size() <= max_bytes, "gunzip",
                     [&] { return path + " holds more than " + std::to_string(max_bytes) + " bytes unpacked"; });
  }
  check<DataError>(result == Z_STREAM_END, "gunzip", [&] {
    return path + " is not valid gzip (" + (s.z.msg ? s.z.msg : "corrupt") + ")";
  });
  check<DataError>(s.z.avail_in == 0 && given == packed.size(), "gunzip",
                   [&] { return path + " has bytes after its end"; });
  return out;
}

}  // namespace nacre::data
