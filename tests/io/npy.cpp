// .npy against bytes that NumPy wrote, against every rule, and against damage.
#include <nacre/io/npy.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "scratch.hpp"

using namespace nacre;
using scratch::has;

static std::string le(u64 x, int bytes) { return {reinterpret_cast<const char*>(&x), static_cast<std::size_t>(bytes)}; }
static std::string npy(const std::string& header, const std::string& data = "", int version = 1) {
  return "\x93NUMPY" + le(static_cast<u64>(version), 2) + le(header.size(), version == 1 ? 2 : 4) + header + data;
}
static std::string dictionary(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}
static std::string refusal(const std::string& bytes) {
  return scratch::error<DataError>([&] { io::Npy::parse(bytes, "x.npy"); });
}
template <std::size_t N>
static std::string literal(const char (&bytes)[N]) {
  return {bytes, N - 1};
}

// What numpy.save of NumPy 2.4 wrote: float32 [[1.5, -2], [inf, 4]], int64 [-1, 2^40], uint8 7.
static const std::string numpy_f4 = literal(
    "\223NUMPY\001\000v\000{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }                                 "
    "         "
    "                \012\000\000\300?\000\000\000\300\000\000\200\177\000\000\200@");
static const std::string numpy_i8 = literal(
    "\223NUMPY\001\000v\000{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }                                   "
    "         "
    "                \012\377\377\377\377\377\377\377\377\000\000\000\000\000\001\000\000");
static const std::string numpy_u1 = literal(
    "\223NUMPY\001\000v\000{'descr': '|u1', 'fortran_order': False, 'shape': (), }                                     "
    "         "
    "                \012\007");

TEST_CASE("npy: NumPy's files are read, and written back byte for byte") {
  scratch::Directory dir;
  auto f4 = io::Npy::parse(numpy_f4).get<float>();
  CHECK(f4.shape() == Shape{2, 2});
  CHECK(f4[0] == 1.5f);
  CHECK(f4[1] == -2.0f);
  CHECK(f4[2] == std::numeric_limits<float>::infinity());
  CHECK(f4[3] == 4.0f);
  io::write_npy(dir / "f4.npy", f4);
  CHECK(scratch::content(dir / "f4.npy") == numpy_f4);

  auto i8 = io::Npy::parse(numpy_i8).get<i64>();
  CHECK(i8.shape() == Shape{2});
  CHECK(i8[0] == -1);
  CHECK(i8[1] == i64{1} << 40);
  io::write_npy(dir / "i8.npy", i8);
  CHECK(scratch::content(dir / "i8.npy") == numpy_i8);

  auto u1 = io::Npy::parse(numpy_u1).get<u8>();
  CHECK(u1.shape() == Shape{});
  CHECK(u1.item() == 7);
  io::write_npy(dir / "u1.npy", u1);
  CHECK(scratch::content(dir / "u1.npy") == numpy_u1);
}

TEST_CASE("npy: versions 2.0 and 3.0 are read") {
  auto i4 = io::Npy::parse(npy(dictionary("'<i4'", "(2,)"), literal("\001\000\000\000\376\377\377\377"), 2))
                .get<std::int32_t>();
  CHECK(i4[0] == 1);
  CHECK(i4[1] == -2);
  CHECK(
      io::Npy::parse(npy(dictionary("'<f8'", "(1,)"), literal("\000\000\000\000\000\000\364?"), 3)).get<double>()[0] ==
      1.25);
}

TEST_CASE("npy: any key order, either quote, an absent last comma and empty arrays are read") {
  CHECK(io::Npy::parse(npy("{\"shape\":(0,3),'descr':'<f4','fortran_order':False}\n")).shape() == Shape{0, 3});
  CHECK(io::Npy::parse(npy(dictionary("'<f4'", "(0, 3, )"))).get<float>().size() == 0);
}

TEST_CASE("npy: every float comes back with its bits") {
  scratch::Directory dir;
  using limits = std::numeric_limits<double>;
  auto x = Tensor<double>::of({7}, {0.0, -0.0, limits::infinity(), -limits::infinity(), limits::quiet_NaN(),
                                    limits::denorm_min(), limits::max()});
  io::write_npy(dir / "x.npy", x);
  auto y = io::read_npy<double>(dir / "x.npy");
  CHECK(std::memcmp(x.data(), y.data(), 56) == 0);
}

TEST_CASE("npy: rows are read from disk alone, and written piece by piece") {
  scratch::Directory dir;
  io::NpyWriter<float> w(dir / "x.npy", {3, 2});
  float v[6] = {1, 2, 3, 4, 5, 6};
  w.write(v, 2);
  CHECK_THROWS_AS(w.commit(), Error);
  w.write(v + 2, 4);
  CHECK_THROWS_AS(w.write(v, 1), Error);
  w.commit();
  io::Npy f = io::Npy::open(dir / "x.npy");
  auto rows = f.rows<float>(1, 3);
  CHECK(rows.shape() == Shape{2, 2});
  CHECK(rows[0] == 3);
  CHECK(rows[3] == 6);
  CHECK(f.rows<float>(3, 3).size() == 0);
  CHECK_THROWS_AS(f.rows<float>(2, 4), Error);
  CHECK_THROWS_AS(f.rows<float>(-1, 2), Error);
  CHECK(has(scratch::error<DataError>([&] { f.get<double>(); }), "holds F32, was asked for as F64"));
}

TEST_CASE("npy: an element type that NumPy's files do not have here is not written") {
  CHECK_THROWS_AS(io::npy_header(io::DType::bf16, {1}), Error);
}

static void rejects(const std::string& bytes, const char* part) {
  std::string text = refusal(bytes);
  CHECK_MESSAGE(has(text, part), text);
}
#define REJECTS(rule, bytes, part) \
  TEST_CASE("npy rejects " rule) { rejects(bytes, part); }

REJECTS("a bad magic", "\x93NUMPX" + numpy_f4.substr(6), "is not a .npy file")
REJECTS("an empty file", "", "is not a .npy file")
REJECTS("version 4.0", npy(dictionary("'<f4'", "(0,)"), "", 4), "version 4.0 is not")
REJECTS("version 0.0", npy(dictionary("'<f4'", "(0,)"), "", 0), "version 0.0 is not")
REJECTS("version 1.1", npy(dictionary("'<f4'", "(0,)"), "", 257), "version 1.1 is not")
REJECTS("a header longer than 10000", npy(std::string(10001, ' ')), "is above 10000")
REJECTS("a header of 4 GB", "\x93NUMPY" + le(2, 2) + le(0xFFFFFFFF, 4), "is above 10000")
REJECTS("a header longer than the file", "\x93NUMPY" + le(1, 2) + le(100, 2) + "{}\n", "beyond the file's end")
REJECTS("an empty header", npy(""), "does not end with a newline")
REJECTS("a missing final newline", npy(dictionary("'<f4'", "(0,)") + " "), "does not end with a newline")
REJECTS("a newline inside the header", npy("\n" + dictionary("'<f4'", "(0,)")), "'{' was expected")
REJECTS("a missing descr", npy("{'fortran_order': False, 'shape': (0,), }\n"), "'descr' is missing")
REJECTS("a missing fortran_order", npy("{'descr': '<f4', 'shape': (0,), }\n"), "'fortran_order' is missing")
REJECTS("a missing shape", npy("{'descr': '<f4', 'fortran_order': False, }\n"), "'shape' is missing")
REJECTS("a key twice", npy("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (0,), }\n"),
        "'descr' stands twice")
REJECTS("an unknown key", npy("{'descr': '<f4', 'order': 1, 'fortran_order': False, 'shape': (0,), }\n"),
        "unknown key 'order'")
REJECTS("something after the dictionary", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), } x\n"),
        "follows the dictionary")
REJECTS("NUL padding", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }" + std::string(3, '\0') + "\n"),
        "follows the dictionary")
REJECTS("big-endian elements", npy(dictionary("'>f4'", "(0,)")), "'>f4' is not one of")
REJECTS("native-endian elements", npy(dictionary("'=f4'", "(0,)")), "'=f4' is not one of")
REJECTS("half floats", npy(dictionary("'<f2'", "(0,)")), "'<f2' is not one of")
REJECTS("objects", npy(dictionary("'|O'", "(0,)")), "'|O' is not one of")
REJECTS("strings", npy(dictionary("'<U4'", "(0,)")), "'<U4' is not one of")
REJECTS("structured elements", npy(dictionary("[('a', '<f4')]", "(0,)")), "only plain element types")
REJECTS("Fortran order", npy(dictionary("'<f4'", "(0,)", "True")), "ascontiguousarray")
REJECTS("an order that is no truth value", npy(dictionary("'<f4'", "(0,)", "0")), "must be True or False")
REJECTS("a negative extent", npy(dictionary("'<f4'", "(-1,)")), "no valid extent")
REJECTS("an extent with L", npy(dictionary("'<f4'", "(1L,)")), "')' was expected")
REJECTS("a fractional extent", npy(dictionary("'<f4'", "(1.0,)")), "')' was expected")
REJECTS("an extent with leading zeros", npy(dictionary("'<f4'", "(01,)")), "no valid extent")
REJECTS("an extent beyond 64 bits", npy(dictionary("'<f4'", "(18446744073709551616,)")), "no valid extent")
REJECTS("an extent of 2^63", npy(dictionary("'<f4'", "(9223372036854775808,)")), "no valid extent")
REJECTS("a product that overflows", npy(dictionary("'<f4'", "(4294967296, 4294967296)")), "size overflows")
REJECTS("a byte count that overflows", npy(dictionary("'<f8'", "(2305843009213693952,)")), "size overflows")
REJECTS("more than 6 dimensions", npy(dictionary("'<f4'", "(1, 1, 1, 1, 1, 1, 1)"), std::string(4, '\0')),
        "more than 6 dimensions")
REJECTS("a shape that is no tuple", npy(dictionary("'<f4'", "(1)"), std::string(4, '\0')), "needs a comma")
REJECTS("a shape in brackets", npy(dictionary("'<f4'", "[1]"), std::string(4, '\0')), "'(' was expected")
REJECTS("a shape with an empty place", npy(dictionary("'<f4'", "(1,,1)"), std::string(4, '\0')), "no valid extent")
REJECTS("a string without end", npy("{'descr: 1}\n"), "does not end")
REJECTS("data shorter than declared", npy(dictionary("'<f4'", "(2,)"), "1234567"),
        "needs 8 bytes of data, the file has 7")
REJECTS("data longer than declared", npy(dictionary("'<f4'", "(2,)"), "123456789"),
        "needs 8 bytes of data, the file has 9")

TEST_CASE("npy: a shape that lies allocates nothing") {
  u64 before = pool::stats().bytes_peak;
  CHECK(has(refusal(npy(dictionary("'<f4'", "(1000000, 1000000)"), "1234")), "needs 4000000000000 bytes"));
  CHECK(pool::stats().bytes_peak == before);
}

TEST_CASE("npy: truncated at any byte it is rejected") {
  for (std::size_t n = 0; n < numpy_f4.size(); ++n) CHECK(refusal(numpy_f4.substr(0, n)) != "");
  CHECK(refusal(numpy_f4 + '\0') != "");
}

TEST_CASE("npy: with any bit or byte of the header changed it is rejected or read whole") {
  for (std::size_t i = 0; i < numpy_f4.size() - 16; ++i)
    for (int change = 1; change < 256; ++change) {
      std::string bytes = numpy_f4;
      bytes[i] = static_cast<char>(bytes[i] ^ change);
      try {
        io::Npy f = io::Npy::parse(bytes);
        CHECK(static_cast<u64>(f.shape().size()) * io::size_of(f.dtype()) == 16);
      } catch (const DataError&) {
      }
    }
}
