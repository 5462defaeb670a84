// core/error.hpp
#include "../helpers.hpp"

using namespace nacre;
using namespace nacre::test;

TEST_CASE("a check builds its text only when it fails") {
  int built = 0;
  auto text = [&] {
    ++built;
    return "it is wrong";
  };
  check(true, "op", text);
  CHECK(built == 0);
  CHECK(message([&] { check(false, "op", text); }) == "op: it is wrong");
  CHECK(built == 1);
}

TEST_CASE("the type of an error decides the exit code of a program") {
  CHECK(exit_code(Error("")) == 2);
  CHECK(exit_code(DataError("")) == 3);
  CHECK(exit_code(NonFiniteError("")) == 4);
  CHECK(exit_code(CollapseError("")) == 5);
  CHECK(exit_code(WriteError("")) == 6);
  CHECK_THROWS_AS(fail<DataError>("op", "text"), DataError);
  CHECK_THROWS_AS(fail("op", "text"), std::invalid_argument);
}
