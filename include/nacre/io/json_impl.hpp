// Definitions of io/json.hpp.
#pragma once

#include <nacre/io/json.hpp>

#include <charconv>
#include <cmath>
#include <unordered_set>

namespace nacre::io::json {

namespace detail {

inline bool digit(char c) { return c >= '0' && c <= '9'; }

inline void append_utf8(std::string& s, u32 c) {
  auto put = [&](u32 x) { s += static_cast<char>(x); };
  if (c < 0x80) put(c);
  else if (c < 0x800) put(0xC0 | c >> 6), put(0x80 | (c & 63));
  else if (c < 0x10000) put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
  else put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 63)), put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
}

template <class X>
std::string number_text(X x) {
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, x).ptr};
}

inline constexpr int max_depth = 32;
inline constexpr int max_values = 1'000'000;

inline void read_value(Cursor& in, Value& v, int depth, int& count) {
  if (depth > max_depth) in.fail("nesting is deeper than " + std::to_string(max_depth));
  if (++count > max_values) in.fail("more than " + std::to_string(max_values) + " values");
  char c = in.peek();
  if (c == '{') {
    v.kind = Kind::object;
    std::unordered_set<std::string> keys;
    in.object([&](std::string& key) {
      if (!keys.insert(key).second) in.fail("the key '" + key + "' stands twice");
      v.items.emplace_back().key = std::move(key);
      read_value(in, v.items.back(), depth + 1, count);
    });
  } else if (c == '[') {
    v.kind = Kind::array;
    in.array([&] { read_value(in, v.items.emplace_back(), depth + 1, count); });
  } else if (c == '"') {
    v.kind = Kind::string;
    v.text = in.string();
  } else if (c == '-' || digit(c)) {
    v.kind = Kind::number;
    v.text = in.number();
    auto r = std::from_chars(v.text.data(), v.text.data() + v.text.size(), v.number);
    if (r.ec != std::errc()) in.fail("the number " + v.text + " is outside the range of double");
  } else {
    std::string_view word = in.word();
    if (word == "true" || word == "false") v.kind = Kind::boolean, v.text = word;
    else if (word != "null") in.fail("a value was expected");
  }
}

}  // namespace detail

NACRE_INLINE bool valid_utf8(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    auto byte = [&](std::size_t k) -> u32 { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0; };
    u32 b = byte(i);
    if (b < 0x80) {
      ++i;
      continue;
    }
    int more = b >= 0xF0 ? 3 : b >= 0xE0 ? 2 : 1;
    u32 c = b & (0x3Fu >> more);
    if (b < 0xC2 || b > 0xF4) return false;
    for (int k = 1; k <= more; ++k) {
      u32 next = byte(i + static_cast<std::size_t>(k));
      if ((next & 0xC0) != 0x80) return false;
      c = c << 6 | (next & 63);
    }
    // Too long a form, a surrogate, or beyond Unicode.
    if ((more == 2 && c < 0x800) || (more == 3 && (c < 0x10000 || c > 0x10FFFF)) || (c >= 0xD800 && c < 0xE000))
      return false;
    i += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

NACRE_INLINE bool parse_u64(std::string_view digits, u64& out) {
  if (digits.empty() || !detail::digit(digits[0])) return false;
  auto r = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return r.ec == std::errc() && r.ptr == digits.data() + digits.size();
}

NACRE_INLINE std::string printable(std::string text) {
  if (text.size() > 400) {
    std::size_t cut = 400;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;  // not inside a character
    text = text.substr(0, cut) + "...";
  }
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  return text;
}

NACRE_INLINE void Cursor::fail(const std::string& what) const {
  nacre::fail<DataError>(name_, "at byte " + std::to_string(at_) + ": " + printable(what));
}

NACRE_INLINE char Cursor::peek() {
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (c != ' ' && (blanks_ == Blanks::spaces || (c != '\n' && c != '\r' && c != '\t'))) return c;
    ++at_;
  }
  return 0;
}

NACRE_INLINE bool Cursor::take(char c) {
  if (peek() != c || at_ == text_.size()) return false;
  ++at_;
  return true;
}

NACRE_INLINE void Cursor::expect(char c) {
  if (!take(c)) fail(std::string("'") + c + "' was expected" + (at_ == text_.size() ? ", the text ends" : ""));
}

NACRE_INLINE void Cursor::end() {
  peek();
  if (at_ != text_.size()) fail("something follows the end");
}

NACRE_INLINE u32 Cursor::hex4() {
  u32 x = 0;
  if (text_.size() - at_ < 4) fail("\\u needs four hexadecimal digits");
  auto r = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, x, 16);
  if (r.ec != std::errc() || r.ptr != text_.data() + at_ + 4) fail("\\u needs four hexadecimal digits");
  at_ += 4;
  return x;
}

NACRE_INLINE std::string Cursor::string() {
  expect('"');
  std::string s;
  for (;;) {
    std::size_t from = at_;
    auto plain_byte = [](char b) { return b != '"' && b != '\\' && static_cast<unsigned char>(b) >= 32; };
    while (at_ < text_.size() && plain_byte(text_[at_])) ++at_;
    std::string_view plain = text_.substr(from, at_ - from);
    if (!valid_utf8(plain)) fail("a string is not valid UTF-8");
    s += plain;
    if (at_ == text_.size()) fail("the text ends inside a string");
    char c = text_[at_++];
    if (c == '"') return s;
    if (c != '\\') fail("a control character stands in a string");
    c = at_ < text_.size() ? text_[at_++] : '\0';
    std::size_t simple = std::string_view("\"\\/bfnrt").find(c);
    if (c != 0 && simple != std::string_view::npos) {
      s += "\"\\/\b\f\n\r\t"[simple];
    } else if (c == 'u') {
      u32 x = hex4();
      if (x >= 0xD800 && x < 0xDC00 && text_.substr(at_, 2) == "\\u") {
        at_ += 2;
        u32 low = hex4();
        if (low < 0xDC00 || low > 0xDFFF) fail("a surrogate stands alone");
        x = 0x10000 + ((x - 0xD800) << 10) + (low - 0xDC00);
      } else if (x >= 0xD800 && x < 0xE000) {
        fail("a surrogate stands alone");
      }
      detail::append_utf8(s, x);
    } else {
      fail("unknown escape in a string");
    }
  }
}

NACRE_INLINE std::string_view Cursor::number() {
  peek();
  std::size_t from = at_;
  auto at = [&] { return at_ < text_.size() ? text_[at_] : '\0'; };
  auto digits = [&] {
    if (!detail::digit(at())) fail("a digit was expected");
    while (detail::digit(at())) ++at_;
  };
  if (at() == '-') ++at_;
  if (at() == '0') {
    ++at_;
    if (detail::digit(at())) fail("a number starts with a superfluous 0");
  } else {
    digits();
  }
  if (at() == '.') ++at_, digits();
  if (at() == 'e' || at() == 'E') {
    ++at_;
    if (at() == '+' || at() == '-') ++at_;
    digits();
  }
  return text_.substr(from, at_ - from);
}

NACRE_INLINE std::string_view Cursor::word() {
  peek();
  std::size_t from = at_;
  while (at_ < text_.size() && text_[at_] >= 'a' && text_[at_] <= 'z') ++at_;
  return text_.substr(from, at_ - from);
}

NACRE_INLINE Value parse(std::string_view text, std::string_view name) {
  Cursor in(text, name);
  Value v;
  int count = 0;
  detail::read_value(in, v, 1, count);
  in.end();
  return v;
}

NACRE_INLINE void Value::expect(Kind wanted, const char* what) const {
  check<DataError>(kind == wanted, "json",
                   [&] { return (key.empty() ? "the text" : "'" + key + "'") + " must be " + what; });
}
NACRE_INLINE bool Value::as_bool() const {
  expect(Kind::boolean, "true or false");
  return text == "true";
}
NACRE_INLINE double Value::as_double() const {
  expect(Kind::number, "a number");
  return number;
}
NACRE_INLINE u64 Value::as_u64() const {
  expect(Kind::number, "a number");
  u64 x = 0;
  check<DataError>(parse_u64(text, x), "json", [&] {
    return "'" + key + "' must be an integer from 0 to 2^64 - 1, got " + text;
  });
  return x;
}
NACRE_INLINE i64 Value::as_i64() const {
  expect(Kind::number, "a number");
  i64 x = 0;
  auto r = std::from_chars(text.data(), text.data() + text.size(), x);
  check<DataError>(r.ec == std::errc() && r.ptr == text.data() + text.size(), "json", [&] {
    return "'" + key + "' must be an integer from -2^63 to 2^63 - 1, got " + text;
  });
  return x;
}
NACRE_INLINE const std::string& Value::as_string() const {
  expect(Kind::string, "a string");
  return text;
}
NACRE_INLINE const Value* Value::find(std::string_view name) const {
  expect(Kind::object, "an object");
  for (const Value& v : items)
    if (v.key == name) return &v;
  return nullptr;
}
NACRE_INLINE const Value& Value::at(std::string_view name) const {
  const Value* v = find(name);
  if (!v) fail<DataError>("json", "the key '" + std::string(name) + "' is missing");
  return *v;
}

NACRE_INLINE Writer& Writer::raw(std::string_view text) {
  if (comma_) out_ += ',';
  out_ += text;
  comma_ = true;
  return *this;
}
NACRE_INLINE Writer& Writer::open(char bracket) {
  raw({&bracket, 1});
  closers_ += bracket == '{' ? '}' : ']';
  comma_ = false;
  return *this;
}
NACRE_INLINE Writer& Writer::end() {
  check(!closers_.empty(), "json", [] { return "end() without an open object or array"; });
  out_ += closers_.back();
  closers_.pop_back();
  comma_ = true;
  return *this;
}
NACRE_INLINE void Writer::quote(std::string_view text) {
  check(valid_utf8(text), "json", [] { return "a string to write is not valid UTF-8"; });
  out_ += '"';
  for (char c : text) {
    std::size_t simple = std::string_view("\"\\\b\f\n\r\t").find(c);
    if (simple != std::string_view::npos) out_ += '\\', out_ += "\"\\bfnrt"[simple];
    else if (static_cast<unsigned char>(c) < 32) (out_ += c < 16 ? "\\u000" : "\\u001") += "0123456789abcdef"[c & 15];
    else out_ += c;
  }
  out_ += '"';
}
NACRE_INLINE Writer& Writer::key(std::string_view name) {
  raw("");
  quote(name);
  out_ += ':';
  comma_ = false;
  return *this;
}
NACRE_INLINE Writer& Writer::value(std::string_view text) {
  raw("");
  quote(text);
  return *this;
}
NACRE_INLINE Writer& Writer::value(bool x) { return raw(x ? "true" : "false"); }
NACRE_INLINE Writer& Writer::value(double x) { return std::isfinite(x) ? raw(detail::number_text(x)) : null(); }
NACRE_INLINE Writer& Writer::value(float x) { return std::isfinite(x) ? raw(detail::number_text(x)) : null(); }
NACRE_INLINE Writer& Writer::value(i64 x) { return raw(detail::number_text(x)); }
NACRE_INLINE Writer& Writer::value(u64 x) { return raw(detail::number_text(x)); }
NACRE_INLINE Writer& Writer::null() { return raw("null"); }
NACRE_INLINE const std::string& Writer::str() const {
  check(closers_.empty(), "json", [] { return "an object or array is still open"; });
  return out_;
}

}  // namespace nacre::io::json
