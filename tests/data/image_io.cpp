#include <nacre/core/random.hpp>
#include <nacre/data/image_io.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "jpeg_writer.hpp"

using namespace nacre;
using namespace nacre::data;

namespace {

using Bytes = std::vector<u8>;
using nacre_test::jpeg;

Tensor<u8> smooth(i64 h, i64 w, i64 c) {
  Tensor<u8> t({h, w, c});
  for (i64 y = 0; y < h; ++y)
    for (i64 x = 0; x < w; ++x)
      for (i64 k = 0; k < c; ++k) t[(y * w + x) * c + k] = static_cast<u8>(20 + 3 * y + 2 * x + 40 * k);
  return t;
}
Tensor<u8> decode(const Bytes& b) { return decode_image(b.data(), b.size(), "test"); }
int worst(const Tensor<u8>& a, const Tensor<u8>& b) {
  REQUIRE(a.shape() == b.shape());
  int d = 0;
  for (i64 i = 0; i < a.size(); ++i) d = std::max(d, std::abs(a[i] - b[i]));
  return d;
}
std::string refusal(const Bytes& b) {
  try {
    decode(b);
  } catch (const DataError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("PNG gives back the same bytes, grey and colour, through a file too") {
  for (i64 c : {1, 3}) {
    Tensor<u8> t = smooth(13, 7, c);
    CHECK(worst(decode(encode_png(t)), t) == 0);
    write_png("image_io_test.png", t);
    CHECK(worst(read_image("image_io_test.png"), t) == 0);
    std::remove("image_io_test.png");
  }
  CHECK(decode(encode_png(Tensor<u8>::zeros({3, 4}))).shape() == Shape{3, 4, 1});
  CHECK_THROWS_AS(encode_png(Tensor<u8>({3, 4, 2})), Error);
  CHECK_THROWS_AS(encode_png(Tensor<u8>({0, 4, 3})), Error);
  CHECK_THROWS_AS(write_png("no/such/folder/x.png", smooth(2, 2, 3)), WriteError);
}

TEST_CASE("JPEG gives back nearly the same pixels, grey and colour, baseline and progressive") {
  for (bool progressive : {false, true}) {
    CHECK(worst(decode(jpeg(smooth(24, 40, 3), JCS_RGB, progressive)), smooth(24, 40, 3)) <= 6);
    CHECK(worst(decode(jpeg(smooth(24, 40, 1), JCS_GRAYSCALE, progressive)), smooth(24, 40, 1)) <= 3);
  }
}

TEST_CASE("CMYK is refused by name") {
  CHECK(refusal(jpeg(Tensor<u8>::zeros({8, 8, 4}), JCS_CMYK)).find("CMYK") != std::string::npos);
}

TEST_CASE("a truncated picture is refused at every length") {
  for (const Bytes& whole :
       {encode_png(smooth(13, 7, 3)), jpeg(smooth(16, 16, 3), JCS_RGB), jpeg(smooth(16, 16, 3), JCS_RGB, true)})
    for (std::size_t n = 0; n < whole.size() - 2; ++n) {  // a JPEG's last two bytes are its end mark
      CAPTURE(n);
      CHECK_THROWS_AS(decode(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))), DataError);
    }
}

TEST_CASE("changed bits give a picture or a DataError, never anything else; PNG's check sums notice nearly all") {
  Bytes png = encode_png(smooth(13, 7, 3)), jpg = jpeg(smooth(16, 16, 3), JCS_RGB, true);
  int accepted = 0;
  for (const Bytes& whole : {png, jpg})
    for (std::size_t i = 0; i < whole.size(); ++i)
      for (int bit = 0; bit < 8; ++bit) {
        Bytes b = whole;
        b[i] ^= static_cast<u8>(1 << bit);
        try {
          decode(b);
          accepted += &whole == &png ? 1 : 0;
        } catch (const DataError&) {
        }
      }
  CHECK(accepted == 0);
  Random random(Key{9});
  for (int trial = 0; trial < 2000; ++trial) {  // several bytes at once
    Bytes b = trial % 2 ? png : jpg;
    for (int k = 0; k < 5; ++k) b[random.below(static_cast<u32>(b.size()))] = static_cast<u8>(random.word());
    try {
      decode(b);
    } catch (const DataError&) {
    }
  }
}

TEST_CASE("a picture that claims a huge size is refused before it is allocated") {
  Bytes png = encode_png(smooth(4, 4, 3));
  png[16] = 0x10;  // width 2^28
  CHECK_THROWS_AS(decode(png), DataError);
  Bytes b = encode_png(smooth(40, 40, 3));
  CHECK_THROWS_AS(decode_png(b.data(), b.size(), "test", 1599), DataError);
  CHECK_NOTHROW(decode_png(b.data(), b.size(), "test", 1600));
  Bytes j = jpeg(smooth(40, 40, 3), JCS_RGB);
  CHECK_THROWS_AS(decode_jpeg(j.data(), j.size(), "test", 1599), DataError);
  for (std::size_t i = 0; i + 9 < j.size(); ++i)
    if (j[i] == 0xff && j[i + 1] == 0xc0) {
      j[i + 5] = j[i + 7] = 0xff;  // 65,320 x 65,320 in the frame header
      break;
    }
  CHECK(refusal(j).find("more pixels") != std::string::npos);
}

TEST_CASE("other files are refused, missing ones named") {
  CHECK(refusal({}).find("neither PNG nor JPEG") != std::string::npos);
  CHECK(refusal({'G', 'I', 'F', '8', '9', 'a', 0, 0, 0, 0}).find("neither PNG nor JPEG") != std::string::npos);
  CHECK_THROWS_AS(read_image("no_such_file.png"), DataError);
  CHECK_THROWS_AS(read_image("."), DataError);
}

TEST_CASE("grey becomes three equal channels") {
  Tensor<u8> rgb = to_rgb(Tensor<u8>::of({1, 2, 1}, {7, 9}));
  CHECK(rgb.shape() == Shape{1, 2, 3});
  CHECK((rgb[0] == 7 && rgb[2] == 7 && rgb[3] == 9 && rgb[5] == 9));
  Tensor<u8> t = smooth(2, 2, 3);
  CHECK(to_rgb(t).shares_memory(t));
}

TEST_CASE("a JPEG decodes to a half, a quarter and an eighth, near the mean of the squares it stands for") {
  for (i64 c : {1, 3}) {
    Tensor<u8> t({45, 50, c});
    for (i64 y = 0; y < 45; ++y)
      for (i64 x = 0; x < 50; ++x)
        for (i64 k = 0; k < c; ++k)
          t[(y * 50 + x) * c + k] = static_cast<u8>(128 + 90 * std::sin(0.07 * double(x + 2 * y) + double(k)));
    Bytes b = jpeg(t, c == 1 ? JCS_GRAYSCALE : JCS_RGB);
    CHECK(jpeg_extent(b.data(), b.size(), "test") == Shape{45, 50});
    for (i64 s : {1, 2, 4, 8}) {
      Tensor<u8> d = decode_jpeg(b.data(), b.size(), "test", 100'000'000, s);
      REQUIRE(d.shape() == Shape{(45 + s - 1) / s, (50 + s - 1) / s, c});
      for (i64 y = 0; y < 45 / s; ++y)
        for (i64 x = 0; x < 50 / s; ++x)
          for (i64 k = 0; k < c; ++k) {
            double mean = 0;
            for (i64 i = 0; i < s * s; ++i)
              mean += double(t[((y * s + i / s) * 50 + x * s + i % s) * c + k]) / double(s * s);
            CHECK(std::abs(double(d[(y * d.dim(1) + x) * c + k]) - mean) < 12);  // the chroma planes are halved
          }
    }
    CHECK_THROWS_AS(decode_jpeg(b.data(), b.size(), "test", 100'000'000, 3), Error);
  }
}
