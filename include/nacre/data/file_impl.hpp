// Definitions of data/file.hpp (POSIX).
#pragma once

#include <nacre/data/file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

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
NACRE_INLINE u64 file_size(const std::string& path) {
  struct stat s;
  check<DataError>(::stat(path.c_str(), &s) == 0, "read_file", [&] {
    return path + ": " + std::strerror(errno) + "; check the path";
  });
  check<DataError>(S_ISREG(s.st_mode), "read_file", [&] { return path + " is not a regular file"; });
  return static_cast<u64>(s.st_size);
}

NACRE_INLINE std::vector<u8> read_file(const std::string& path, u64 max_bytes) {
  u64 size = file_size(path);
  check<DataError>(size <= max_bytes, "read_file", [&] {
    return path + " has " + std::to_string(size) + " bytes, more than the limit of " + std::to_string(max_bytes);
  });
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> f(std::fopen(path.c_str(), "rb"), std::fclose);
  check<DataError>(f != nullptr, "read_file", [&] { return path + ": " + std::strerror(errno); });
  std::vector<u8> bytes(size);
  check<DataError>(std::fread(bytes.data(), 1, size, f.get()) == size, "read_file", [&] {
    return path + " could not be read to its end; the file changed or the disk fails";
  });
  return bytes;
}

NACRE_INLINE std::vector<std::string> list_directory(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
  check<DataError>(dir != nullptr, "list_directory", [&] { return path + ": " + std::strerror(errno); });
  std::vector<std::string> names;
  while (const dirent* e = ::readdir(dir.get()))
    if (e->d_name[0] != '.') names.emplace_back(e->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

NACRE_INLINE std::vector<std::string> read_lines(const std::string& path) {
  std::vector<std::string> lines(1);
  for (u8 b : read_file(path, u64{1} << 20)) {
    if (b == '\n') lines.emplace_back();
    else if (b != '\r') lines.back() += static_cast<char>(b);
  }
  lines.erase(std::remove(lines.begin(), lines.end(), std::string()), lines.end());
  return lines;
}

}  // namespace nacre::data
