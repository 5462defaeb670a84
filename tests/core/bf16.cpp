// core/bf16.hpp
#include "../helpers.hpp"

using namespace nacre;

TEST_CASE("every bf16 survives a float and back") {
  for (u32 bits = 0; bits < 0x10000; ++bits) {
    bf16 h;
    h.bits = static_cast<std::uint16_t>(bits);
    float f = static_cast<float>(h);
    if (f == f) CHECK_UNARY(bf16(f) == h);
    else CHECK_UNARY(bf16(f).bits == 0x7fff);
  }
}

TEST_CASE("floats round to the nearest bf16, ties to even, beyond the largest to infinity") {
  auto rounded = [](u32 bits) { return bf16(std::bit_cast<float>(bits)).bits; };
  CHECK(rounded(0x3f800000) == 0x3f80);
  CHECK(rounded(0x3f807fff) == 0x3f80);
  CHECK(rounded(0x3f808000) == 0x3f80);  // tie: 0x3f80 is even
  CHECK(rounded(0x3f808001) == 0x3f81);
  CHECK(rounded(0x3f818000) == 0x3f82);  // tie: up to even
  CHECK(rounded(0x7f7fffff) == 0x7f80);  // largest float
  CHECK(rounded(0xff800000) == 0xff80);  // -infinity stays
  CHECK(rounded(0x80000001) == 0x8000);  // sign of zero stays
}
