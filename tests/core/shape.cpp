// core/shape.hpp
#include "../helpers.hpp"

using namespace nacre;
using namespace nacre::test;

TEST_CASE("extents, rows and cols") {
  Shape s{2, 3, 5};
  CHECK(s.rank() == 3);
  CHECK(s.size() == 30);
  CHECK(s[-1] == 5);
  CHECK(s.rows() == 6);
  CHECK(s.cols() == 5);
  CHECK(s.str() == "[2, 3, 5]");
  CHECK(s.with(-1, 7) == Shape{2, 3, 7});
  CHECK_FALSE(s == Shape{2, 3});
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{}.str() == "[]");
  CHECK(Shape{0, 3}.size() == 0);
}

TEST_CASE("impossible shapes are refused") {
  check_message([] { Shape({1, -2}); }, {"shape", "extent -2 is negative"});
  check_message([] { Shape({1, 1, 1, 1, 1, 1, 1}); }, {"shape", "rank 7"});
  check_message([] { Shape({i64{1} << 40, i64{1} << 40}); }, {"shape", "overflows 2^62"});
  check_message([] { Shape({i64{1} << 62}); }, {"shape", "overflows 2^62"});
  CHECK(Shape({(i64{1} << 62) - 1}).size() == (i64{1} << 62) - 1);
}
