// Every functor of the lists on the GPU against the same kernel run by the CPU, over sizes around the warp and beyond.
//
// Compiled by a plain C++ compiler: to link it shows that no instantiation is missing. Without a GPU it checks that a
// failed CUDA call is an nacre::Error that names the call, says that the rest is skipped, and exits with 77.
#include <nacre/core/error.hpp>
#include <nacre/cuda/map.cuh>
#include <nacre/cuda/reduce.cuh>
#include <nacre/math/lists.hpp>
#include <nacre/math/optim.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

using namespace nacre;
using backend::Dense, backend::Identity, backend::PerCol, backend::PerRow, backend::Scalar;

namespace {

int failures = 0, comparisons = 0, identical = 0;

void expect(bool ok, const std::string& what) {
  if (ok) return;
  ++failures;
  std::printf("FAILED  %s\n", what.c_str());
}

template <class T>
std::vector<T> values(i64 n, int salt) {  // -3 to 3, not zero
  std::vector<T> x(static_cast<std::size_t>(n));
  for (i64 i = 0; i < n; ++i)
    x[static_cast<std::size_t>(i)] = (static_cast<T>((i * 7919 + salt * 131) % 600) - T(299.5)) / 100;
  return x;
}

// One operand on both sides.
template <class T>
struct Both {
  std::vector<T> host;
  cuda::Array<T> device;
  Both(i64 n, int salt) : host(values<T>(n, salt)), device(host) {}
};

// run(Emulator or Cuda, y, a, b, gy) fills y of n elements; done twice on the GPU, for the bits must not change.
template <class T, class Run>
void compare(const std::string& what, i64 n, const Both<T>& a, const Both<T>& b, const Both<T>& gy, const Run& run) {
  for (Into into : {Into::assign, Into::add}) {
    Both<T> y(n, 7), again(n, 7);
    run(cuda::Emulator{1}, y.host.data(), into, a.host.data(), b.host.data(), gy.host.data());
    run(Cuda{}, y.device.data(), into, a.device.data(), b.device.data(), gy.device.data());
    run(Cuda{}, again.device.data(), into, a.device.data(), b.device.data(), gy.device.data());
    std::vector<T> got = y.device.host(), second = again.device.host();
    std::string label = what + (into == Into::add ? ", add" : ", assign") + (sizeof(T) == 4 ? ", float" : ", double");
    expect(n == 0 || std::memcmp(got.data(), second.data(), got.size() * sizeof(T)) == 0, label + ": two runs differ");
    double worst = 0, tolerance = sizeof(T) == 4 ? 1e-5 : 1e-12;
    for (std::size_t i = 0; i < got.size(); ++i) {
      double x = static_cast<double>(got[i]), z = static_cast<double>(y.host[i]);
      if (x == z || (std::isnan(x) && std::isnan(z))) continue;
      double error = std::abs(x - z) / (1 + std::abs(z));
      worst = error <= worst ? worst : error;  // NaN wins
      if (std::isnan(error)) break;
    }
    ++comparisons;
    identical += worst == 0;
    expect(worst <= tolerance, label + ": normalised error " + std::to_string(worst * 1e6) + "e-6");
  }
}

// The emulated side under the names of the backend.
template <class F, class T, class... V>
void map(cuda::Emulator e, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  cuda::map_on(e, f, y, rows, cols, into, v...);
}
template <class R, class F, class T, class... V>
void reduce_rows(cuda::Emulator e, R, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  cuda::reduce_rows_on<R>(e, f, y, rows, cols, into, v...);
}
template <class R, class F, class T, class... V>
void reduce_cols(cuda::Emulator e, R, const F& f, T* y, i64 rows, i64 cols, Into into, const V&... v) {
  cuda::reduce_cols_on<R>(e, f, y, rows, cols, into, v...);
}
template <class R, class F, class T, class... V>
void reduce_all(cuda::Emulator e, R, const F& f, T* y, i64 n, Into into, const V&... v) {
  cuda::reduce_rows_on<R>(e, f, y, 1, n, into, v...);
}

template <class T>
struct Shape2 {
  i64 rows, cols;
  Both<T> a, b, gy;
  std::string text;
  Shape2(i64 r, i64 c)
      : rows(r), cols(c), a(r * c, 1), b(std::max(r * c, std::max(r, c)), 2), gy(std::max(r * c, std::max(r, c)), 3),
        text(" [" + std::to_string(r) + ", " + std::to_string(c) + "]") {}
};

template <class T, class F>
void unary(const Shape2<T>& s, const F& f) {
  i64 rows = s.rows, cols = s.cols;
  compare(F::name + s.text, rows * cols, s.a, s.b, s.gy, [&](auto d, T* y, Into into, const T* a, const T*, const T*) {
    map(d, f, y, rows, cols, into, Dense<T>{a, cols});
  });
  compare(std::string("grad ") + F::name + s.text, rows * cols, s.a, s.b, s.gy,
          [&](auto d, T* y, Into into, const T* a, const T*, const T* gy) {
            map(d, math::GradOf<F>{f}, y, rows, cols, into, Dense<T>{a, cols}, Dense<T>{gy, cols});
          });
}

template <class T, class F>
void binary(const Shape2<T>& s, const F& f) {
  i64 rows = s.rows, cols = s.cols, n = rows * cols;
  math::GradB<F> grad_b{f};
  auto with = [&](const char* view, auto make, i64 results, auto repeated) {
    std::string name = F::name + s.text + " " + view;
    compare(name, n, s.a, s.b, s.gy, [&](auto d, T* y, Into into, const T* a, const T* b, const T*) {
      map(d, f, y, rows, cols, into, Dense<T>{a, cols}, make(b));
    });
    compare("grad a of " + name, n, s.a, s.b, s.gy, [&](auto d, T* y, Into into, const T* a, const T* b, const T* gy) {
      map(d, math::GradA<F>{f}, y, rows, cols, into, Dense<T>{a, cols}, make(b), Dense<T>{gy, cols});
    });
    compare("grad b of " + name, results, s.a, s.b, s.gy,
            [&](auto d, T* y, Into into, const T* a, const T* b, const T* gy) {
              repeated(d, y, into, Dense<T>{a, cols}, make(b), Dense<T>{gy, cols});
            });
  };
  with("dense", [&](const T* b) { return Dense<T>{b, cols}; }, n,
       [&](auto d, T* y, Into into, auto... v) { map(d, grad_b, y, rows, cols, into, v...); });
  with("per column", [](const T* b) { return PerCol<T>{b}; }, cols,
       [&](auto d, T* y, Into into, auto... v) { reduce_cols(d, math::Sum{}, grad_b, y, rows, cols, into, v...); });
  with("per row", [](const T* b) { return PerRow<T>{b}; }, rows,
       [&](auto d, T* y, Into into, auto... v) { reduce_rows(d, math::Sum{}, grad_b, y, rows, cols, into, v...); });
  with("scalar", [](const T*) { return Scalar<T>{T(1.25)}; }, 1,
       [&](auto d, T* y, Into into, auto... v) { reduce_all(d, math::Sum{}, grad_b, y, n, into, v...); });
}

template <class T, class R>
void reducer(const Shape2<T>& s, R r) {
  i64 rows = s.rows, cols = s.cols, n = rows * cols;
  std::string name = R::name + s.text;
  compare(name + " over columns", rows, s.a, s.b, s.gy, [&](auto d, T* y, Into into, const T* a, const T*, const T*) {
    reduce_rows(d, r, Identity{}, y, rows, cols, into, Dense<T>{a, cols});
  });
  compare(name + " over rows", cols, s.a, s.b, s.gy, [&](auto d, T* y, Into into, const T* a, const T*, const T*) {
    reduce_cols(d, r, Identity{}, y, rows, cols, into, Dense<T>{a, cols});
  });
  compare(name + " over all", 1, s.a, s.b, s.gy, [&](auto d, T* y, Into into, const T* a, const T*, const T*) {
    reduce_all(d, r, Identity{}, y, n, into, Dense<T>{a, n});
  });
  auto grad = [&](const char* view, auto make, i64 count) {
    compare("grad " + name + " " + view, n, s.a, s.b, s.gy,
            [&](auto d, T* y, Into into, const T* a, const T* b, const T* gy) {
              map(d, math::ReduceGrad<R>{count}, y, rows, cols, into, Dense<T>{a, cols}, make(b, 2), make(gy, 1));
            });
  };
  grad("per row", [](const T* p, int) { return PerRow<T>{p}; }, cols);
  grad("per column", [](const T* p, int) { return PerCol<T>{p}; }, rows);
  grad("scalar", [](const T*, int v) { return Scalar<T>{static_cast<T>(v)}; }, n);
}

template <class T>
void rule(const Shape2<T>& s, const char* name, const auto& f) {
  i64 n = s.rows * s.cols;
  compare(name + s.text, n, s.a, s.b, s.gy, [&](auto d, T* y, Into into, const T* a, const T* b, const T* gy) {
    Dense<T> x{a, n}, z{b, n}, g{gy, n};
    if constexpr (requires { f(T(), T(), T()); }) map(d, f, y, 1, n, into, x, z, g);
    else map(d, f, y, 1, n, into, x, z);
  });
}

template <class T>
void everything(i64 rows, i64 cols) {
  Shape2<T> s(rows, cols);
#define X(F, op) unary(s, math::F{});
  NACRE_UNARY(X)
#undef X
#define X(F, op) binary(s, math::F{});
  NACRE_BINARY(X)
#undef X
#define X(R, op) reducer(s, math::R{});
  NACRE_REDUCERS(X)
#undef X
  rule(s, "sgd velocity", math::SgdVelocity{.9, 1e-2});
  rule(s, "sgd step", math::SgdStep{.1, .9, 1e-2, false});
  rule(s, "nesterov step", math::SgdStep{.1, .9, 1e-2, true});
  rule(s, "adam mean", math::AdamMean{.9});
  rule(s, "adam square", math::AdamSquare{.99});
  rule(s, "adam step", math::AdamStep{.1, 1e-2, 1e-8, .1, .01});
  rule(s, "ema", math::Ema{.99});
  compare("squared norm" + s.text, 1, s.a, s.b, s.gy, [&](auto d, T* y, Into into, const T* a, const T*, const T*) {
    reduce_all(d, math::Sum{}, math::Square{}, y, rows * cols, into, Dense<T>{a, rows * cols});
  });
}

void errors() {
  try {
    cuda::allocate(std::size_t{1} << 45);
    expect(false, "32 TB of device memory were handed out");
  } catch (const Error& e) {
    std::string text = e.what();
    expect(text.find("cuda: cudaMalloc(35184372088832 bytes): cudaError") == 0, "error text: " + text);
  }
}

}  // namespace

int main() {
  errors();
  if (cuda::device_count() == 0) {
    std::printf("parity/cuda: skipped, no GPU here (linked and loaded; %d failures)\n", failures);
    return failures > 0 ? 1 : 77;
  }
  u64 before = 0;
  for (i64 n : {0, 1, 31, 32, 33, 1000003})
    for (int times = 0; times < 2; ++times) {
      const i64 shapes[][2] = {{1, n}, {n, 1}, {3, n}, {n, 3}};
      before = cuda::stats().system_allocations;
      for (auto [rows, cols] : shapes) {
        if (times == 0 || n < 1000) everything<float>(rows, cols);
        if (times == 0 || n < 1000) everything<double>(rows, cols);
      }
    }
  Shape2<float> last(3, 33);
  expect(cuda::stats().system_allocations == before, "repeated sizes took new memory from the driver");
  std::printf("parity/cuda on %s: %d comparisons, %d of them identical in every bit, %d failures\n",
              cuda::device_name().c_str(), comparisons, identical, failures);
  return failures > 0 ? 1 : 0;
}
