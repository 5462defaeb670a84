// What tests of pages look for in HTML.
#pragma once

#include <nacre/core/config.hpp>

#include <string>
#include <vector>

namespace nacre::test {

inline bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
inline i64 count(const std::string& text, std::string_view part) {
  i64 n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Every element that is opened is closed, in order; attributes are quoted.
inline bool well_formed(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t i = html.find('<'); i != std::string::npos; i = html.find('<', i)) {
    std::size_t end = html.find('>', i);
    if (end == std::string::npos) return false;
    std::string tag = html.substr(i + 1, end - i - 1);
    i = end;
    std::string name = tag.substr(0, tag.find(' '));
    if (name == "!doctype" || name == "meta" || name == "img" || name == "br" || tag.back() == '/') continue;
    if (count(tag, "\"") % 2) return false;
    if (name[0] != '/') {
      open.push_back(name);
    } else {
      if (open.empty() || "/" + open.back() != name) return false;
      open.pop_back();
    }
  }
  return open.empty();
}

}  // namespace nacre::test
