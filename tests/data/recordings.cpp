// data/recordings.hpp
#include <nacre/data/recordings.hpp>

#include "../helpers.hpp"

using namespace nacre;
using namespace nacre::test;
using data::Recordings;

namespace {

// Frame t of band b of recording r holds 100 r + t + b / 2.
Recordings counted(std::vector<i64> frames, i64 mels = 2) {
  Recordings all;
  for (std::size_t r = 0; r < frames.size(); ++r) {
    Tensor<float> l({frames[r], mels});
    for (i64 i = 0; i < l.size(); ++i)
      l[i] = 100 * static_cast<float>(r) + static_cast<float>(i / mels) + 0.5f * static_cast<float>(i % mels);
    all.log_mel.push_back(l);
    all.of.push_back({static_cast<i64>(r), static_cast<i64>(r) + 1});
  }
  data::measure(all, -7);
  return all;
}

}  // namespace

TEST_CASE("mean and std are those of each band over all frames; a constant band has no std below 1e-3") {
  Recordings r = counted({2, 1});  // 0, 1, 100
  double mean = 101.0 / 3;
  CHECK(r.mean[0] == doctest::Approx(mean));
  CHECK(r.mean[1] == doctest::Approx(mean + 0.5));
  double squares = mean * mean + (mean - 1) * (mean - 1) + (100 - mean) * (100 - mean);
  CHECK(r.std[0] == doctest::Approx(std::sqrt(squares / 3)));
  CHECK(counted({1}).std[0] == 1e-3f);
}

TEST_CASE("a window is the frames it names, normalised, and silence outside of the recording") {
  Recordings r = counted({5, 3});
  Tensor<float> w = data::sound_batch(r, {{0, -1}, {1, 1}}, 3);
  CHECK(w.shape() == Shape{2, 3, 2, 1});
  auto normal = [&](float x, i64 b) { return (x - r.mean[b]) / r.std[b]; };
  const float expected[] = {-7, -7, 0, 0.5f, 1, 1.5f, 101, 101.5f, 102, 102.5f, -7, -7};
  for (i64 i = 0; i < w.size(); ++i) CHECK(w[i] == normal(expected[i], i % 2));
  CHECK(data::middle(r, 0, 3).start == 1);
  CHECK(data::middle(r, 1, 6).start == -1);
  CHECK(data::last(r, 0, 3).start == 2);
  CHECK(data::last(r, 1, 6).start == 0);
  CHECK(same_bits(data::sound_batch(r, 0, 2, data::last, 3), data::sound_batch(r, {{0, 2}, {1, 0}}, 3)));
  check_message([&] { data::sound_batch(r, 1, 3, data::last, 3); }, {"sound_batch", "[1, 3) of 2"});
  CHECK(r.starts(0, 3).begin == 0);
  CHECK(r.starts(0, 3).end == 3);   // 0, 1, 2
  CHECK(r.starts(1, 5).begin == -2);
  CHECK(r.starts(1, 5).end == 1);   // -2, -1, 0
}

TEST_CASE("a video's frames are seen at their own times") {
  data::LogMel o;  // 100 frames a second
  Recordings r;
  data::append_video(r, {Tensor<float>::zeros({2 * o.rate}), o.rate}, 20, 10, o);
  data::append_video(r, {Tensor<float>::zeros({2 * o.rate}), o.rate}, 5, 5, o);
  data::measure(r, o.silence());
  REQUIRE(r.at.size() == 25);
  CHECK(r.at[0] == 4);    // 50 ms, whose spectrogram frame begins 12.5 ms before its centre
  CHECK(r.at[19] == 194);
  CHECK(r.at[20] == 9);
  CHECK(r.of_picture(24).begin == 1);
  CHECK(data::around(r, 19, 50).start == 169);
  CHECK(data::around(r, 19, 50).recording == 0);
}

TEST_CASE("what does not fit together") {
  Recordings r = counted({3, 3});
  r.of[1] = {1, 3};
  check_message([&] { data::measure(r, 0); }, {"measure", "picture 1", "1 to 3 of 2"});
  r = counted({3, 3});
  r.log_mel[1] = Tensor<float>({3, 4});
  check_message([&] { data::measure(r, 0); }, {"measure", "[3, 4]", "[frames, 2]"});
  r = counted({3});
  r.at = {1, 2};
  check_message([&] { data::measure(r, 0); }, {"measure", "2 moments"});
  check_message([&] { data::sound_batch(counted({3}), {{1, 0}}, 2); }, {"sound_batch", "recording 1 of 1"});
  check_message([&] { data::sound_batch({}, {}, 2); }, {"sound_batch", "0 bands"});
}
