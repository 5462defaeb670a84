// pretext/sound_views.hpp
#include <nacre/pretext/sound_views.hpp>

#include "../helpers.hpp"

#include <nacre/data/loader.hpp>

#include <set>

using namespace nacre;
using namespace nacre::test;
using pretext::SoundViews;

namespace {

constexpr i64 mels = 3;

// Frame t of recording r holds 1000 r + t in every band; mean 0 and std 1, so that a window shows what it is.
data::Recordings counted(std::vector<i64> frames) {
  data::Recordings all;
  for (std::size_t r = 0; r < frames.size(); ++r) {
    Tensor<float> l({frames[r], mels});
    for (i64 i = 0; i < l.size(); ++i) l[i] = 1000 * static_cast<float>(r) + static_cast<float>(i / mels);
    all.log_mel.push_back(l);
  }
  all.mean = Tensor<float>::zeros({mels});
  all.std = Tensor<float>::full({mels}, 1);
  all.silence = -1;
  return all;
}
data::Recordings stills() {  // three pictures; the second has two recordings
  data::Recordings r = counted({30, 20, 8, 40});
  r.of = {{0, 1}, {1, 3}, {3, 4}};
  return r;
}
data::Recordings video() {  // three pictures of one video, one of another
  data::Recordings r = counted({100, 60});
  r.of = {{0, 1}, {0, 1}, {0, 1}, {1, 2}};
  r.at = {20, 50, 90, 30};
  return r;
}

data::Images pictures(i64 n) {
  Tensor<u8> pixels({n, 6, 6, 3});
  for (i64 i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<u8>(i * 7);
  return data::make_images(pixels);
}

Batch filled(const SoundViews& views, i64 n, Key key) {
  data::Images images = pictures(n);
  data::Normalization norm = data::mean_std(images);
  Batch b;
  b.index = Tensor<i64>({n});
  views.prepare(b, n, 3);
  for (i64 i = 0; i < n; ++i) {
    b.index[i] = i;
    views.fill(b, i, images[i], norm, key.fold(static_cast<u64>(i)));
  }
  return b;
}

}  // namespace

TEST_CASE("a still picture gets a window of one of its own recordings, at every start in turn") {
  SoundViews views = pretext::sound_views({.image = 4, .frames = 10, .sounds = stills()});
  std::set<i64> starts, recordings, of_short;
  for (u64 k = 0; k < 400; ++k) {
    Batch b = filled(views, 3, Key{k});
    REQUIRE(b.sound.shape() == Shape{3, 10, mels, 1});
    REQUIRE(b.image.shape() == Shape{3, 4, 4, 3});
    CHECK(b.clip[0] == 0);
    CHECK(b.clip[1] == 1);
    CHECK(b.clip[2] == 3);
    starts.insert(b.frame[0]);
    for (i64 t = 0; t < 10; ++t) CHECK(b.sound[t * mels] == static_cast<float>(b.frame[0] + t));
    const float* second = b.sound.data() + 10 * mels;
    i64 recording = 1;
    for (i64 t = 0; t < 10; ++t)
      if (second[t * mels] >= 2000) recording = 2;
    recordings.insert(recording);
    if (recording == 2) {  // 8 frames: all of them in a window of 10
      of_short.insert(b.frame[1]);
      i64 heard = 0;
      for (i64 t = 0; t < 10; ++t) heard += second[t * mels] >= 2000;
      CHECK(heard == 8);
    }
  }
  CHECK(starts.size() == 21);
  CHECK(recordings.size() == 2);
  CHECK(of_short == std::set<i64>{-2, -1, 0});

  views.until = 0.5;  // the last starts are never heard
  starts.clear();
  for (u64 k = 0; k < 400; ++k) starts.insert(filled(views, 3, Key{k}).frame[0]);
  CHECK(starts.size() == 11);
  CHECK(*starts.rbegin() == 10);
}

TEST_CASE("a video's window is centred on its picture; the shifted one is at least the shift away, on either side") {
  SoundViews views = pretext::sound_views({.image = 4, .frames = 10, .shift = 25, .sounds = video()});
  std::set<i64> far;
  for (u64 k = 0; k < 2000; ++k) {
    Batch b = filled(views, 4, Key{k});
    REQUIRE(b.sound.shape() == Shape{8, 10, mels, 1});
    const i64 at[] = {15, 45, 85, 25};
    for (i64 i = 0; i < 4; ++i) {
      CHECK(b.clip[i] == (i < 3 ? 0 : 1));
      CHECK(b.frame[i] == at[i]);
      i64 other = b.frame[4 + i];
      CHECK(std::abs(other - at[i]) >= 25);
      CHECK(other + 5 >= 0);
      CHECK(other + 5 < (i < 3 ? 100 : 60));
      float middle = b.sound[((4 + i) * 10 + 5) * mels];
      CHECK(middle == static_cast<float>(other + 5 + (i < 3 ? 0 : 1000)));
    }
    far.insert(b.frame[4 + 1]);
  }
  CHECK(far.size() == 26 + 25);  // centres 0 .. 25 and 75 .. 99
  CHECK(far.count(20) == 1);
  CHECK(far.count(70) == 1);
}

TEST_CASE("a mask is one run of frames and one of bands, of at most the lengths asked for") {
  data::Recordings r = stills();
  for (auto& l : r.log_mel) l.fill(1);
  SoundViews views = pretext::sound_views({.image = 4, .frames = 8, .mask_frames = 3, .mask_mels = 1, .sounds = r});
  std::set<i64> rows, columns;
  for (u64 k = 0; k < 200; ++k) {
    Batch b = filled(views, 1, Key{k});
    i64 masked_rows = 0, masked_columns = 0, zeros = 0;
    for (i64 t = 0; t < 8; ++t) {
      bool all = true;
      for (i64 m = 0; m < mels; ++m) all = all && b.sound[t * mels + m] == 0;
      masked_rows += all;
    }
    for (i64 m = 0; m < mels; ++m) {
      bool all = true;
      for (i64 t = 0; t < 8; ++t) all = all && b.sound[t * mels + m] == 0;
      masked_columns += all;
    }
    for (float x : b.sound.span()) zeros += x == 0;
    CHECK(zeros == masked_rows * mels + masked_columns * 8 - masked_rows * masked_columns);
    rows.insert(masked_rows);
    columns.insert(masked_columns);
  }
  CHECK(rows == std::set<i64>{0, 1, 2, 3});
  CHECK(columns == std::set<i64>{0, 1});
}

TEST_CASE("views are a pure function of the key, in a loader at any thread count") {
  SoundViews views = pretext::sound_views({.image = 4, .frames = 10, .mask_frames = 2, .sounds = stills()});
  Batch a = filled(views, 3, Key{1}), b = filled(views, 3, Key{1}), c = filled(views, 3, Key{2});
  CHECK(same_bits(a.sound, b.sound));
  CHECK(same_bits(a.image, b.image));
  CHECK(!same_bits(a.sound, c.sound));
  auto run = [&] {
    Loader loader(pictures(3), views, {.batch = 3, .epochs = 2}, Key{5});
    loader.next();
    Batch* second = loader.next();
    return second->sound.clone();
  };
  CHECK(same_bits(with_threads(1, run), with_threads(3, run)));
}

TEST_CASE("impossible options") {
  auto wrong = [](SoundViews o, const char* why) {
    check_message([&] { pretext::sound_views(o); }, {"sound_views", why});
  };
  wrong({}, "no sounds");
  wrong({.frames = 0, .sounds = stills()}, "frames 0");
  wrong({.frames = 8, .mask_frames = 8, .sounds = stills()}, "masks of 8 frames");
  wrong({.until = 0, .sounds = stills()}, "until 0");
  wrong({.mask_mels = 3, .sounds = stills()}, "3 bands");
  wrong({.shift = 5, .sounds = stills()}, "still picture");
  wrong({.shift = 45, .sounds = video()}, "picture 3");  // at 30 of 60: no moment is 45 away
  SoundViews views = pretext::sound_views({.image = 4, .frames = 10, .sounds = stills()});
  check_message([&] { filled(views, 4, Key{1}); }, {"picture 3 has no sounds", "3 pictures"});
}
