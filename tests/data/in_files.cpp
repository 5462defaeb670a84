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

TEST_CASE("a file that is gone, broken or another one later is an error with its name, listed once") {
  Waves w("in_files_broken", 4);
  Images left = w.images(0);
  auto refusal = [&](i64 i) -> std::string {
    try {
      left[i].data();
    } catch (const PictureError& e) {
      return e.what();
    }
    return "accepted";
  };
  CHECK(refusal(0) == "accepted");
  CHECK(left.unreadable().empty());
  std::string bytes = io::read_file(w.file(0), 1 << 20);
  io::replace_file(w.file(0), bytes.substr(0, bytes.size() / 2));
  CHECK(refusal(0).find("0.jpg") != std::string::npos);
  io::replace_file(w.file(2), io::read_file(w.file(1), 1 << 20));
  CHECK(refusal(2).find("another size") != std::string::npos);
  std::filesystem::remove(w.file(1));
  CHECK(refusal(1).find("1.jpg") != std::string::npos);
  CHECK(refusal(0) != "accepted");
  Images part = subset(left, {3, 1});
  CHECK_THROWS_AS(part[1].data(), PictureError);
  REQUIRE(left.unreadable().size() == 3);
  for (std::size_t i : {0, 1, 2}) CHECK(left.unreadable()[i].find(std::to_string(i) + ".jpg") != std::string::npos);
  CHECK(part.unreadable() == left.unreadable());

  // Of the fourth alone: its pixels, and zeros in the places of the others.
  Tensor<float> rows = evaluation_batch(left, 0, 4, 64, plain);
  CHECK(same(rows.rows(3, 4), evaluation_batch(left, 3, 4, 64, plain)));
  double sums[4] = {};
  for (i64 i = 0; i < rows.size(); ++i) sums[i / (64 * 64 * 3)] += std::abs(double(rows[i]));
  CHECK((sums[0] == 0 && sums[1] == 0 && sums[2] == 0 && sums[3] > 0));
  Normalization all = mean_std(left), fourth = mean_std(subset(left, {3}));
  CHECK((all.mean == fourth.mean && all.std == fourth.std));

  io::replace_file(w.file(0), "\xff\xd8\xff broken");  // more than 1 % seen by their headers
  CHECK_THROWS_AS(w.images(0), DataError);
}

TEST_CASE(
    "training steps over pictures that break off after their header: the next one stands in, at any thread count") {
  Waves w("in_files_cut", 6);
  for (i64 i : {1, 4, 5}) {  // 5 is the PNG, and the last: 0 follows
    std::string file = w.file(i, i == 5 ? ".png" : ".jpg"), bytes = io::read_file(file, 1 << 20);
    io::replace_file(file, bytes.substr(0, bytes.size() / 2));
  }
  int before = threads();
  Tensor<float> first;
  for (int n : {1, 3}) {
    set_threads(n);
    Images images = w.images(0);
    for (i64 i = 0; i < 6; ++i) images.labels[i] = 10 * i;
    REQUIRE((images.size() == 6 && images.skipped.empty() && images.unreadable().empty()));
    auto views = pretext::jigsaw_views({.image = 24, .square = 24});
    Loader loader(images, views, {.batch = 6, .epochs = 2, .normalization = plain}, Key{3});
    for (Batch& b : loader) {
      std::vector<i64> seen(6);
      for (i64 i = 0; i < 6; ++i) {
        ++seen[static_cast<std::size_t>(b.index[i])];
        CHECK(b.label[i] == 10 * b.index[i]);
      }
      CHECK(seen == std::vector<i64>{3, 0, 2, 1, 0, 0});
      if (b.step > 0) continue;
      if (n == 1) first = b.image.clone();
      CHECK(same(b.image, first));
    }
    REQUIRE(images.unreadable().size() == 3);
    CHECK(images.unreadable()[0].find("1.jpg") != std::string::npos);
  }
  set_threads(before);

  Images images = w.images(0);
  for (i64 i : {0, 2, 3}) std::filesystem::remove(w.file(i));
  Loader loader(images, pretext::jigsaw_views({.image = 24}), {.batch = 3, .normalization = plain}, Key{3});
  std::string text;
  try {
    loader.next();
  } catch (const DataError& e) {
    text = e.what();
  }
  CHECK(text.find("none of the 6 pictures") != std::string::npos);
  CHECK_THROWS_AS(w.images(0), DataError);  // nor is a set opened of which nothing can be decoded
}
