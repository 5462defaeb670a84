// Sets that are too large to hold decoded: data::open with a budget, Picture::at, and who looks at pictures.
#include <nacre/core/parallel.hpp>
#include <nacre/data/augment.hpp>
#include <nacre/data/loader.hpp>
#include <nacre/data/open.hpp>
#include <nacre/io/file.hpp>
#include <nacre/pretext/jigsaw.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "jpeg_writer.hpp"

using namespace nacre;
using namespace nacre::data;

namespace {

// train/a/0.jpg .. : waves of 90 x 120, 91 x 120, ..; the last is a PNG. Removed at the end.
struct Waves {
  std::string path, dir;

  Waves(const std::string& name, i64 n) : path(name), dir(name + "/train/a") {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(dir);
    for (i64 i = 0; i < n; ++i) {
      Tensor<u8> t({90 + i, 120, 3});
      for (i64 k = 0; k < t.size(); ++k)
        t[k] = static_cast<u8>(128 + 90 * std::sin(0.05 * double(k / 3 % 120 + k / 360) + double(i + k % 3)));
      if (i + 1 == n) write_png(file(i, ".png"), t);
      else {
        std::vector<u8> b = nacre_test::jpeg(t, JCS_RGB);
        io::replace_file(file(i), {reinterpret_cast<const char*>(b.data()), b.size()});
      }
    }
  }
  ~Waves() { std::filesystem::remove_all(path); }
  std::string file(i64 i, const char* end = ".jpg") const { return dir + "/" + std::to_string(i) + end; }
  Images images(i64 budget) const { return open("folder:" + path, budget).train; }
};

double difference(const Tensor<float>& a, const Tensor<float>& b) {  // mean
  REQUIRE(a.shape() == b.shape());
  double sum = 0;
  for (i64 i = 0; i < a.size(); ++i) sum += std::abs(double(a[i]) - double(b[i]));
  return sum / double(a.size());
}
bool same(const Tensor<float>& a, const Tensor<float>& b) {
  return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * 4) == 0;
}
constexpr Normalization plain{{0, 0, 0}, {1, 1, 1}};

}  // namespace

TEST_CASE("the budget decides what stays in files, to the byte") {
  Waves w("in_files_budget", 4);
  i64 bytes = 3 * 120 * (90 + 91 + 92 + 93);
  Images held = w.images(bytes), left = w.images(bytes - 1);
  CHECK((held.files.empty() && held.pixels.size() == bytes));
  CHECK((left.files.size() == 4 && left.pixels.empty() && left.size() == 4 && left.labelled() && !left.dense()));
  CHECK(left.fingerprint != held.fingerprint);
  CHECK(left.fingerprint == w.images(0).fingerprint);
  for (i64 i = 0; i < 4; ++i) {
    CHECK((left[i].height == 90 + i && left[i].width == 120 && left[i].channels == 3));
    CHECK(std::memcmp(left[i].data(), held[i].data(), static_cast<std::size_t>(3 * 120 * (90 + i))) == 0);
  }
  Normalization a = mean_std(held), b = mean_std(left);
  CHECK((a.mean == b.mean && a.std == b.std));
  Images two = subset(left, {2, 0});
  CHECK((two.size() == 2 && two[0].height == 92 && two[1].height == 90 && two.fingerprint != left.fingerprint));
  CHECK(two[0].data()[5] == left[2].data()[5]);
}

TEST_CASE("a picture is decoded at the coarsest scale that has a pixel for every output, and once for all its views") {
  Waves w("in_files_scale", 2);
  Images held = w.images(1 << 30), left = w.images(0);
  for (auto [size, shrink] : {std::pair<i64, i64>{46, 1}, {45, 2}, {23, 2}, {22, 4}, {12, 4}, {11, 8}, {3, 8}}) {
    CAPTURE(size);
    Picture p = left[0], q = held[0];
    Canvas c = canvas(0, size, 3);
    resize(p, {0, 0, 90, 120}, false, c);
    CHECK(p.decoded_shrink == shrink);
    std::vector<float> from_file(c.data, c.data + c.stride * 3);
    const u8* decoded = p.at(8).data;
    resize(p, {0, 0, 90, 120}, false, c);
    CHECK(p.at(8).data == decoded);
    resize(q, {0, 0, 90, 120}, false, c);
    double worst = 0;
    for (std::size_t i = 0; i < from_file.size(); ++i)
      worst = std::max(worst, std::abs(double(from_file[i]) - double(c.data[i])));
    if (shrink == 1) CHECK(worst == 0);
    else CHECK(worst < 0.06);  // 15 of 255: waves of 126 pixels, halved chroma
  }
  Picture p = left[0];
  p.at(4);
  CHECK(p.decoded_shrink == 4);
  p.at(2);
  CHECK(p.decoded_shrink == 2);  // finer is decoded anew
  p.at(8);
  CHECK(p.decoded_shrink == 2);  // coarser is not
  Picture png = left[1];
  CHECK((png.at(8).shrink == 1 && png.at(8).width == 120));
  Canvas c = canvas(0, 16, 3);  // a crop that is no whole number of reduced pixels
  resize(left[0], {13, 27, 67, 71}, true, c);
  std::vector<float> crop(c.data, c.data + c.stride * 3);
  resize(held[0], {13, 27, 67, 71}, true, c);
  double worst = 0;
  for (std::size_t i = 0; i < crop.size(); ++i) worst = std::max(worst, std::abs(double(crop[i]) - double(c.data[i])));
  CHECK(worst < 0.06);
}

TEST_CASE("evaluation and loading see a set in files as they see one in memory, at any thread count") {
  Waves w("in_files_views", 6);
  Images held = w.images(1 << 30), left = w.images(0);
  CHECK(same(evaluation_batch(left, 0, 6, 64, plain), evaluation_batch(held, 0, 6, 64, plain)));  // no shrink fits
  CHECK(difference(evaluation_batch(left, 0, 6, 24, plain), evaluation_batch(held, 0, 6, 24, plain)) < 0.02);
  auto first = [&](const Images& images, i64 size) {
    auto views = pretext::jigsaw_views({.image = size, .square = 24});
    Loader loader(images, views, {.batch = 6, .normalization = plain}, Key{3});
    Batch* b = loader.next();
    return std::pair{b->image.clone(), b->patches.clone()};
  };
  int before = threads();
  set_threads(1);
  auto [image, patches] = first(left, 24);
  set_threads(3);
  auto [image3, patches3] = first(left, 24);
  set_threads(before);
  CHECK((same(image, image3) && same(patches, patches3)));
  CHECK(difference(image, first(held, 24).first) < 0.02);
  CHECK(same(first(left, 96).first, first(held, 96).first));  // the image view needs every pixel
}

TEST_CASE("a file that is gone, broken or another one later is an error with its name") {
  Waves w("in_files_broken", 3);
  Images left = w.images(0);
  auto refusal = [&](i64 i) -> std::string {
    try {
      left[i].data();
    } catch (const DataError& e) {
      return e.what();
    }
    return "accepted";
  };
  CHECK(refusal(0) == "accepted");
  std::string bytes = io::read_file(w.file(0), 1 << 20);
  io::replace_file(w.file(0), bytes.substr(0, bytes.size() / 2));
  CHECK(refusal(0).find("0.jpg") != std::string::npos);
  io::replace_file(w.file(0), io::read_file(w.file(1), 1 << 20));
  CHECK(refusal(0).find("another size") != std::string::npos);
  std::filesystem::remove(w.file(1));
  CHECK(refusal(1).find("1.jpg") != std::string::npos);
  auto views = pretext::jigsaw_views({.image = 24});
  Loader loader(left, views, {.batch = 3, .normalization = plain}, Key{3});
  CHECK_THROWS_AS(loader.next(), DataError);
  io::replace_file(w.file(0), "\xff\xd8\xff broken");  // two of three, seen by their headers
  CHECK_THROWS_AS(w.images(0), DataError);
}
