// core/parallel.hpp
#include "../helpers.hpp"

#include <atomic>
#include <mutex>
#include <set>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("every index is visited once, in pieces that do not depend on the thread count") {
  for (int n : {1, 2, 3, 7})
    with_threads(n, [&] {
      CHECK(threads() == n);
      std::vector<std::atomic<int>> seen(1003);
      std::set<std::pair<i64, i64>> pieces;
      std::mutex lock;
      parallel_for(1003, 100, [&](i64 begin, i64 end) {
        for (i64 i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
        std::lock_guard guard(lock);
        pieces.insert({begin, end});
      });
      for (auto& s : seen) CHECK_UNARY(s == 1);
      CHECK(pieces.size() == 11);
      for (auto [begin, end] : pieces) CHECK_UNARY(begin % 100 == 0 && end == std::min<i64>(begin + 100, 1003));
      return 0;
    });
}

TEST_CASE("nothing to do is nothing done, and loops may stand in loops") {
  parallel_for(0, 10, [](i64, i64) { FAIL("called"); });
  parallel_for(-1, 10, [](i64, i64) { FAIL("called"); });
  std::atomic<i64> total{0};
  parallel_for(20, 1, [&](i64, i64) { parallel_for(100, 7, [&](i64 b, i64 e) { total += e - b; }); });
  CHECK(total == 2000);
}

TEST_CASE("an exception of a piece reaches the caller") {
  for (int n : {1, 3})
    with_threads(n, [] {
      CHECK_THROWS_AS(parallel_for(100, 1, [](i64 i, i64) { if (i == 57) fail("piece", "broke"); }), Error);
      return 0;
    });
}

TEST_CASE("the loading arena is in force while its guard lives, in nested loops too") {
  CHECK_FALSE(detail::on_load_arena());
  {
    LoadArena arena;
    std::atomic<int> outside{0};
    parallel_for(50, 1, [&](i64, i64) { outside += !detail::on_load_arena(); });
    CHECK(outside == 0);
  }
  CHECK_FALSE(detail::on_load_arena());
  std::atomic<int> inside{0};
  parallel_for(50, 1, [&](i64, i64) { inside += detail::on_load_arena(); });
  CHECK(inside == 0);
}
