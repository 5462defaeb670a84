// The CUDA map kernel, emulated: it must give the CPU's bits for every functor, view, size and number of threads.
#include <nacre/backend/cpu/map.hpp>
#include <nacre/cuda/map.cuh>
#include <nacre/math/lists.hpp>

#include <doctest/doctest.h>

#include <string>

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
      backend::map(Cpu{}, f, expected.p, rows, cols, into, v...);
      cuda::map_on(cuda::Emulator{workers}, f, actual.p, rows, cols, into, v...);
      CHECK(same_bits(expected.p, actual.p, n + 1));
    }
}

template <class T, class F>
void check_unary(const F& f, i64 n) {
  for (int offset : {0, 1}) {  // the second is not aligned for 16 bytes
    Data<T> x(n, 1, offset), gy(n, 2, offset);
    compare<T>(f, 1, n, offset, Dense<T>{x.p, n});
    compare<T>(math::GradOf<F>{f}, 1, n, 0, Dense<T>{x.p, n}, Dense<T>{gy.p, n});
  }
}

template <class T, class F>
void check_binary(const F& f, i64 rows, i64 cols) {
  i64 n = rows * cols;
  Data<T> a(n, 1), b(n, 2), gy(n, 3), odd(cols, 4, 1);
  auto with = [&](auto view) {
    compare<T>(f, rows, cols, 0, Dense<T>{a.p, cols}, view);
    compare<T>(math::GradA<F>{f}, rows, cols, 0, Dense<T>{a.p, cols}, view, Dense<T>{gy.p, cols});
    compare<T>(math::GradB<F>{f}, rows, cols, 1, Dense<T>{a.p, cols}, view, Dense<T>{gy.p, cols});
  };
  with(Dense<T>{b.p, cols});
  with(PerCol<T>{b.p});
  with(PerCol<T>{odd.p});
  with(PerRow<T>{b.p});
  with(Scalar<T>{T(1.5)});
}

}  // namespace

TEST_CASE("the emulated CUDA map gives the CPU's bits for every unary functor and its derivative") {
  for (i64 n : {0, 1, 3, 4, 31, 32, 33, 1003}) {
#define X(F, op)                    \
  check_unary<float>(math::F{}, n); \
  check_unary<double>(math::F{}, n);
    NACRE_UNARY(X)
#undef X
  }
}

TEST_CASE("the emulated CUDA map gives the CPU's bits for every binary functor under the four views") {
  const i64 shapes[][2] = {{0, 5}, {5, 0}, {1, 9}, {9, 1}, {3, 4}, {5, 33}, {33, 64}};
  for (auto [rows, cols] : shapes) {
#define X(F, op)                              \
  check_binary<float>(math::F{}, rows, cols); \
  check_binary<double>(math::F{}, rows, cols);
    NACRE_BINARY(X)
#undef X
  }
}

TEST_CASE("the CUDA map may write over its own operand") {
  Data<float> y(1001), x(1001);
  cuda::map_on(cuda::Emulator{13}, math::Gelu{}, y.p, 7, 143, Into::assign, Dense<float>{y.p, 143});
  backend::map(Cpu{}, math::Gelu{}, x.p, 7, 143, Into::assign, Dense<float>{x.p, 143});
  CHECK(same_bits(x.p, y.p, 1001));
}

TEST_CASE("the CUDA map reads and writes bf16 through float") {
  std::vector<bf16> x(37), y(37), expected(37);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = bf16(static_cast<float>(i) / 7 - 2);
  backend::map(Cpu{}, math::Silu{}, expected.data(), 1, 37, Into::assign, Dense<bf16>{x.data(), 37});
  cuda::map_on(cuda::Emulator{3}, math::Silu{}, y.data(), 1, 37, Into::assign, Dense<bf16>{x.data(), 37});
  CHECK(y == expected);
}
