// Replacing a file: complete under any failure, and the previous one kept where asked.
#include <nacre/io/file.hpp>

#include <doctest/doctest.h>

#include <csignal>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.hpp"

using namespace nacre;
using scratch::content;
using scratch::has;

TEST_CASE("file: what is written is read") {
  scratch::Directory dir;
  std::string bytes("a\0b\n\xFF", 5);
  io::replace_file(dir / "x", bytes);
  CHECK(content(dir / "x") == bytes);
  CHECK(io::read_file(dir / "x", 5) == bytes);
  io::replace_file(dir / "x", "");
  CHECK(io::read_file(dir / "x", 5).empty());
  CHECK(dir.files() == 1);
}

TEST_CASE("file: what cannot be read is a DataError with path and reason") {
  scratch::Directory dir;
  scratch::put(dir / "x", "123456");
  auto refusal = [](const std::string& path) { return scratch::error<DataError>([&] { io::read_file(path, 5); }); };
  CHECK(has(refusal(dir / "none"), dir / "none: No such file"));
  CHECK(has(refusal(dir.path), "is a directory"));
  CHECK(has(refusal("/dev/null"), "is not a regular file"));
  CHECK(has(refusal(dir / "x"), "has 6 bytes, at most 5"));
  CHECK(has(refusal(std::string("a\0b", 3)), "NUL"));
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  CHECK(has(refusal(dir / "pipe"), "is not a regular file"));  // and does not wait for a writer
}

TEST_CASE("file: a file that shrinks while it is open is a DataError, a replaced one keeps its content") {
  scratch::Directory dir;
  char c[6];
  scratch::put(dir / "x", "123456");
  io::Source s = io::Source::open(dir / "x");
  io::replace_file(dir / "x", "abc");
  s.read(3, c, 3);
  CHECK(std::string(c, 3) == "456");
  io::Source t = io::Source::open(dir / "x");
  REQUIRE(::truncate((dir / "x").c_str(), 2) == 0);
  CHECK(has(scratch::error<DataError>([&] { t.read(0, c, 3); }), "shorter"));
  CHECK_THROWS_AS(t.read(1, c, 3), DataError);
  CHECK_THROWS_AS(t.read(~u64{0}, c, 3), DataError);
}

TEST_CASE("file: a writer that gives up leaves the old file and no other") {
  scratch::Directory dir;
  scratch::put(dir / "x", "old");
  {
    io::AtomicFile f(dir / "x");
    f.write("new");
    CHECK(dir.files() == 2);
    CHECK(content(dir / "x") == "old");
  }
  CHECK(dir.files() == 1);
  CHECK(content(dir / "x") == "old");
}

TEST_CASE("file: two writers of one file do not meet; the last to commit wins") {
  scratch::Directory dir;
  io::AtomicFile a(dir / "x"), b(dir / "x");
  a.write("from a");
  b.write("from b");
  b.commit();
  CHECK(content(dir / "x") == "from b");
  a.commit();
  CHECK(content(dir / "x") == "from a");
  CHECK(dir.files() == 1);
  CHECK_THROWS_AS(a.write("more"), WriteError);
  CHECK_THROWS_AS(a.commit(), WriteError);
}

TEST_CASE("file: the previous file is kept on request, under a name with .prev before the ending") {
  CHECK(io::previous_name("run/checkpoint.safetensors") == "run/checkpoint.prev.safetensors");
  CHECK(io::previous_name("a.b/c") == "a.b/c.prev");
  CHECK(io::previous_name(".x") == ".x.prev");
  CHECK(io::previous_name("a/.x.y") == "a/.x.prev.y");
  scratch::Directory dir;
  for (const char* text : {"1", "2", "3"}) io::replace_file(dir / "x.txt", text, io::Previous::keep);
  CHECK(content(dir / "x.txt") == "3");
  CHECK(content(dir / "x.prev.txt") == "2");
  io::replace_file(dir / "x.txt", "4");
  CHECK(content(dir / "x.prev.txt") == "2");
  CHECK(dir.files() == 2);
}

TEST_CASE("file: a full disk is a WriteError that says what is needed, and the old file stays") {
  scratch::Directory dir;
  scratch::put(dir / "x", "old");
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit, small;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  small = limit;
  small.rlim_cur = 5000;  // a short write first, then EFBIG
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string text =
      scratch::error<WriteError>([&] { io::replace_file(dir / "x", std::string(8000, 'n'), io::Previous::keep); });
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  CHECK(has(text, dir / "x: cannot write: File too large; the file needs 8000 bytes"));
  CHECK(content(dir / "x") == "old");
  CHECK(dir.files() == 1);
}

TEST_CASE("file: a place that cannot be written is a WriteError with path and reason") {
  scratch::Directory dir;
  scratch::put(dir / "x", "old");
  auto refusal = [](const std::string& path) {
    return scratch::error<WriteError>([&] { io::replace_file(path, "new"); });
  };
  CHECK(has(refusal(dir / "none/x"), dir / "none/x: cannot create a file beside it: No such file"));
  CHECK(has(refusal(dir / "x/y"), "Not a directory"));
  CHECK(has(refusal(dir.path), "is a directory"));
  CHECK(has(refusal("/dev/full"), "not a regular file"));  // a device is not replaced by a file
  CHECK(has(refusal(""), "is empty"));
  REQUIRE(::chmod(dir.path.c_str(), 0555) == 0);
  bool root = ::geteuid() == 0;
  if (root && ::seteuid(65534) != 0) {
    MESSAGE("skipped: the permission check needs another user");
  } else {
    CHECK(has(refusal(dir / "x"), "Permission denied"));
    if (root) CHECK(::seteuid(0) == 0);
    CHECK(content(dir / "x") == "old");
  }
  ::chmod(dir.path.c_str(), 0755);
  CHECK(dir.files() == 1);
}

TEST_CASE("file: what killed processes left behind is removed on request, and nothing else") {
  scratch::Directory dir;
  for (const char* name :
       {"x.st", "x.prev.st", "y.st.tmp.1.0", "x.st.tmp", "x.st.tmp.12.0", "x.st.tmp.7.3", "x.prev.st.tmp.12.1"})
    scratch::put(dir / name, "");
  io::remove_stale(dir / "x.st");
  CHECK(dir.files() == 4);
  CHECK(std::filesystem::exists(dir / "x.st.tmp"));
  io::remove_stale(dir / "none/x.st");
}

TEST_CASE("file: the permissions of a replaced file stay") {
  scratch::Directory dir;
  scratch::put(dir / "x", "old");
  REQUIRE(::chmod((dir / "x").c_str(), 0640) == 0);
  io::replace_file(dir / "x", "new");
  struct stat st;
  REQUIRE(::stat((dir / "x").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0640);
}

TEST_CASE("file: killed at any moment, the file or its previous one is complete") {
  scratch::Directory dir;
  auto complete = [&](const std::string& path) {
    std::string s = content(path);
    return s.size() == 40'000 && s.find_first_not_of(s[0]) == std::string::npos;
  };
  io::replace_file(dir / "x", std::string(40'000, 'a'));
  for (int round = 0; round < 25; ++round) {
    pid_t child = ::fork();
    if (child == 0) {
      for (char c = 'a';; c = c == 'z' ? 'a' : static_cast<char>(c + 1))
        io::replace_file(dir / "x", std::string(40'000, c), io::Previous::keep);
    }
    REQUIRE(child > 0);
    ::usleep(static_cast<useconds_t>(2000 + 1777 * round % 9000));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    CHECK(complete(dir / "x"));
    CHECK((round == 0 || !std::filesystem::exists(dir / "x.prev") || complete(dir / "x.prev")));
  }
}
