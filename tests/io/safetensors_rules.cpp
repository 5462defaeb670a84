// Every rule of safetensors: what the reader takes and what it refuses, one test each.
#include <doctest/doctest.h>

#include "safetensors_bytes.hpp"

using namespace nacre;
using scratch::has;
using scratch::length, scratch::raw, scratch::refusal;

#define ACCEPTS(what, bytes, count) \
  TEST_CASE("safetensors accepts " what) { CHECK(io::SafeTensors::parse(bytes).tensors().size() == count); }

ACCEPTS("an empty object", raw("{}"), 0)
ACCEPTS("empty metadata", raw(R"({"__metadata__":{}})"), 0)
ACCEPTS("spaces as padding and between tokens",
        raw(R"({ "__metadata__" : { } , "a" : { "dtype" : "U8" , "shape" : [ 1 ] , "data_offsets" : [ 0 , 1 ] } }   )",
            "x"),
        1)
ACCEPTS("a scalar", raw(R"({"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})", "x"), 1)
ACCEPTS("an extent of 0 between others",
        raw(R"({"a":{"dtype":"F64","shape":[0,9],"data_offsets":[1,1]},"b":{"dtype":"U8","shape":[1],)"
            R"("data_offsets":[0,1]},"c":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            "xy"),
        3)
ACCEPTS("any order of keys",
        raw(R"({"a":{"data_offsets":[0,1],"shape":[1],"dtype":"U8"},"__metadata__":{"k":"v"}})", "x"), 1)
ACCEPTS(
    "any order of tensors",
    raw(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
        "xy"),
    2)
ACCEPTS("metadata values with control characters in escapes", raw(R"({"__metadata__":{"k":"\n\u0000"}})"), 0)

static void rejects(const std::string& bytes, const char* part) {
  std::string text = refusal(bytes);
  CHECK_MESSAGE(has(text, part), text);
  CHECK(has(text, "safetensors: x.safetensors: "));
}
#define REJECTS(rule, bytes, part) \
  TEST_CASE("safetensors rejects " rule) { rejects(bytes, part); }
// One tensor "a" of one byte, with its fields as given.
static std::string one(const std::string& fields) { return raw("{\"a\":{" + fields + "}}", "x"); }
static std::string shaped(const std::string& shape, const std::string& offsets = "[0,1]",
                          const std::string& dtype = "U8") {
  return one("\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets);
}
static std::string two(const std::string& a, const std::string& b, int n) {
  return raw(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + a +
                 R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b + "}}",
             std::string(static_cast<std::size_t>(n), 'x'));
}

REJECTS("an empty file", "", "has 0 bytes")
REJECTS("a file shorter than 8 bytes", "1234567", "has 7 bytes")
REJECTS("a header above 100 MB", length(100'000'001) + "{}", "is above 100000000")
REJECTS("a header length near 2^64", length(~u64{0}) + "{}", "is above 100000000")
REJECTS("a header longer than the file", length(3) + "{}", "beyond the file's end")
REJECTS("an empty header", length(0), "the header is empty")
REJECTS("a header that does not start with a brace", raw(" {}"), "does not start with '{'")
REJECTS("a header that is an array", raw("[]"), "does not start with '{'")
REJECTS("bad UTF-8 in a name", raw("{\"\xFF\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "x"), "UTF-8")
REJECTS("bad UTF-8 in metadata", raw("{\"__metadata__\":{\"k\":\"\xC3\"}}"), "UTF-8")
REJECTS("a control character in a name",
        raw("{\"a\x01\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "x"), "control character")
REJECTS("an escaped control character in a name",
        raw("{\"a\\u0000\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "x"), "control character")
REJECTS("a newline between tokens", raw("{\n}"), "was expected")
REJECTS("a tab as padding", raw("{}\t"), "something follows the end")
REJECTS("NUL padding", raw(std::string("{}\0\0", 4)), "something follows the end")
REJECTS("a second object after the first", raw("{}{}"), "something follows the end")
REJECTS("a header that ends early", raw("{\"a\":{\"dtype\":\"U8\""), "the text ends")
REJECTS("a trailing comma", raw("{\"__metadata__\":{},}"), "was expected")
REJECTS(
    "a tensor name twice",
    raw(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
        "xy"),
    "'a' stands twice")
REJECTS(
    "a tensor name twice, once escaped",
    raw(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
        "xy"),
    "'a' stands twice")
REJECTS("metadata twice", raw(R"({"__metadata__":{},"__metadata__":{}})"), "'__metadata__' stands twice")
REJECTS("a metadata key twice", raw(R"({"__metadata__":{"k":"1","k":"2"}})"), "'k' stands twice")
REJECTS("a field twice", one(R"("dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1])"), "'shape' stands twice")
REJECTS("an unknown element type", shaped("[1]", "[0,1]", "F8_E4M3"), "'F8_E4M3' is not supported")
REJECTS("an element type in small letters", shaped("[1]", "[0,1]", "u8"), "'u8' is not supported")
REJECTS("a missing dtype", one(R"("shape":[1],"data_offsets":[0,1])"), "'dtype' is missing")
REJECTS("a missing shape", one(R"("dtype":"U8","data_offsets":[0,1])"), "'shape' is missing")
REJECTS("missing data_offsets", one(R"("dtype":"U8","shape":[1])"), "'data_offsets' is missing")
REJECTS("an unknown field", one(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"strides":[1])"),
        "unknown field 'strides'")
REJECTS("a negative extent", shaped("[-1]"), "-1 is not an integer")
REJECTS("a fractional extent", shaped("[1.0]"), "1.0 is not an integer")
REJECTS("an extent with an exponent", shaped("[1e0]"), "1e0 is not an integer")
REJECTS("an extent with a leading zero", shaped("[01]"), "superfluous 0")
REJECTS("an extent in a string", shaped("[\"1\"]"), "a digit was expected")
REJECTS("an extent of 2^64", shaped("[18446744073709551616]"), "is not an integer from 0 to 2^64 - 1")
REJECTS("an extent of 2^64 - 1 that no file holds", shaped("[18446744073709551615]"), "its size overflows")
REJECTS("an extent of 2^63 beside an extent of 0", shaped("[0,9223372036854775808]", "[0,0]"), "larger than 2^62")
REJECTS("a negative offset", shaped("[1]", "[-1,0]"), "-1 is not an integer")
REJECTS("a fractional offset", shaped("[1]", "[0,1.5]"), "1.5 is not an integer")
REJECTS("a single offset", shaped("[1]", "[0]"), "',' was expected")
REJECTS("three offsets", shaped("[1]", "[0,1,2]"), "']' was expected")
REJECTS("a rank above 6", shaped("[1,1,1,1,1,1,1]"), "more than 6 dimensions")
REJECTS("a product of extents that overflows", shaped("[4294967296,4294967296]"), "its size overflows")
REJECTS("a product that overflows before an extent of 0", shaped("[4294967296,4294967296,0]"), "its size overflows")
REJECTS("a size in bytes that overflows", shaped("[2305843009213693952]", "[0,1]", "F64"), "its size overflows")
REJECTS("a range shorter than the shape", shaped("[2]"), "needs 2 bytes, its range has 1")
REJECTS("a range longer than the shape", shaped("[1]", "[0,2]"), "needs 1 bytes, its range has 2")
REJECTS("a range that ends before it begins", shaped("[1]", "[1,0]"), "ends before it begins")
REJECTS("a hole at the start", shaped("[1]", "[1,2]"), "belong to no tensor")
REJECTS("a hole between tensors", two("[0,2]", "[3,5]", 5), "belong to no tensor")
REJECTS("an overlap", two("[0,2]", "[1,3]", 3), "belong to two tensors")
REJECTS("two names on one range", two("[0,2]", "[0,2]", 2), "belong to two tensors")
REJECTS("data shorter than the tensors", two("[0,2]", "[2,4]", 3), "is it truncated?")
REJECTS("data longer than the tensors", two("[0,2]", "[2,4]", 5), "something follows the last tensor")
REJECTS("data without tensors", raw("{}", "x"), "something follows the last tensor")
REJECTS("a metadata value that is a number", raw(R"({"__metadata__":{"k":1}})"), "'k' is not a string")
REJECTS("a metadata value that is an object", raw(R"({"__metadata__":{"k":{}}})"), "'k' is not a string")
REJECTS("metadata that is a string", raw(R"({"__metadata__":"k"})"), "'{' was expected")
REJECTS("a tensor that is a string", raw(R"({"a":"k"})"), "'{' was expected")
REJECTS("nesting beyond the grammar", shaped(std::string(100'000, '[')), "a digit was expected")
REJECTS("a name longer than 4 KB", raw("{\"" + std::string(4097, 'a') + "\":{}}"), "longer than 4096 bytes")
REJECTS("a false checksum", raw(R"({"__metadata__":{"nacre.crc32":"00000000"}})"), "does not match its checksum")

TEST_CASE("safetensors rejects more than a million tensors") {
  std::string header = "{";
  for (int i = 0; i <= 1'000'000; ++i)
    header += (i ? ",\"" : "\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK(has(refusal(raw(header + "}")), "more than 1000000 tensors"));
}

TEST_CASE("safetensors rejects more than a hundred thousand metadata entries") {
  std::string header = "{\"__metadata__\":{";
  for (int i = 0; i <= 100'000; ++i) header += (i ? ",\"" : "\"") + std::to_string(i) + "\":\"\"";
  CHECK(has(refusal(raw(header + "}}")), "more than 100000 metadata entries"));
}

TEST_CASE("safetensors: a bool that is neither 0 nor 1 is rejected when it is read") {
  auto f = io::SafeTensors::parse(shaped("[1]", "[0,1]", "BOOL"));
  CHECK(has(scratch::error<DataError>([&] { f.get<bool>("a"); }), "neither 0 nor 1"));
}

TEST_CASE("safetensors: a header allocates no tensor, not even one that is true") {
  u64 before = pool::stats().bytes_peak;
  CHECK(refusal(shaped("[1099511627776]", "[0,1099511627776]")) != "");
  io::SafeTensors::parse(shaped("[1]"));
  CHECK(pool::stats().bytes_peak == before);
}

TEST_CASE("safetensors: a failed load changes nothing that was there") {
  std::string bytes = shaped("[1]");
  auto f = io::SafeTensors::parse(bytes);
  CHECK_THROWS_AS(f = io::SafeTensors::parse(bytes.substr(1)), DataError);
  CHECK(f.get<u8>("a").item() == 'x');
  auto into = Tensor<u8>::of({2}, {1, 2});
  CHECK_THROWS_AS(f.get_into("a", into), DataError);
  CHECK_THROWS_AS(f.get_into("b", into), DataError);
  CHECK((into[0] == 1 && into[1] == 2));
}
