#include <nacre/data/file.hpp>
#include <nacre/data/idx.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>

#include <zlib.h>

using namespace nacre;
using namespace nacre::data;

namespace {

using Bytes = std::vector<u8>;

Bytes idx(std::vector<u32> sizes, std::size_t data) {
  Bytes b{0, 0, 8, static_cast<u8>(sizes.size())};
  for (u32 s : sizes)
    for (int k = 24; k >= 0; k -= 8) b.push_back(static_cast<u8>(s >> k));
  for (std::size_t i = 0; i < data; ++i) b.push_back(static_cast<u8>(i * 37 % 10));
  return b;
}
Bytes gzip(const Bytes& in) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(in.size() + 1000);
  z.next_in = const_cast<u8*>(in.data());
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}
Tensor<u8> parse(const Bytes& b) { return parse_idx(b.data(), b.size(), "test"); }
std::string refusal(const Bytes& b) {
  try {
    parse(b);
  } catch (const DataError& e) {
    return e.what();
  }
  return "accepted";
}
void save(const std::string& path, const Bytes& b) {
  std::FILE* f = std::fopen(path.c_str(), "wb");
  REQUIRE(f != nullptr);
  std::fwrite(b.data(), 1, b.size(), f);
  std::fclose(f);
}

}  // namespace

TEST_CASE("plain and gzip IDX files hold the same array") {
  for (auto sizes : {std::vector<u32>{60}, {5, 12}, {3, 4, 5}}) {
    Tensor<u8> a = parse(idx(sizes, 60)), b = parse(gzip(idx(sizes, 60)));
    CHECK(a.rank() == static_cast<int>(sizes.size()));
    CHECK(a.shape() == b.shape());
    for (i64 i = 0; i < 60; ++i) CHECK((a[i] == i * 37 % 10 && b[i] == a[i]));
  }
}

TEST_CASE("a truncated, lengthened or doubled IDX file is refused at every length") {
  for (Bytes whole : {idx({3, 4, 5}, 60), gzip(idx({3, 4, 5}, 60))}) {
    for (std::size_t n = 0; n < whole.size(); ++n) {
      CAPTURE(n);
      CHECK_THROWS_AS(parse(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))), DataError);
    }
    Bytes more = whole;
    more.push_back(0);
    CHECK_THROWS_AS(parse(more), DataError);
    more = whole;
    more.insert(more.end(), whole.begin(), whole.end());  // a second gzip member
    CHECK_THROWS_AS(parse(more), DataError);
  }
  CHECK(refusal(gzip(idx({3, 4, 5}, 61))).find("more bytes than its header says") != std::string::npos);
}

TEST_CASE("any changed bit of a gzip member's data or check sum is refused, but for the padding of its last byte") {
  Bytes whole = gzip(idx({3, 4, 5}, 60));
  Tensor<u8> right = parse(whole);
  int accepted = 0;
  for (std::size_t i = 10; i < whole.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      Bytes b = whole;
      b[i] ^= static_cast<u8>(1 << bit);
      try {
        Tensor<u8> t = parse(b);
        CHECK(std::memcmp(t.data(), right.data(), 60) == 0);
        ++accepted;
      } catch (const DataError&) {
      }
    }
  CHECK(accepted <= 7);
}

TEST_CASE("sizes that lie are refused before anything is allocated") {
  CHECK(refusal(idx({0xffffffff, 0xffffffff, 0xffffffff}, 60)).find("claims") != std::string::npos);
  CHECK(refusal(idx({1u << 20, 1u << 10, 4}, 60)).find("can hold") != std::string::npos);
  CHECK(refusal(gzip(idx({1u << 20, 1u << 10, 4}, 60))).find("can hold") != std::string::npos);
  Bytes b = idx({3, 4, 5}, 60);
  CHECK_THROWS_AS(parse_idx(b.data(), b.size(), "test", 59), DataError);
}

TEST_CASE("other magics are refused") {
  for (std::size_t i = 0; i < 3; ++i) {
    Bytes b = idx({3, 4, 5}, 60);
    b[i] = 13;
    CHECK(refusal(b).find("not an IDX file") != std::string::npos);
  }
  CHECK(refusal({0, 0, 8, 0}).find("not an IDX file") != std::string::npos);
  CHECK(refusal({0, 0, 8, 4}).find("not an IDX file") != std::string::npos);
}

TEST_CASE("labels must be as many as pictures and below the number of classes") {
  std::string dir = "idx_test_";
  save(dir + "x", idx({6, 2, 2}, 24));
  save(dir + "y", idx({6}, 6));
  save(dir + "y5", idx({5}, 5));
  std::vector<std::string> classes(10, "c");
  Images images = read_idx_images(dir + "x", dir + "y", "t", classes);
  CHECK((images.size() == 6 && images.channels == 1 && images.labels[1] == 7));
  CHECK_THROWS_AS(read_idx_images(dir + "x", dir + "y5", "t", classes), DataError);
  CHECK_THROWS_AS(read_idx_images(dir + "y", dir + "x", "t", classes), DataError);
  CHECK_THROWS_AS(read_idx_images(dir + "x", dir + "y", "t", std::vector<std::string>(7, "c")), DataError);
  for (const char* f : {"x", "y", "y5"}) std::remove((dir + f).c_str());
  CHECK_THROWS_AS(fashion_mnist("no/such/folder"), DataError);
}

TEST_CASE("Debian's Fashion-MNIST has its known size, mean and deviation") {
  if (!is_directory(fashion_mnist_directory)) {
    MESSAGE("skipped: dataset-fashion-mnist is not installed");
    return;
  }
  Images train = fashion_mnist(), test = fashion_mnist_test();
  CHECK((train.size() == 60000 && test.size() == 10000 && train[0].height == 28 && train[0].width == 28));
  Normalization n = mean_std(train);
  CHECK(n.mean[0] == doctest::Approx(0.2860).epsilon(1e-3));
  CHECK(n.std[0] == doctest::Approx(0.3530).epsilon(1e-3));
  std::vector<int> count(10);
  for (i64 i = 0; i < 60000; ++i) ++count[static_cast<std::size_t>(train.labels[i])];
  for (int c : count) CHECK(c == 6000);
}
