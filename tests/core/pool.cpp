// core/pool.hpp
#include "../helpers.hpp"

#include <algorithm>
#include <thread>

using namespace nacre;

TEST_CASE("a released block is handed out again for the same class") {
  void* a = pool::allocate(1000);
  pool::release(a, 1000);
  void* b = pool::allocate(1010);  // 961 to 1024 bytes are one class
  CHECK(a == b);
  void* c = pool::allocate(1000);
  CHECK(b != c);
  pool::release(b, 1010);
  pool::release(c, 1000);
}

TEST_CASE("classes are at most an eighth larger than what was asked for, and blocks are aligned to 64 bytes") {
  for (std::size_t bytes :
       {std::size_t{1}, std::size_t{64}, std::size_t{65}, std::size_t{512}, std::size_t{513}, std::size_t{576},
        std::size_t{577}, std::size_t{100000}, std::size_t{1} << 20, (std::size_t{1} << 20) + 1}) {
    u64 before = pool::stats().bytes_in_use;
    void* p = pool::allocate(bytes);
    u64 size = pool::stats().bytes_in_use - before;
    CAPTURE(bytes);
    CHECK(size >= bytes);
    CHECK(size <= std::max<u64>(bytes + bytes / 8 + 1, (bytes + 63) / 64 * 64));
    CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
    std::memset(p, 1, bytes);
    pool::release(p, bytes);
    CHECK(pool::stats().bytes_in_use == before);
  }
}

TEST_CASE("work that repeats its sizes asks the system for nothing") {
  auto step = [] {
    std::vector<Tensor<float>> live;
    for (i64 n : {10, 1000, 100000, 6000000}) live.emplace_back(Shape{n, 2});
    Tensor<float> again({100000, 2});
  };
  step();
  u64 calls = pool::stats().system_allocations;
  for (int i = 0; i < 10; ++i) step();
  CHECK(pool::stats().system_allocations == calls);
}

TEST_CASE("freed neighbours become one run again, in whatever order they are freed") {
  constexpr std::size_t quarter = std::size_t{8} << 20, whole = 4 * quarter;
  pool::release(pool::allocate(whole), whole);  // from now on there is a run of this size
  u64 reserved = pool::stats().bytes_reserved;
  int order[] = {0, 1, 2, 3};
  do {
    void* part[4];
    for (void*& p : part) p = pool::allocate(quarter);
    for (int i : order) pool::release(part[i], quarter);
    void* p = pool::allocate(whole);
    std::memset(p, 1, whole);
    pool::release(p, whole);
  } while (std::next_permutation(order, order + 4));
  CHECK(pool::stats().bytes_reserved == reserved);
}

TEST_CASE("the peak is the most that was in use since it was reset") {
  u64 before = pool::stats().bytes_in_use;
  pool::reset_peak();
  { Tensor<float> t({1 << 20}); }
  CHECK(pool::stats().bytes_peak - before >= (u64{4} << 20));
  pool::reset_peak();
  CHECK(pool::stats().bytes_peak == pool::stats().bytes_in_use);
}

TEST_CASE("threads may allocate, share and free at once") {
  auto shared = Tensor<int>::full({1000}, 7);
  std::vector<std::thread> all;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    all.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        Tensor<int> copy = shared, own = Tensor<int>::full({1 + (i * 37 + t) % 3000}, t);
        for (int v : own.span()) wrong += v != t;
        wrong += copy[999] != 7;
      }
    });
  for (auto& t : all) t.join();
  CHECK(wrong == 0);
  CHECK(shared.unique());
}

TEST_CASE("an impossible size is std::bad_alloc") {
  CHECK_THROWS_AS(Tensor<float>({i64{1} << 50}), std::bad_alloc);
  CHECK_THROWS_AS(Tensor<double>({i64{1} << 61}), std::bad_alloc);  // 2^64 bytes
}
