// Files of safetensors by hand, and what the reader says of them.
#pragma once

#include <nacre/io/safetensors.hpp>

#include "scratch.hpp"

namespace scratch {

inline std::string raw(const std::string& header, const std::string& data = "") {
  nacre::u64 n = header.size();
  return std::string(reinterpret_cast<const char*>(&n), 8) + header + data;
}
inline std::string length(nacre::u64 n) { return {reinterpret_cast<const char*>(&n), 8}; }
inline std::string refusal(const std::string& bytes) {
  return error<nacre::DataError>([&] { nacre::io::SafeTensors::parse(bytes, "x.safetensors"); });
}

}  // namespace scratch
