// JSON: a strict reader (RFC 8259) and a writer. Independent of the locale.
//
// Rejected beyond the grammar: a key twice in one object, bad UTF-8, lone surrogates, numbers outside double,
// nesting deeper than 32, more than a million values. A number keeps its text, so integers of 64 bits are exact.
//   Value v = json::parse(text, "config.json");   v.at("epochs").as_i64();
// `Cursor` is the tokenizer alone, for files whose grammar is smaller than JSON (the safetensors header).
// Throws DataError with the name of the text and the byte offset or key. Tested in tests/io/json.cpp.
#pragma once

#include <nacre/core/error.hpp>

#include <vector>

namespace nacre::io::json {

enum class Kind { null, boolean, number, string, array, object };

struct Value {
  Kind kind = Kind::null;
  std::string key;           // its name in the object around it
  std::string text;          // string: unescaped; number: as written; boolean: "true" or "false"
  double number = 0;
  std::vector<Value> items;  // array and object, in the file's order

  // A value of the wrong kind or range is a DataError that names the key.
  NACRE_INLINE bool as_bool() const;
  NACRE_INLINE double as_double() const;
  NACRE_INLINE i64 as_i64() const;  // integer literals only: neither 1.0 nor 1e3
  NACRE_INLINE u64 as_u64() const;
  NACRE_INLINE const std::string& as_string() const;
  NACRE_INLINE const Value* find(std::string_view name) const;  // nullptr: not there
  NACRE_INLINE const Value& at(std::string_view name) const;

 private:
  NACRE_INLINE void expect(Kind wanted, const char* what) const;
};

NACRE_INLINE Value parse(std::string_view text, std::string_view name = "json");

NACRE_INLINE bool valid_utf8(std::string_view text);
NACRE_INLINE std::string printable(std::string text);           // for messages: no control characters, not endless
NACRE_INLINE bool parse_u64(std::string_view digits, u64& out);  // digits only, no sign, no overflow

class Cursor {
 public:
  enum class Blanks { all, spaces };
  Cursor(std::string_view text, std::string_view name, Blanks blanks = Blanks::all)
      : text_(text), name_(name), blanks_(blanks) {}

  NACRE_INLINE char peek();  // next byte after blanks; 0 at the end
  NACRE_INLINE bool take(char c);
  NACRE_INLINE void expect(char c);
  NACRE_INLINE std::string string();
  NACRE_INLINE std::string_view number();
  NACRE_INLINE std::string_view word();  // letters: true, false, null
  NACRE_INLINE void end();               // nothing but blanks is left
  [[noreturn]] NACRE_INLINE void fail(const std::string& what) const;

  template <class F>
  void object(F member) {  // member(key) reads the value
    expect('{');
    if (take('}')) return;
    do {
      std::string key = string();
      expect(':');
      member(key);
    } while (take(','));
    expect('}');
  }
  template <class F>
  void array(F element) {
    expect('[');
    if (take(']')) return;
    do element();
    while (take(','));
    expect(']');
  }

 private:
  NACRE_INLINE u32 hex4();
  std::string_view text_;
  std::string name_;
  Blanks blanks_;
  std::size_t at_ = 0;
};

// Writer().object().key("loss").value(0.5).end().str() == {"loss":0.5}
class Writer {
 public:
  Writer& object() { return open('{'); }
  Writer& array() { return open('['); }
  NACRE_INLINE Writer& end();
  NACRE_INLINE Writer& key(std::string_view name);
  NACRE_INLINE Writer& value(std::string_view text);
  Writer& value(const char* text) { return value(std::string_view(text)); }
  NACRE_INLINE Writer& value(bool x);
  NACRE_INLINE Writer& value(double x);  // shortest text that reads back to the same bits; null if not finite
  NACRE_INLINE Writer& value(float x);
  NACRE_INLINE Writer& value(i64 x);
  NACRE_INLINE Writer& value(u64 x);
  Writer& value(int x) { return value(static_cast<i64>(x)); }
  NACRE_INLINE Writer& null();
  NACRE_INLINE const std::string& str() const;  // Error when something is still open

 private:
  NACRE_INLINE Writer& open(char bracket);
  NACRE_INLINE Writer& raw(std::string_view text);
  NACRE_INLINE void quote(std::string_view text);
  std::string out_, closers_;
  bool comma_ = false;
};

}  // namespace nacre::io::json

#if NACRE_DEFINITIONS
#include <nacre/io/json_impl.hpp>
#endif
