// What the tests of io share: a directory that goes away, whole files, and the text of an error.
#pragma once

#include <nacre/io/file.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace scratch {

struct Directory {
  std::string path;
  Directory() {
    const char* base = std::getenv("TMPDIR");
    path = std::string(base ? base : "/tmp") + "/nacre_io_XXXXXX";
    if (!::mkdtemp(path.data())) throw std::runtime_error("no scratch directory");
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
  int files() const {
    return static_cast<int>(
        std::distance(std::filesystem::directory_iterator(path), std::filesystem::directory_iterator()));
  }
};

inline std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void put(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

// The text of the E that f throws; "" when it throws nothing. Other exceptions fail the test.
template <class E, class F>
std::string error(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "";
}

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace scratch
