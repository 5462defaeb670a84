// data/gzip.hpp: what is packed comes back; what is broken is an error.
#include <nacre/data/gzip.hpp>

#include "../helpers.hpp"
#include "../io/scratch.hpp"
#include "gzip_writer.hpp"

using namespace nacre;

TEST_CASE("packed and plain files") {
  scratch::Directory dir;
  std::string text;
  for (int i = 0; i < 300000; ++i) text += std::to_string(i % 10007 * 7919 % 10009);  // above one piece of output
  scratch::put(dir / "plain", text);
  scratch::put(dir / "packed.gz", nacre_test::gzip(text));
  CHECK(data::read_unpacked(dir / "plain") == text);
  CHECK(data::read_unpacked(dir / "packed.gz") == text);
  CHECK(data::gzip_name("a.mp4.gz"));
  CHECK_FALSE(data::gzip_name(".gz"));
  CHECK_FALSE(data::gzip_name("gz"));

  test::check_message([&] { data::read_unpacked(dir / "packed.gz", text.size() - 1); },
                      {"gunzip", "packed.gz", "more than"});
  std::string packed = nacre_test::gzip("nacre and pearl, nacre and pearl");
  for (std::size_t n = 2; n < packed.size(); ++n) {
    scratch::put(dir / "cut.gz", packed.substr(0, n));
    CHECK_THROWS_AS(data::read_unpacked(dir / "cut.gz"), DataError);
  }
  std::string wrong = packed;
  wrong[wrong.size() - 6] ^= 1;  // the check sum
  scratch::put(dir / "wrong.gz", wrong);
  test::check_message([&] { data::read_unpacked(dir / "wrong.gz"); }, {"gunzip", "not valid gzip"});
  scratch::put(dir / "more.gz", packed + "x");
  test::check_message([&] { data::read_unpacked(dir / "more.gz"); }, {"bytes after its end"});
}
