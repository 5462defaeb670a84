// The CUDA reductions, emulated: close to the CPU, and the same bits for any number of workers.
#include <nacre/backend/cpu/reduce.hpp>
#include <nacre/cuda/reduce.cuh>
#include <nacre/math/lists.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

using namespace nacre;
using backend::Dense, backend::Identity, backend::PerCol, backend::PerRow;

namespace {

template <class T>
std::vector<T> values(i64 n, int salt = 0) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (i64 i = 0; i < n; ++i)  // -1 to 9.4: no sum is near zero
    x[static_cast<std::size_t>(i)] = static_cast<T>((i * 7919 + salt * 13) % 1013 - 100) / 97;
  return x;
}

template <class T>
bool close(const std::vector<T>& a, const std::vector<T>& b) {
  double tolerance = sizeof(T) == 4 ? 2e-5 : 1e-12;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (std::isnan(x) && std::isnan(y)) continue;
    if (x != y && !(std::abs(x - y) <= tolerance * (1 + std::abs(y)))) return false;
  }
  return true;
}

// run(worker count or 0 for the CPU, y)
template <class T, class Run>
void compare(i64 results, const Run& run) {
  std::vector<T> expected = values<T>(results, 3), first = expected;
  std::vector<T> start = expected;
  run(i64{0}, expected.data());
  run(i64{1}, first.data());
  CHECK(close(first, expected));
  for (i64 workers : {5, 64, 1000}) {
    std::vector<T> y = start;
    run(workers, y.data());
    CHECK((results == 0 || std::memcmp(y.data(), first.data(), y.size() * sizeof(T)) == 0));
  }
}

template <class T, class R, class F, class... V>
void check_rows(const F& f, i64 rows, i64 cols, const V&... v) {
  for (Into into : {Into::assign, Into::add})
    compare<T>(rows, [&](i64 workers, T* y) {
      if (workers == 0) backend::reduce_rows(Cpu{}, R{}, f, y, rows, cols, into, v...);
      else cuda::reduce_rows_on<R>(cuda::Emulator{workers}, f, y, rows, cols, into, v...);
    });
}
template <class T, class R, class F, class... V>
void check_cols(const F& f, i64 rows, i64 cols, const V&... v) {
  for (Into into : {Into::assign, Into::add})
    compare<T>(cols, [&](i64 workers, T* y) {
      if (workers == 0) backend::reduce_cols(Cpu{}, R{}, f, y, rows, cols, into, v...);
      else cuda::reduce_cols_on<R>(cuda::Emulator{workers}, f, y, rows, cols, into, v...);
    });
}

template <class T, class R>
void check_reducer() {
  INFO(std::string(R::name) << " of " << sizeof(T) << "-byte numbers");
  const i64 shapes[][2] = {{0, 3},  {3, 0},  {1, 1},    {3, 31},     {3, 32},
                           {31, 33}, {65, 5}, {2, 4097}, {1, 200003}, {70000, 2}};
  for (const auto& shape : shapes) {
    i64 rows = shape[0], cols = shape[1];
    CAPTURE(rows);
    CAPTURE(cols);
    std::vector<T> x = values<T>(rows * cols);
    check_rows<T, R>(Identity{}, rows, cols, Dense<T>{x.data(), cols});
    check_cols<T, R>(Identity{}, rows, cols, Dense<T>{x.data(), cols});
  }
}

}  // namespace

TEST_CASE("every emulated CUDA reduction agrees with the CPU and does not depend on the number of workers") {
#define X(R, op)                   \
  check_reducer<float, math::R>(); \
  check_reducer<double, math::R>();
  NACRE_REDUCERS(X)
#undef X
}

TEST_CASE("CUDA reductions map their operands first, by any view") {
  i64 rows = 130, cols = 37;
  auto a = values<float>(rows * cols), b = values<float>(rows + cols, 1), gy = values<float>(rows * cols, 2);
  math::GradB<math::Div> f;
  Dense<float> da{a.data(), cols}, dy{gy.data(), cols};
  check_cols<float, math::Sum>(f, rows, cols, da, PerCol<float>{b.data()}, dy);
  check_rows<float, math::Sum>(f, rows, cols, da, PerRow<float>{b.data()}, dy);
}

TEST_CASE("a NaN reaches the result of a CUDA reduction") {
  auto x = values<float>(9000);
  x[8999] = std::nanf("");
  for (i64 rows : {1, 9000}) {
    i64 cols = 9000 / rows;
    float sum = 0, max = 0;
    auto reduce = [&](auto r, float* y) {
      using R = decltype(r);
      Dense<float> view{x.data(), cols};
      if (rows == 1) cuda::reduce_rows_on<R>(cuda::Emulator{3}, Identity{}, y, rows, cols, Into::assign, view);
      else cuda::reduce_cols_on<R>(cuda::Emulator{3}, Identity{}, y, rows, cols, Into::assign, view);
    };
    reduce(math::Sum{}, &sum);
    reduce(math::Max{}, &max);
    CHECK(std::isnan(sum));
    CHECK(std::isnan(max));
  }
}
