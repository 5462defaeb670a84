// Definitions of io/npy.hpp.
#pragma once

#include <nacre/io/json.hpp>
#include <nacre/io/npy.hpp>

namespace nacre::io {

namespace detail {

struct NpyType {
  const char* text;
  DType dtype;
};
inline constexpr NpyType npy_types[] = {
    {"|u1", DType::u8}, {"<i4", DType::i32}, {"<i8", DType::i64}, {"<f4", DType::f32}, {"<f8", DType::f64}};

inline constexpr std::string_view npy_magic = "\x93NUMPY";

// The header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, spaces, newline.
struct NpyHeader {
  std::string_view text;
  const std::string& file;
  u64 first_byte;  // where the text stands in the file
  std::size_t at = 0;

  [[noreturn]] void refuse(const std::string& why) const {
    fail<DataError>("npy", file + ": header, byte " + std::to_string(first_byte + at) + ": " + json::printable(why));
  }
  char peek() {
    while (at < text.size() && text[at] == ' ') ++at;
    return at < text.size() ? text[at] : '\0';
  }
  bool take(char c) {
    if (peek() != c || at == text.size()) return false;
    ++at;
    return true;
  }
  void expect(char c) {
    if (!take(c)) refuse(std::string("'") + c + "' was expected");
  }
  std::string_view word(auto in_word) {
    peek();
    std::size_t from = at;
    while (at < text.size() && in_word(text[at])) ++at;
    return text.substr(from, at - from);
  }
  std::string_view string() {
    char quote = take('\'') ? '\'' : '"';
    if (quote == '"' && !take('"')) refuse("a string was expected");
    std::string_view s = text.substr(at, text.find(quote, at) - at);
    if (at + s.size() >= text.size()) refuse("a string does not end");
    at += s.size() + 1;
    return s;
  }
  Shape shape() {
    i64 extents[Shape::max_rank];
    int rank = 0;
    expect('(');
    while (!take(')')) {
      std::string_view digits = word([](char c) { return c >= '0' && c <= '9'; });
      u64 x = 0;
      bool superfluous_zero = digits.size() > 1 && digits[0] == '0';
      if (superfluous_zero || !json::parse_u64(digits, x) || x >= u64{1} << 62)
        refuse("the shape holds no valid extent");
      if (rank == Shape::max_rank) refuse("more than 6 dimensions");
      extents[rank++] = static_cast<i64>(x);
      if (take(',')) continue;
      if (rank == 1 && peek() == ')') refuse("a shape of one extent needs a comma");
      expect(')');
      break;
    }
    i64 size = 8;  // the widest element
    for (int i = 0; i < rank; ++i)
      if (__builtin_mul_overflow(size, extents[i], &size) || size >= i64{1} << 62) refuse("the shape's size overflows");
    return Shape(extents, rank);
  }
};

}  // namespace detail

NACRE_INLINE Npy Npy::open(const std::string& path) {
  Npy n(Source::open(path));
  n.read_header();
  return n;
}

NACRE_INLINE Npy Npy::parse(std::string bytes, std::string name) {
  Npy n(Source::memory(std::move(bytes), std::move(name)));
  n.read_header();
  return n;
}

NACRE_INLINE void Npy::read_header() {
  auto refuse = [&](const std::string& why) { fail<DataError>("npy", source_.name() + ": " + why); };
  char start[12] = {};
  u64 size = source_.size();
  source_.read(0, start, size < 12 ? static_cast<std::size_t>(size) : 12);
  if (size < 10 || std::string_view(start, 6) != detail::npy_magic) refuse("is not a .npy file");
  int version = start[6];
  if (version < 1 || version > 3 || start[7] != 0)
    refuse("version " + std::to_string(version) + "." + std::to_string(start[7]) + " is not 1.0, 2.0 or 3.0");
  u64 first = version == 1 ? 10 : 12, length = 0;
  if (size < first) refuse("is truncated before its header");
  std::memcpy(&length, start + 8, version == 1 ? 2 : 4);
  if (length > max_header) refuse("the header's length " + std::to_string(length) + " is above 10000");
  if (length > size - first) refuse("the header's length " + std::to_string(length) + " reaches beyond the file's end");
  std::string text(static_cast<std::size_t>(length), '\0');
  source_.read(first, text.data(), text.size());
  data_begin_ = first + length;
  if (text.empty() || text.back() != '\n') refuse("the header does not end with a newline");
  text.pop_back();

  detail::NpyHeader in{text, source_.name(), first};
  bool has_descr = false, has_order = false, has_shape = false;
  in.expect('{');
  while (!in.take('}')) {
    std::string_view key = in.string();
    bool* seen = key == "descr"           ? &has_descr
                 : key == "fortran_order" ? &has_order
                 : key == "shape"         ? &has_shape
                                          : nullptr;
    if (!seen) in.refuse("unknown key '" + std::string(key) + "'");
    if (*seen) in.refuse("the key '" + std::string(key) + "' stands twice");
    *seen = true;
    in.expect(':');
    if (seen == &has_descr) {
      if (in.peek() != '\'' && in.peek() != '"') in.refuse("only plain element types are supported");
      std::string_view descr = in.string();
      bool known = false;
      for (const auto& t : detail::npy_types)
        if (descr == t.text) dtype_ = t.dtype, known = true;
      if (!known)
        in.refuse("the element type '" + std::string(descr) +
                  "' is not one of |u1 <i4 <i8 <f4 <f8 (convert with astype)");
    } else if (seen == &has_order) {
      std::string_view word = in.word([](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
      if (word == "True") in.refuse("the array is in Fortran order (save numpy.ascontiguousarray of it)");
      if (word != "False") in.refuse("fortran_order must be True or False");
    } else {
      shape_ = in.shape();
    }
    if (in.take(',')) continue;
    in.expect('}');
    break;
  }
  if (in.peek() != 0 || in.at != text.size()) in.refuse("something follows the dictionary");
  if (!has_descr || !has_order || !has_shape)
    in.refuse(std::string("the key '") + (!has_descr ? "descr" : !has_order ? "fortran_order" : "shape") +
              "' is missing");

  u64 bytes = static_cast<u64>(shape_.size()) * size_of(dtype_), data = size - data_begin_;
  if (bytes != data)
    refuse("the shape " + shape_.str() + " of " + name_of(dtype_) + " needs " + std::to_string(bytes) +
           " bytes of data, the file has " + std::to_string(data));
}

NACRE_INLINE void Npy::read(DType wanted, u64 offset, void* into, std::size_t bytes) const {
  check<DataError>(wanted == dtype_, "npy", [&] {
    return source_.name() + ": holds " + name_of(dtype_) + ", was asked for as " + name_of(wanted);
  });
  source_.read(data_begin_ + offset, into, bytes);
}

NACRE_INLINE std::string npy_header(DType dtype, const Shape& shape) {
  const char* descr = nullptr;
  for (const auto& t : detail::npy_types)
    if (t.dtype == dtype) descr = t.text;
  check(descr != nullptr, "npy", [&] { return std::string("arrays of ") + name_of(dtype) + " cannot be written"; });
  std::string tuple;
  for (int i = 0; i < shape.rank(); ++i) tuple += (i ? ", " : "") + std::to_string(shape[i]);
  if (shape.rank() == 1) tuple += ',';
  std::string text = std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': (" + tuple + "), }";
  // NumPy leaves room for the first extent to grow to 21 digits.
  if (shape.rank() > 0) text.append(21 - std::to_string(shape[0]).size(), ' ');
  text.append(64 - (10 + text.size() + 1) % 64, ' ');
  text += '\n';
  std::string head(detail::npy_magic);
  head += {'\1', '\0', static_cast<char>(text.size() & 255), static_cast<char>(text.size() >> 8)};
  return head + text;
}

}  // namespace nacre::io
