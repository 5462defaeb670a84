// CRC-32 and SHA-256 against published values and Python's zlib and hashlib.
#include <nacre/io/crc32.hpp>
#include <nacre/io/sha256.hpp>

#include <doctest/doctest.h>

using namespace nacre;

TEST_CASE("crc32 has the published check value and starts at 0") {
  CHECK(io::crc32(0, "123456789", 9) == 0xCBF43926u);
  CHECK(io::crc32(0, "", 0) == 0);
}

TEST_CASE("crc32 of a text in two pieces, at any cut, is that of the whole") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i * 37);
  u32 whole = io::crc32(0, text.data(), text.size());
  CHECK(whole == 0x9ccfbcebu);
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    CHECK(io::crc32(io::crc32(0, text.data(), cut), text.data() + cut, text.size() - cut) == whole);
}

TEST_CASE("sha256 has the published values") {
  CHECK(io::sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(io::sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(io::sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(io::sha256(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256 is right for every length around its blocks, whole and byte by byte") {
  io::Sha256 all;
  for (std::size_t n = 0; n < 200; ++n) {
    std::string text(n, static_cast<char>(n));
    io::Sha256 pieces;
    for (char c : text) pieces.update(std::string_view(&c, 1));
    CHECK(pieces.hex() == io::sha256(text));
    all.update(io::sha256(text));
  }
  CHECK(all.hex() == "c86ce814ed1233ab1d4b273da1b6b13765cd39e72e81ce941452479e70ff1b10");
}
