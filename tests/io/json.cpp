// The JSON reader against what RFC 8259 forbids and what we forbid beyond it; the writer against the reader.
#include <nacre/io/json.hpp>

#include <doctest/doctest.h>

#include <clocale>
#include <cmath>
#include <limits>

#include "scratch.hpp"

using namespace nacre;
namespace json = nacre::io::json;
using scratch::has;

static std::string refusal(const std::string& text) {
  return scratch::error<DataError>([&] { json::parse(text, "x.json"); });
}

TEST_CASE("json: a document is read in its order, with unescaped strings") {
  json::Value v =
      json::parse(R"( {"b" : [1, -2.5e3, true, false, null, [], {}], "a":"x\n\"\\\/\u00e9\ud83d\ude00é"} )");
  REQUIRE(v.items.size() == 2);
  CHECK(v.items[0].key == "b");
  const auto& list = v.at("b").items;
  REQUIRE(list.size() == 7);
  CHECK(list[0].as_i64() == 1);
  CHECK(list[1].as_double() == -2500);
  CHECK(list[2].as_bool());
  CHECK_FALSE(list[3].as_bool());
  CHECK(list[4].kind == json::Kind::null);
  CHECK(v.at("a").as_string() == "x\n\"\\/é😀é");
  CHECK(v.find("c") == nullptr);
}

TEST_CASE("json: an error names the text, the byte and the key") {
  CHECK(has(refusal("{\"a\": 1,\n}"), "x.json: at byte 9: "));
  CHECK(refusal(R"({"a":1,"b":2,"a":3})") == "x.json: at byte 17: the key 'a' stands twice");
  CHECK(
      has(refusal("{\"\\u001b[2J\":1,\"\\u001b[2J\":1}"), "the key '?[2J' stands twice"));  // no escapes to a terminal
  std::string endless(100'000, 'k');
  CHECK(refusal("{\"" + endless + "\":1,\"" + endless + "\":1}").size() < 500);
  json::Value v = json::parse(R"({"epochs": 1.5})");
  CHECK(has(scratch::error<DataError>([&] { v.at("epochs").as_i64(); }), "'epochs' must be an integer"));
  CHECK(has(scratch::error<DataError>([&] { v.at("epochs").as_string(); }), "'epochs' must be a string"));
  CHECK(has(scratch::error<DataError>([&] { v.at("lr"); }), "'lr' is missing"));
}

TEST_CASE("json: what is not JSON is rejected") {
  for (const char* text :
       {"",         " ",          "{",     "[",       "[1",       "[1,",     "[1,]",      "{\"a\"",      "{\"a\":",
        "{\"a\":1", "{\"a\":1,}", "{a:1}", "{'a':1}", "{1:1}",    "[1 2]",   "{\"a\" 1}", "nul",         "True",
        "NaN",      "Infinity",   "-",     "+1",      "01",       "-01",     "1.",        ".5",          "1e",
        "1e+",      "0x1",        "--1",   "\"",      "\"\\",     "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u+123\"",
        "1 1",      "{} {}",      "[]]",   "/**/1",   "\"a\nb\"", "\"\x01\""})
    CHECK_MESSAGE(refusal(text) != "", text);
  CHECK(refusal(std::string("1\0", 2)) != "");
  CHECK(refusal(std::string("\"\\\0\"", 4)) != "");
}

TEST_CASE("json: bad UTF-8 and lone surrogates are rejected") {
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\x80", "\xE2\x82", "\xED\xA0\x80",
                          "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    CHECK_FALSE(json::valid_utf8(bad));
    CHECK(has(refusal(std::string("\"") + bad + "\""), "UTF-8"));
  }
  for (const char* good : {"", "a", "\x7F", "\xC2\x80", "\xE0\xA0\x80", "\xEE\x80\x80", "\xEF\xBF\xBF",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
    CHECK(json::valid_utf8(good));
  for (const char* lone : {R"("\ud800")", R"("\ud800x")", R"("\udc00")", R"("\ud800\ud800")", R"("\ud800\n")"})
    CHECK(has(refusal(lone), "surrogate"));
}

TEST_CASE("json: nesting of 32 is read, of 33 rejected") {
  CHECK(refusal(std::string(32, '[') + std::string(32, ']')) == "");
  CHECK(has(refusal(std::string(33, '[') + std::string(33, ']')), "nesting"));
  CHECK(has(refusal(std::string(1'000'000, '[')), "nesting"));
}

TEST_CASE("json: more than a million values are rejected") {
  std::string text = "[0";
  for (int i = 0; i < 1'000'000; ++i) text += ",0";
  CHECK(has(refusal(text + "]"), "values"));
}

TEST_CASE("json: integers are exact over 64 bits and out of range beyond") {
  auto v = [](const char* text) { return json::parse(text); };
  CHECK(v("18446744073709551615").as_u64() == std::numeric_limits<u64>::max());
  CHECK(v("-9223372036854775808").as_i64() == std::numeric_limits<i64>::min());
  CHECK(v("9007199254740993").as_i64() == 9007199254740993);  // not a double
  for (const char* text : {"18446744073709551616", "-1", "1.0", "1e3", "-0"})
    CHECK_THROWS_AS(v(text).as_u64(), DataError);
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "1.0", "1e3"})
    CHECK_THROWS_AS(v(text).as_i64(), DataError);
}

TEST_CASE("json: a number outside double is rejected") {
  CHECK(has(refusal("1e999"), "range"));
  CHECK(json::parse("1.7976931348623157e308").as_double() == std::numeric_limits<double>::max());
  CHECK(json::parse("4.9e-324").as_double() == std::numeric_limits<double>::denorm_min());
}

TEST_CASE("json: the writer nests, separates and escapes") {
  json::Writer w;
  w.object().key("a").array().value(1).value(i64{-2}).value(~u64{0}).end().key("b\"").object().end();
  w.key("c").value("x\n\x01\x1f\\é").key("d").value(true).key("e").null().end();
  CHECK(w.str() == R"({"a":[1,-2,18446744073709551615],"b\"":{},"c":"x\n\u0001\u001f\\é","d":true,"e":null})");
  json::Value v = json::parse(w.str());
  CHECK(v.at("c").as_string() == "x\n\x01\x1f\\é");
  CHECK_THROWS_AS(json::Writer().object().str(), Error);
  CHECK_THROWS_AS(json::Writer().end(), Error);
  CHECK_THROWS_AS(json::Writer().value("\xFF"), Error);
}

TEST_CASE("json: floats are written as the shortest text that reads back to the same bits, others as null") {
  CHECK(json::Writer().value(0.1f).str() == "0.1");
  CHECK(json::Writer().value(0.1).str() == "0.1");
  CHECK(json::Writer().value(-0.0).str() == "-0");
  CHECK(json::Writer().value(std::nan("")).str() == "null");
  CHECK(json::Writer().value(-std::numeric_limits<float>::infinity()).str() == "null");
  for (double x : {1.0 / 3, 1e300, 5e-324, 123456789.125, -2.2250738585072014e-308, 1e22})
    CHECK(json::parse(json::Writer().value(x).str()).as_double() == x);
}

TEST_CASE("json: a locale with decimal commas changes nothing") {
  const char* set = std::setlocale(LC_ALL, "de_DE.UTF-8");
  if (!set) MESSAGE("skipped: de_DE.UTF-8 is not installed");
  CHECK(json::Writer().value(0.5).str() == "0.5");
  CHECK(json::parse("0.5").as_double() == 0.5);
  std::setlocale(LC_ALL, "C");
}
