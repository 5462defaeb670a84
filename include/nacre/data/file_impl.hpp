// Definitions of data/file.hpp (POSIX).
#pragma once

#include <nacre/data/file.hpp>
#include <nacre/io/file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <sys/stat.h>

namespace nacre::data {

NACRE_INLINE bool is_directory(const std::string& path) {
  struct stat s;
  return ::stat(path.c_str(), &s) == 0 && S_ISDIR(s.st_mode);
}
NACRE_INLINE bool is_file(const std::string& path) {
  struct stat s;
  return ::stat(path.c_str(), &s) == 0 && S_ISREG(s.st_mode);
}

NACRE_INLINE std::vector<std::string> list_directory(const std::string& path) {
  std::vector<std::string> names;
  DIR* dir = ::opendir(path.c_str());
  check<DataError>(dir != nullptr, "list_directory", [&] { return path + ": " + std::strerror(errno); });
  while (const dirent* e = ::readdir(dir))
    if (e->d_name[0] != '.') names.emplace_back(e->d_name);
  ::closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

NACRE_INLINE std::vector<std::string> read_lines(const std::string& path) {
  std::vector<std::string> lines(1);
  for (char c : io::read_file(path, u64{1} << 20)) {
    if (c == '\n') lines.emplace_back();
    else if (c != '\r') lines.back() += c;
  }
  lines.erase(std::remove(lines.begin(), lines.end(), std::string()), lines.end());
  return lines;
}

}  // namespace nacre::data
