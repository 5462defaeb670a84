// data/talking_pictures.hpp: a folder made here.
#include <nacre/data/talking_pictures.hpp>

#include "../helpers.hpp"
#include "../io/scratch.hpp"

#include <nacre/data/wav.hpp>


using namespace nacre;
using namespace nacre::test;

namespace {

// Stands for a codec: the first byte is the colour, the second the width; the height is 4.
Tensor<u8> read_dot(const std::string& path, i64) {
  std::string bytes = scratch::content(path);
  nacre::check<DataError>(bytes.size() == 2, "read_dot", [&] { return path + " is broken"; });
  return Tensor<u8>::full({4, bytes[1], 1}, static_cast<u8>(bytes[0]));
}

void beep(const std::string& path, double seconds) {
  data::Sound s{Tensor<float>({static_cast<i64>(seconds * 16000)}), 16000};
  auto loud = static_cast<float>(0.4 * seconds);
  for (i64 i = 0; i < s.samples.size(); ++i) s.samples[i] = i % 16 < 8 ? loud : -loud;
  data::write_wav(path, s);
}

struct Folder {
  scratch::Directory dir;
  Folder() {
    std::filesystem::create_directory(dir / "sub");
    scratch::put(dir / "a.png", {10, 4});
    scratch::put(dir / "a_b.png", {20, 8});
    scratch::put(dir / "alone.png", {30, 8});
    scratch::put(dir / "sub/c.jpg", {40, 2});
    scratch::put(dir / "sub/c.txt", "?");
    beep(dir / "a.wav", 0.3);
    beep(dir / "a_b_desc.wav", 0.5);
    beep(dir / "a_b_desc_fr.wav", 0.6);
    beep(dir / "a_desc.wav", 0.4);
    beep(dir / "sub/c_desc.wav", 2);
    beep(dir / "nobody.wav", 0.3);
  }
};

}  // namespace

TEST_CASE("a sound belongs to the longest name that fits; pictures without one are left out") {
  Folder folder;
  auto t = data::talking_pictures(folder.dir.path, read_dot, data::read_wav, {.side = 4, .seconds = 1});
  REQUIRE(t.names.size() == 3);
  CHECK(t.names[0] == folder.dir / "a");
  CHECK(t.names[1] == folder.dir / "a_b");
  CHECK(t.names[2] == folder.dir / "sub/c");
  CHECK(t.tags == std::vector<std::string>{"", "desc", "desc", "desc_fr", "desc"});
  CHECK(t.sounds.of[1].begin == 2);
  CHECK(t.sounds.of[1].end == 4);
  CHECK(t.sounds.frames(0) == 28);  // 1 + (4800 - 400) / 160
  CHECK(t.sounds.frames(4) == 98);  // the first second
  CHECK(t.pictures.pixels.shape() == Shape{3, 4, 4, 3});
  for (i64 i = 0; i < 3 * 48; ++i) CHECK(t.pictures.pixels[i] == (i < 48 ? 10 : i < 96 ? 20 : 40));
  CHECK(t.pictures.fingerprint.size() == 16);
  CHECK(t.skipped.empty());
  CHECK(t.sounds.mels() == 40);

  auto only = data::talking_pictures(folder.dir.path, read_dot, data::read_wav, {.side = 4, .tags = {"desc_fr"}});
  REQUIRE(only.names.size() == 1);
  CHECK(only.names[0] == folder.dir / "a_b");
  auto two = data::talking_pictures(folder.dir.path, read_dot, data::read_wav, {.side = 4, .most = 2});
  CHECK(two.names == std::vector<std::string>{folder.dir / "a", folder.dir / "a_b"});
}

TEST_CASE("a held-out tag is on one side only, and both sides agree on the pictures") {
  Folder folder;
  auto all = data::talking_pictures(folder.dir.path, read_dot, data::read_wav, {.side = 4});
  auto [kept, held] = data::hold_out(all, {"desc"});
  CHECK(kept.names == held.names);
  CHECK(kept.names.size() == 2);  // sub/c has nothing else
  CHECK(kept.tags == std::vector<std::string>{"", "desc_fr"});
  CHECK(held.tags == std::vector<std::string>{"desc", "desc"});
  CHECK(same_bits(kept.sounds.mean, held.sounds.mean));
  CHECK(same_bits(kept.sounds.std, held.sounds.std));
  CHECK(!same_bits(kept.sounds.mean, all.sounds.mean));
  check_message([&] { data::hold_out(all, {"desc_ru"}); }, {"hold_out", "no picture"});
}

TEST_CASE("broken files are told and left out; a folder without pairs is an error") {
  Folder folder;
  scratch::put(folder.dir / "a.png", "broken");
  scratch::put(folder.dir / "a_b_desc.wav", "broken");
  auto t = data::talking_pictures(folder.dir.path, read_dot, data::read_wav, {.side = 4});
  CHECK(t.names.size() == 2);
  REQUIRE(t.skipped.size() == 2);
  CHECK(scratch::has(t.skipped[0], "a.png"));
  CHECK(scratch::has(t.skipped[1], "a_b_desc.wav"));
  CHECK(t.tags == std::vector<std::string>{"desc_fr", "desc"});
  auto run = [&](const std::string& path) { data::talking_pictures(path, read_dot, data::read_wav); };
  check_message([&] { run("/nowhere"); }, {"talking_pictures", "/nowhere", "no folder"});
  scratch::Directory empty;
  check_message([&] { run(empty.path); }, {"talking_pictures", "0 pictures", "0 sounds"});
  check_message([&] { data::talking_pictures(empty.path, read_dot, data::read_wav, {.side = 0}); }, {"side 0"});
}

TEST_CASE("threads change no bit") {
  Folder folder;
  auto run = [&] { return data::talking_pictures(folder.dir.path, read_dot, data::read_wav, {.side = 5}); };
  auto one = with_threads(1, run), three = with_threads(3, run);
  CHECK(one.pictures.fingerprint == three.pictures.fingerprint);
  for (std::size_t r = 0; r < one.sounds.log_mel.size(); ++r)
    CHECK(same_bits(one.sounds.log_mel[r], three.sounds.log_mel[r]));
}
