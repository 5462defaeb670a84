#include <nacre/core/parallel.hpp>
#include <nacre/data/loader.hpp>
#include <nacre/pretext/jigsaw.hpp>
#include <nacre/pretext/two_views.hpp>

#include <doctest/doctest.h>

#include <cstring>

using namespace nacre;

namespace {

data::Images noise(i64 n, i64 size = 14, i64 channels = 3) {
  Tensor<u8> pixels({n, size, size, channels});
  Random random(Key{3});
  for (u8& v : pixels.span()) v = static_cast<u8>(random.word());
  return data::make_images(pixels);
}
constexpr Key key{11};

// Everything a batch holds, as bytes.
std::string bytes(const Batch& b) {
  std::string s = std::to_string(b.epoch) + " " + std::to_string(b.step) + " " + std::to_string(b.progress);
  auto add = [&](const auto& t) {
    if (!t.empty())
      s.append(reinterpret_cast<const char*>(t.data()), static_cast<std::size_t>(t.size()) * sizeof(t[0]));
  };
  add(b.image);
  add(b.patches);
  add(b.order);
  add(b.puzzle);
  add(b.index);
  return s;
}
std::vector<std::string> all(Loader& loader) {
  std::vector<std::string> s;
  for (Batch& b : loader) s.push_back(bytes(b));
  return s;
}

struct Faulty {  // fails in the given step
  i64 bad = 0;
  void prepare(Batch& b, i64 batch, i64) const { data::reuse(b.image, {batch, 1, 1, 1}); }
  void fill(Batch& b, i64 row, const data::Picture&, const data::Normalization&, Key) const {
    if (b.step == bad && row == 1) fail<DataError>("faulty", "row 1 is broken");
    b.image[row] = static_cast<float>(b.step);
  }
};

}  // namespace

TEST_CASE("an epoch visits every sample at most once, another epoch in another order, another remainder left out") {
  data::Images images = noise(50, 4, 1);
  Loader loader(images, pretext::one_view({.image = 4}), {.batch = 8, .epochs = 20}, key);
  CHECK(loader.steps_per_epoch() == 6);
  CHECK(loader.steps() == 120);
  std::vector<int> total(50), seen(50);
  std::vector<i64> first[20];
  i64 step = 0;
  for (Batch& b : loader) {
    CHECK((b.step == step && b.epoch == step / 6 && b.progress == static_cast<float>(step) / 120));
    if (step % 6 == 0) seen.assign(50, 0);
    for (i64 i = 0; i < 8; ++i) {
      i64 index = b.index[i];
      REQUIRE((index >= 0 && index < 50));
      CHECK(++seen[static_cast<std::size_t>(index)] == 1);
      ++total[static_cast<std::size_t>(index)];
      first[b.epoch].push_back(index);
    }
    ++step;
  }
  CHECK(step == 120);
  for (int t : total) CHECK((t >= 13 && t <= 20));
  CHECK(first[0] != first[1]);
}

TEST_CASE("the thread count changes no bit") {
  data::Images images = noise(40);
  int before = threads();
  std::vector<std::string> expected;
  for (int n : {1, 2, 3, 7}) {
    set_threads(n);
    Loader jigsaw(images, pretext::jigsaw_views({.image = 12}), {.batch = 16, .epochs = 3}, key);
    Loader views(images, pretext::two_views({.image = 12}), {.batch = 16, .epochs = 3}, key);
    std::vector<std::string> got = all(jigsaw);
    for (std::string& s : all(views)) got.push_back(s);
    if (n == 1) expected = got;
    CHECK(got.size() == 12);
    CHECK(got == expected);
  }
  set_threads(before);
}

TEST_CASE("a run continued at any step is the same run") {
  data::Images images = noise(40);
  auto views = pretext::jigsaw_views({.image = 12});
  Loader loader(images, views, {.batch = 16, .epochs = 4}, key);
  std::vector<std::string> expected = all(loader);
  CHECK(loader.next() == nullptr);
  for (i64 step = 0; step <= 8; ++step) {
    Loader other(images, views, {.batch = 16, .epochs = 4}, key);
    other.seek(step);
    std::vector<std::string> rest = all(other);
    CHECK(rest == std::vector<std::string>(expected.begin() + step, expected.end()));
    loader.seek(step);  // and in a used one
    Batch* b = loader.next();
    CHECK((step == 8 ? b == nullptr : bytes(*b) == expected[static_cast<std::size_t>(step)]));
  }
  CHECK_THROWS_AS(loader.seek(9), Error);
  CHECK_THROWS_AS(loader.seek(-1), Error);
}

TEST_CASE("epochs, samples and keys give other views") {
  data::Images images = noise(16);
  auto views = pretext::one_view({.image = 12});
  Loader a(images, views, {.batch = 16, .epochs = 2}, key), b(images, views, {.batch = 16, .epochs = 2}, Key{12});
  auto row_of = [](const Batch& batch, i64 index) {
    for (i64 i = 0; i < 16; ++i)
      if (batch.index[i] == index)
        return std::string(reinterpret_cast<const char*>(batch.image.data() + i * 432), 432 * 4);
    return std::string();
  };
  std::string first = row_of(*a.next(), 5), second = row_of(*a.next(), 5), other = row_of(*b.next(), 5);
  CHECK((first.size() == 432 * 4 && second.size() == first.size() && other.size() == first.size()));
  CHECK(first != second);
  CHECK(first != other);
}

TEST_CASE("the normalization is that of the images unless it is given") {
  data::Images images = noise(16);
  Loader a(images, pretext::one_view({.image = 14, .augment = data::identity}), {.batch = 16}, key);
  double sum = 0, squares = 0;
  Batch& batch = *a.next();
  for (float v : batch.image.span()) {
    sum += double(v);
    squares += double(v) * double(v);
  }
  double n = static_cast<double>(batch.image.size());
  CHECK(std::abs(sum / n) < 1e-5);
  CHECK(squares / n == doctest::Approx(1).epsilon(1e-4));
  Loader b(images, pretext::one_view({.image = 14}), {.batch = 16, .normalization = data::imagenet_normalization}, key);
  CHECK(b.normalization().mean == data::imagenet_normalization.mean);
}

TEST_CASE("after two batches the memory is reused, except where somebody still holds it") {
  data::Images images = noise(64);
  Loader loader(images, pretext::jigsaw_views({.image = 12}), {.batch = 8, .epochs = 2}, key);
  std::vector<const float*> where;
  for (Batch& b : loader) where.push_back(b.patches.data());
  for (std::size_t i = 2; i < where.size(); ++i) CHECK(where[i] == where[i - 2]);

  loader.seek(0);
  Tensor<float> held;
  std::string before;
  for (Batch& b : loader)
    if (b.step == 0) {
      held = b.image;
      before.assign(reinterpret_cast<const char*>(held.data()), static_cast<std::size_t>(held.size()) * 4);
    }
  CHECK(std::memcmp(held.data(), before.data(), before.size()) == 0);
}

TEST_CASE("an error while filling reaches the consumer in its step, and the loader survives it") {
  data::Images images = noise(40, 2, 1);
  for (i64 bad : {0, 1, 3}) {
    Loader loader(images, Faulty{bad}, {.batch = 8}, key);
    for (i64 step = 0; step < bad; ++step) CHECK(loader.next()->image[0] == static_cast<float>(step));
    CHECK_THROWS_AS(loader.next(), DataError);
    CHECK_THROWS_AS(loader.next(), DataError);  // again: nothing is skipped in silence
    loader.seek(bad + 1);
    CHECK(loader.next()->step == bad + 1);
  }
}

TEST_CASE("a loader can be left at any moment") {
  data::Images images = noise(64);
  for (int taken = 0; taken < 5; ++taken) {
    Loader loader(images, pretext::jigsaw_views({.image = 12}), {.batch = 8, .epochs = 100}, key);
    for (int i = 0; i < taken; ++i) loader.next();
    Loader moved = std::move(loader);
    CHECK(moved.next()->step == taken);
  }
}

TEST_CASE("fewer pictures than a batch is an error that says so") {
  auto views = pretext::one_view({.image = 4});
  std::string text;
  try {
    Loader loader(noise(7), views, {.batch = 8}, key);
  } catch (const DataError& e) {
    text = e.what();
  }
  CHECK(text.find("7 pictures") != std::string::npos);
  CHECK(text.find("batch of 8") != std::string::npos);
  CHECK_THROWS_AS(Loader(noise(7), views, {.batch = 0}, key), Error);
  CHECK_THROWS_AS(Loader(noise(7), views, {.batch = 4, .epochs = 0}, key), Error);
  CHECK_THROWS_AS(Loader(data::Images{}, views, {.batch = 1}, key), DataError);
}
