#include <nacre/backend/cpu/conv.hpp>
#include <nacre/backend/cpu/reference.hpp>
#include <nacre/backend/cpu/simd.hpp>
#include <nacre/backend/cpu/winograd.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace nacre;
using backend::Isa;
namespace winograd = backend::detail::winograd;

namespace {

template <class T>
std::vector<T> normal_values(i64 n, u64 seed, double scale = 1) {
  std::vector<T> v(static_cast<std::size_t>(n));
  Random r(Key{seed});
  for (T& x : v) x = static_cast<T>(scale * r.normal());
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
  std::vector<T> x, w, gy;
  explicit Inputs(const Window2d& shape) : win(shape) {
    x = normal_values<T>(win.pixels_in() * win.c, 1);
    for (T& v : x) v = std::max(v, T(0));
    w = normal_values<T>(win.o * 9 * win.c, 2, std::sqrt(2. / static_cast<double>(9 * win.c)));
    gy = normal_values<T>(win.pixels_out() * win.o, 3, 1e-3);
  }
  Results<T> run(Into into) const {
    Results<T> r{gy, x, w};
    winograd::forward(win, x.data(), w.data(), r.y.data());
    winograd::grad_input(win, w.data(), gy.data(), r.gx.data(), into);
    winograd::grad_weight(win, x.data(), gy.data(), r.gw.data(), into);
    return r;
  }
  Results<double> expected(Into into) const {  // of the same values, in double
    auto wide = [](const std::vector<T>& v) { return std::vector<double>(v.begin(), v.end()); };
    Results<double> r{wide(gy), wide(x), wide(w)};
    if (into == Into::assign) {
      std::fill(r.gx.begin(), r.gx.end(), 0);
      std::fill(r.gw.begin(), r.gw.end(), 0);
    }
    backend::reference::conv2d(win, wide(x).data(), wide(w).data(), r.y.data());
    backend::reference::conv2d_grad_input(win, wide(w).data(), wide(gy).data(), r.gx.data());
    backend::reference::conv2d_grad_weight(win, wide(x).data(), wide(gy).data(), r.gw.data());
    return r;
  }
};

Window2d window(i64 n, i64 h, i64 w, i64 c, i64 o, i64 pad_h = 1, i64 pad_w = 1) {
  return {.n = n, .h = h, .w = w, .c = c, .o = o, .kh = 3, .kw = 3, .pad_h = pad_h, .pad_w = pad_w};
}
Window2d strided(i64 n, i64 h, i64 w, i64 c, i64 o) {
  Window2d win = window(n, h, w, c, o);
  win.stride_h = win.stride_w = 2;
  return win;
}
// One tile; odd maps; every padding; both strides; several blocks of tiles; both ways of cutting the work.
const Window2d windows[] = {window(1, 4, 4, 16, 16),     window(2, 8, 8, 16, 48),        window(3, 7, 5, 32, 16),
                            window(2, 6, 9, 16, 32, 0, 2), window(2, 9, 6, 48, 16, 2, 0), window(30, 9, 11, 16, 16),
                            window(2, 5, 5, 176, 160),   window(60, 4, 12, 112, 96),     window(1, 4, 6, 272, 288),
                            strided(1, 8, 8, 128, 16),   strided(2, 7, 18, 128, 32),     strided(12, 8, 16, 128, 64),
                            strided(43, 9, 9, 128, 16),  strided(33, 9, 9, 160, 176)};

template <class T>
double relative_error(const std::vector<T>& got, const std::vector<double>& want) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    error += std::pow(static_cast<double>(got[i]) - want[i], 2);
    norm += want[i] * want[i];
  }
  return std::sqrt(error / norm);
}

struct Guard {
  Isa before = backend::isa();
  ~Guard() {
    backend::set_isa(before);
    set_threads(0);
    backend::exact_conv() = false;
  }
};

}  // namespace

TEST_CASE("in double, all three passes are the convolution to rounding") {
  Guard guard;
  for (const Window2d& win : windows) {
    REQUIRE(backend::detail::winograd_fits(win));
    Inputs<double> in(win);
    for (Into into : {Into::assign, Into::add}) {
      auto want = in.expected(into);
      for (Isa isa : {Isa::avx512, Isa::avx2, Isa::baseline}) {
        backend::set_isa(isa);
        CAPTURE(win.c);
        CAPTURE(int(into));
        auto got = in.run(into);
        CHECK(relative_error(got.y, want.y) < 1e-14);
        CHECK(relative_error(got.gx, want.gx) < 1e-14);
        CHECK(relative_error(got.gw, want.gw) < 1e-14);
      }
    }
  }
}

TEST_CASE("in float the error stays a few times that of the direct sum") {
  Guard guard;
  struct Case {
    Window2d win;
    double y, gx, gw;
  };
  for (const Case& c : {Case{window(8, 8, 8, 64, 64), 2e-6, 2e-6, 3.5e-6},
                        {window(8, 8, 8, 256, 256), 3.6e-6, 3.6e-6, 3.5e-6},
                        {strided(8, 16, 16, 128, 128), 1.6e-6, 1.2e-6, 1e-6}}) {
    Inputs<float> in(c.win);
    auto want = in.expected(Into::assign);
    for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
      backend::set_isa(isa);
      auto got = in.run(Into::assign);
      CHECK(relative_error(got.y, want.y) < c.y);
      CHECK(relative_error(got.gx, want.gx) < c.gx);
      CHECK(relative_error(got.gw, want.gw) < c.gw);
    }
  }
}

TEST_CASE("threads and the vector width change no bit") {
  Guard guard;
  for (const Window2d& win : windows) {
    Inputs<float> in(win);
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

TEST_CASE("an image alone has the bits it has in a batch") {
  for (Window2d win : {window(37, 6, 7, 16, 32), window(37, 6, 7, 176, 160), strided(37, 8, 9, 128, 32),
                     strided(37, 9, 7, 160, 176)}) {
    Window2d one = win;
    one.n = 1;
    Inputs<float> in(win);
    auto all = in.run(Into::assign);
    const i64 xs = one.pixels_in() * one.c, ys = one.pixels_out() * one.o;
    for (i64 n : {0, 13, 36}) {
      std::vector<float> y(static_cast<std::size_t>(ys)), gx(static_cast<std::size_t>(xs));
      winograd::forward(one, in.x.data() + n * xs, in.w.data(), y.data());
      winograd::grad_input(one, in.w.data(), in.gy.data() + n * ys, gx.data(), Into::assign);
      CHECK(std::equal(y.begin(), y.end(), all.y.begin() + n * ys));
      CHECK(std::equal(gx.begin(), gx.end(), all.gx.begin() + n * xs));
    }
  }
}

TEST_CASE("conv2d takes this way by shape, and exact_conv turns it off") {
  Guard guard;
  for (bool fits : {true, false}) {
    Window2d win = window(2, 8, 8, 16, 16, 0, 0);
    if (!fits) win.stride_h = 2;
    CHECK(backend::detail::winograd_fits(win) == fits);
    Inputs<float> in(win);
    std::vector<float> plain(in.gy.size()), usual = plain, exact = plain;
    backend::reference::conv2d(win, in.x.data(), in.w.data(), plain.data());
    backend::exact_conv() = false;
    backend::conv2d(Cpu{}, win, in.x.data(), in.w.data(), usual.data());
    backend::exact_conv() = true;
    backend::conv2d(Cpu{}, win, in.x.data(), in.w.data(), exact.data());
    if (backend::isa() != Isa::baseline) CHECK(exact == plain);
    CHECK((usual == exact) == !fits);
  }
  for (auto change : {+[](Window2d& w) { w.c = 24; }, +[](Window2d& w) { w.o = 8; }, +[](Window2d& w) { w.h = 3; },
                      +[](Window2d& w) { w.dilation_w = 2; }, +[](Window2d& w) { w.kw = 1; },
                      +[](Window2d& w) { w.pad_h = 3; }, +[](Window2d& w) { w.groups = 2; },
                      +[](Window2d& w) { w.stride_h = 2; }, +[](Window2d& w) { w = strided(2, 8, 8, 112, 128); },
                      +[](Window2d& w) { w = strided(2, 6, 8, 128, 128); },
                      +[](Window2d& w) { w = strided(2, 9, 9, 128, 16), w.pad_h = 0; },
                      +[](Window2d& w) { w = strided(2, 9, 9, 128, 16), w.pad_w = 2; },
                      +[](Window2d& w) { w = strided(2, 9, 9, 128, 16), w.stride_w = 1; }}) {
    Window2d win = window(2, 8, 8, 16, 16);
    change(win);
    CHECK_FALSE(backend::detail::winograd_fits(win));
  }
}
