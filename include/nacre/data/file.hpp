// Whole files and folder listings for the readers: sizes are looked at before anything is allocated.
//
// Throws DataError naming the path. Tested in tests/data/file.cpp.
#pragma once

#include <nacre/core/error.hpp>

#include <string>
#include <vector>

namespace nacre::data {

// The bytes of a regular file of at most max_bytes.
NACRE_INLINE std::vector<u8> read_file(const std::string& path, u64 max_bytes = u64{1} << 32);

NACRE_INLINE bool is_directory(const std::string& path);
NACRE_INLINE bool is_file(const std::string& path);
NACRE_INLINE u64 file_size(const std::string& path);

// Names in a folder, without . and .., sorted by bytes; hidden names (leading dot) are left out.
NACRE_INLINE std::vector<std::string> list_directory(const std::string& path);

// The lines of a small text file without their ends, empty lines dropped (class names).
NACRE_INLINE std::vector<std::string> read_lines(const std::string& path);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/file_impl.hpp>
#endif
