// Folder listings and small text files for the readers (io/file.hpp reads and writes whole files).
//
// Throws DataError naming the path. Tested in tests/data/file.cpp.
#pragma once

#include <nacre/core/error.hpp>

#include <string>
#include <vector>

namespace nacre::data {

NACRE_INLINE bool is_directory(const std::string& path);
NACRE_INLINE bool is_file(const std::string& path);

// Names in a folder, sorted by bytes; hidden names (leading dot) are left out.
NACRE_INLINE std::vector<std::string> list_directory(const std::string& path);

// The lines of a text file of at most 1 MiB, without their ends and without empty ones (class names).
NACRE_INLINE std::vector<std::string> read_lines(const std::string& path);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/file_impl.hpp>
#endif
