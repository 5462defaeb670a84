// The CUDA map kernel, emulated: the bits of a plain loop for every view, size, alignment and number of threads.
#include <nacre/backend/cpu/map.hpp>
#include <nacre/cuda/map.cuh>
#include <nacre/math/elementwise.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

using namespace nacre;
using backend::Dense, backend::PerCol, backend::PerRow, backend::Scalar;

namespace {

// 16-byte aligned at offset 0; values from -3 to 3 with zeros among them.
template <class T>
struct Data {
  std::vector<T> store;
  T* p;
  explicit Data(i64 n, int salt = 0, int offset = 0) : store(static_cast<std::size_t>(n + 8)) {
    p = store.data();
    while (reinterpret_cast<std::uintptr_t>(p) % 16 != 0) ++p;
    p += offset;
    for (i64 i = 0; i < n; ++i) p[i] = static_cast<T>((i * 37 + salt * 11) % 61 - 30) / 10;
  }
};

template <class T>
bool same_bits(const T* a, const T* b, i64 n) {
  for (i64 i = 0; i < n; ++i)
    if (std::memcmp(a + i, b + i, sizeof(T)) != 0) return false;
  return true;
}

// y starts as something, so that `assign` and `add` differ, and has a guard element behind it.
template <class T, class F, class... V>
void compare(const F& f, i64 rows, i64 cols, int offset, const V&... v) {
  i64 n = rows * cols;
  for (Into into : {Into::assign, Into::add})
    for (i64 workers : {1, 7, 300}) {
      Data<T> expected(n + 1, 5, offset), actual(n + 1, 5, offset);
      for (i64 i = 0; i < n; ++i) {
        T r = f(v(i / cols, i % cols)...);
        expected.p[i] = into == Into::add ? r + expected.p[i] : r;
      }
      cuda::map_on(cuda::Emulator{workers}, f, actual.p, rows, cols, into, v...);
      CHECK(same_bits(expected.p, actual.p, n + 1));
    }
}

template <class T>
void check_views(i64 rows, i64 cols) {
  i64 n = rows * cols;
  Data<T> a(n, 1), b(n + cols, 2), gy(n, 3), odd(n, 4, 1);
  Dense<T> da{a.p, cols}, dy{gy.p, cols}, unaligned{odd.p, cols};
  math::GradB<math::Div> f;
  compare<T>(f, rows, cols, 0, da, Dense<T>{b.p, cols}, dy);
  compare<T>(f, rows, cols, 1, da, Dense<T>{b.p, cols}, dy);
  compare<T>(f, rows, cols, 0, da, unaligned, dy);
  compare<T>(f, rows, cols, 0, da, PerCol<T>{b.p}, dy);
  compare<T>(f, rows, cols, 0, da, PerCol<T>{b.p + 1}, dy);
  compare<T>(f, rows, cols, 0, da, PerRow<T>{b.p}, dy);
  compare<T>(f, rows, cols, 0, da, Scalar<T>{T(1.5)}, dy);
}

}  // namespace

TEST_CASE("the emulated CUDA map writes f of the operands, once each, under the four views and any alignment") {
  const i64 shapes[][2] = {{0, 5}, {5, 0}, {1, 1}, {1, 31}, {1, 32}, {1, 33}, {9, 1}, {3, 4}, {5, 33}, {33, 64}};
  for (auto [rows, cols] : shapes) {
    check_views<float>(rows, cols);
    check_views<double>(rows, cols);
  }
}

TEST_CASE("the emulated CUDA map gives the CPU's bits") {
  Data<float> x(1003), y(1003, 1), expected(1003, 1);
  backend::map(Cpu{}, math::Silu{}, expected.p, 1, 1003, Into::add, Dense<float>{x.p, 1003});
  cuda::map_on(cuda::Emulator{7}, math::Silu{}, y.p, 1, 1003, Into::add, Dense<float>{x.p, 1003});
  CHECK(same_bits(expected.p, y.p, 1003));
}

TEST_CASE("the CUDA map may write over its own operand") {
  Data<float> y(1001), x(1001);
  for (i64 i = 0; i < 1001; ++i) x.p[i] = math::Square{}(x.p[i]);
  cuda::map_on(cuda::Emulator{13}, math::Square{}, y.p, 7, 143, Into::assign, Dense<float>{y.p, 143});
  CHECK(same_bits(x.p, y.p, 1001));
}

TEST_CASE("the CUDA map reads and writes bf16 through float") {
  std::vector<bf16> x(37), y(37), expected(37);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = bf16(static_cast<float>(i) / 7 - 2);
    expected[i] = bf16(math::Silu{}(static_cast<float>(x[i])));
  }
  cuda::map_on(cuda::Emulator{3}, math::Silu{}, y.data(), 1, 37, Into::assign, Dense<bf16>{x.data(), 37});
  CHECK(y == expected);
}
