#include <nacre/backend/cpu/conv.hpp>
#include <nacre/backend/cpu/reference.hpp>
#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <vector>

using namespace nacre;
using backend::Isa;

namespace {

template <class T>
std::vector<T> random_values(i64 n, u64 seed) {
  std::vector<T> v(static_cast<std::size_t>(n));
  Random r(Key{seed});
  for (T& x : v) x = T(2) * static_cast<T>(r.uniform()) - T(1);
  return v;
}

template <class T>
struct Results {
  std::vector<T> y, gx, gw;
  bool operator==(const Results&) const = default;
};
template <class T>
struct Inputs {
  Window2d win;
  std::vector<T> x = random_values<T>(win.pixels_in() * win.c, 1);
  std::vector<T> w = random_values<T>(win.o * win.taps() * win.group_c(), 2);
  std::vector<T> gy = random_values<T>(win.pixels_out() * win.o, 3);
  Results<T> start(Into into) const {
    Results<T> r{gy, x, w};
    if (into == Into::assign) std::fill(r.gx.begin(), r.gx.end(), T(0)), std::fill(r.gw.begin(), r.gw.end(), T(0));
    return r;
  }
  Results<T> run(Into into) const {
    Results<T> r{gy, x, w};
    backend::conv2d(Cpu{}, win, x.data(), w.data(), r.y.data());
    backend::conv2d_grad_input(Cpu{}, win, w.data(), gy.data(), r.gx.data(), into);
    backend::conv2d_grad_weight(Cpu{}, win, x.data(), gy.data(), r.gw.data(), into);
    return r;
  }
  Results<T> expected(Into into) const {
    Results<T> r = start(into);
    backend::reference::conv2d(win, x.data(), w.data(), r.y.data());
    backend::reference::conv2d_grad_input(win, w.data(), gy.data(), r.gx.data());
    backend::reference::conv2d_grad_weight(win, x.data(), gy.data(), r.gw.data());
    return r;
  }
};

// Kernel, stride, padding and dilation as {rows, columns}.
Window2d window(i64 n, i64 h, i64 w, i64 c, i64 o, std::array<i64, 2> k, std::array<i64, 2> stride = {1, 1},
                std::array<i64, 2> pad = {0, 0}, std::array<i64, 2> dilation = {1, 1}, i64 groups = 1) {
  return {n, h, w, c, o, k[0], k[1], stride[0], stride[1], pad[0], pad[1], dilation[0], dilation[1], groups};
}
const Window2d windows[] = {
    window(2, 8, 8, 16, 16, {3, 3}, {1, 1}, {1, 1}),
    window(3, 7, 5, 3, 20, {3, 3}, {1, 1}, {1, 1}),
    window(2, 33, 40, 4, 9, {3, 3}, {2, 2}, {1, 1}),
    window(2, 12, 11, 1, 5, {7, 7}, {2, 3}, {3, 3}),
    window(2, 9, 10, 40, 33, {1, 1}),
    window(2, 9, 10, 33, 40, {1, 1}, {2, 2}),
    window(1, 9, 9, 8, 6, {3, 2}, {1, 1}, {2, 0}, {2, 3}),
    window(2, 8, 6, 6, 8, {3, 3}, {2, 1}, {1, 2}, {2, 1}, 2),
    window(2, 6, 6, 5, 5, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 5),
    window(1, 2, 2, 300, 70, {3, 3}, {1, 1}, {1, 1}),
    window(2, 3, 5, 260, 150, {1, 2}),
    window(40, 3, 3, 2, 34, {2, 2}, {1, 1}, {1, 1}),
    window(9, 1, 1, 20, 33, {3, 3}, {1, 1}, {1, 1}),  // most taps lie outside
    window(7, 2, 2, 33, 17, {3, 3}, {2, 2}, {1, 1}),
    window(5, 2, 3, 16, 16, {3, 3}, {1, 1}, {1, 1}),
    window(5, 1, 2, 6, 5, {3, 3}, {1, 1}, {2, 1}),  // with output pixels under no tap
    window(1, 4, 4, 2, 3, {2, 2}, {3, 3}, {4, 4}),
    window(0, 4, 4, 2, 3, {3, 3}),
    window(0, 8, 8, 112, 96, {3, 3}, {1, 1}, {1, 1}),
    window(2, 2, 2, 2, 3, {3, 3}),  // the kernel does not fit: no output
    window(2, 4, 4, 0, 3, {3, 3}),
};

template <class T>
void check_near(const std::vector<T>& got, const std::vector<T>& want, i64 terms) {
  double bound = (sizeof(T) == 4 ? 3e-7 : 1e-15) * static_cast<double>(terms + 8), worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(double(got[i]) - double(want[i])));
  CHECK(worst <= bound);
}

struct IsaGuard {
  Isa before = backend::isa();
  ~IsaGuard() { backend::set_isa(before); }
};
struct ThreadGuard {
  ~ThreadGuard() { set_threads(0); }
};

}  // namespace

TEST_CASE_TEMPLATE("a convolution and its gradients agree with the plain loops", T, float, double) {
  IsaGuard guard;
  for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    backend::set_isa(isa);
    int at = 0;
    for (const Window2d& win : windows)
      for (Into into : {Into::assign, Into::add}) {
        CAPTURE(at++);
        CAPTURE(int(into));
        Inputs<T> in{win};
        auto got = in.run(into), want = in.expected(into);
        check_near(got.y, want.y, win.taps() * win.group_c());
        check_near(got.gx, want.gx, win.taps() * win.group_o());
        check_near(got.gw, want.gw, win.pixels_out());
        if (backend::isa() != Isa::baseline && win.pad_h == 0 && win.pad_w == 0) CHECK(got.y == want.y);
      }
  }
}

TEST_CASE_TEMPLATE("threads and the vector width change no bit of a convolution", T, float, double) {
  ThreadGuard threads;
  IsaGuard guard;
  for (const Window2d& win : windows) {
    Inputs<T> in{win};
    backend::set_isa(guard.before);
    set_threads(1);
    auto one = in.run(Into::add);
    for (int n : {2, 3, 7}) {
      set_threads(n);
      CHECK(in.run(Into::add) == one);
    }
    if (guard.before < Isa::avx2) continue;
    backend::set_isa(Isa::avx2);
    CHECK(in.run(Into::add) == one);
  }
}

TEST_CASE_TEMPLATE("an image alone has the bits it has in a batch", T, float, double) {
  Window2d win{.n = 37, .h = 6, .w = 5, .c = 19, .o = 21, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 1, .pad_h = 1,
               .pad_w = 1};
  Inputs<T> in{win};
  auto all = in.run(Into::assign);
  Window2d one = win;
  one.n = 1;
  const i64 xs = one.pixels_in() * one.c, ys = one.pixels_out() * one.o;
  for (i64 n : {0, 5, 36}) {
    std::vector<T> y(static_cast<std::size_t>(ys)), gx(static_cast<std::size_t>(xs));
    backend::conv2d(Cpu{}, one, in.x.data() + n * xs, in.w.data(), y.data());
    backend::conv2d_grad_input(Cpu{}, one, in.w.data(), in.gy.data() + n * ys, gx.data(), Into::assign);
    CHECK(std::equal(y.begin(), y.end(), all.y.begin() + n * ys));
    CHECK(std::equal(gx.begin(), gx.end(), all.gx.begin() + n * xs));
  }
}
