// Whole files that may be packed by gzip. Needs zlib: link -lz.
//
// Throws DataError. Tested in tests/data/gzip.cpp.
#pragma once

#include <nacre/core/error.hpp>

#include <string>

namespace nacre::data {

// Whether the name ends in .gz.
inline bool gzip_name(const std::string& path) { return path.size() > 3 && path.ends_with(".gz"); }

// The file's bytes; where they begin as gzip does, what is packed in them: one member and nothing after it, its check
// sum right, at most max_bytes.
NACRE_INLINE std::string read_unpacked(const std::string& path, u64 max_bytes = u64{1} << 30);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/gzip_impl.hpp>
#endif
