// The errors of the library: one sentence with the operation, the shapes by argument name and the rule.
//
// Every check is on in every build. The library never prints and never exits; a program maps the type of
// the error to its exit code (`exit_code`). Tested in tests/core/error.cpp.
#pragma once

#include <nacre/core/config.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace nacre {

// Wrong use: shapes, options, arguments.
struct Error : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};
// Missing, truncated, lying or corrupt input.
struct DataError : Error {
  using Error::Error;
};
// A loss, gradient or weight is NaN or infinite.
struct NonFiniteError : Error {
  using Error::Error;
};
// The embeddings have shrunk to a point or a line.
struct CollapseError : Error {
  using Error::Error;
};
// A file cannot be written (disk full, no permission, ...).
struct WriteError : Error {
  using Error::Error;
};

// The exit codes of the program; the run-out-of-memory code 7 belongs to std::bad_alloc.
inline int exit_code(const Error& e) {
  if (dynamic_cast<const DataError*>(&e)) return 3;
  if (dynamic_cast<const NonFiniteError*>(&e)) return 4;
  if (dynamic_cast<const CollapseError*>(&e)) return 5;
  if (dynamic_cast<const WriteError*>(&e)) return 6;
  return 2;
}

template <class E = Error>
[[noreturn, gnu::cold, gnu::noinline]] void fail(std::string_view op, std::string_view what) {
  throw E(std::string(op) + ": " + std::string(what));
}

template <class E, class Text>
[[noreturn, gnu::cold, gnu::noinline]] void fail_with(std::string_view op, const Text& text) {
  fail<E>(op, std::string(text()));
}

// check(ok, "matmul", [&] { return "inner dimensions differ: a is " + ...; }): the text is built only on failure.
template <class E = Error, class Text>
void check(bool ok, std::string_view op, Text&& text) {
  if (!ok) [[unlikely]] fail_with<E>(op, text);
}

}  // namespace nacre
