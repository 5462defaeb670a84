#include <nacre/data/file.hpp>
#include <nacre/io/file.hpp>

#include <doctest/doctest.h>

#include <cstdio>

#include <sys/stat.h>
#include <unistd.h>

using namespace nacre;
using namespace nacre::data;

TEST_CASE("a listing is sorted by bytes and leaves hidden names out") {
  std::string dir = "data_file_test";
  ::mkdir(dir.c_str(), 0777);
  for (const char* n : {"b", "a", "Z", ".hidden", "10", "9"}) io::replace_file(dir + "/" + n, "x");
  CHECK(list_directory(dir) == std::vector<std::string>{"10", "9", "Z", "a", "b"});
  CHECK(is_directory(dir));
  CHECK(!is_file(dir));
  CHECK(is_file(dir + "/a"));
  for (const char* n : {"b", "a", "Z", ".hidden", "10", "9"}) std::remove((dir + "/" + n).c_str());
  ::rmdir(dir.c_str());
  CHECK_THROWS_AS(list_directory(dir), DataError);
}

TEST_CASE("lines lose their ends, empty ones are dropped, a large file is refused") {
  io::replace_file("data_lines_test", "one\r\n\ntwo\nthree");
  CHECK(read_lines("data_lines_test") == std::vector<std::string>{"one", "two", "three"});
  io::replace_file("data_lines_test", std::string((1 << 20) + 1, 'x'));
  CHECK_THROWS_AS(read_lines("data_lines_test"), DataError);
  std::remove("data_lines_test");
}
