// ops/conv.hpp: conv2d with any kernel, stride, padding, dilation and groups.
#include "../helpers.hpp"

#include <nacre/ops/conv.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

struct Setup {
  Shape x, w;
  ConvOptions o;
};
const Setup setups[] = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {{2, 5, 4, 3}, {4, 3, 3, 3}, {.padding = 1}},
    {{1, 7, 6, 2}, {3, 3, 2, 2}, {.stride = 2, .padding = 1}},
    {{2, 7, 7, 1}, {2, 3, 3, 1}, {.padding = 2, .dilation = 2}},
    {{1, 4, 5, 4}, {6, 3, 3, 2}, {.padding = 1, .groups = 2}},
    {{2, 3, 3, 17}, {2, 1, 1, 17}, {.stride = 2}},
};

}  // namespace

TEST_CASE("conv2d has the gradients it says") {
  for (const Setup& s : setups)
    check_op(op_case("conv2d", [&](const auto& v) { return conv2d(v[0], v[1], s.o); }, {randn(s.x), randn(s.w, 2)}),
             2e-5);
}

TEST_CASE("conv2d is the sum over the window, as the header says") {
  for (const Setup& s : setups) {
    auto x = randn(s.x), w = randn(s.w, 2);
    auto y = conv2d(Var<double>(x), Var<double>(w), s.o).value();
    Tensor<double> expected(y.shape());
    i64 ci = s.w[3], per_group = s.w[0] / s.o.groups, out = 0;
    for (i64 n = 0; n < y.dim(0); ++n)
      for (i64 p = 0; p < y.dim(1); ++p)
        for (i64 q = 0; q < y.dim(2); ++q)
          for (i64 o = 0; o < y.dim(3); ++o, ++out) {
            double sum = 0;
            for (i64 a = 0; a < s.w[1]; ++a)
              for (i64 b = 0; b < s.w[2]; ++b) {
                i64 h = p * s.o.stride + a * s.o.dilation - s.o.padding,
                    v = q * s.o.stride + b * s.o.dilation - s.o.padding;
                if (h < 0 || h >= s.x[1] || v < 0 || v >= s.x[2]) continue;
                for (i64 i = 0; i < ci; ++i)
                  sum += x[((n * s.x[1] + h) * s.x[2] + v) * s.x[3] + o / per_group * ci + i] *
                         w[((o * s.w[1] + a) * s.w[2] + b) * ci + i];
              }
            expected[out] = sum;
          }
    CHECK(difference(y, expected) < 1e-12);
  }
}

TEST_CASE("wrong shapes and options are refused by name") {
  Var<float> x(randn<float>({1, 4, 4, 3})), w(randn<float>({2, 3, 3, 3})), w4(randn<float>({2, 3, 3, 4})),
      flat(randn<float>({4, 3}));
  check_message([&] { conv2d(flat, w); }, {"conv2d", "x [4, 3]", "w [2, 3, 3, 3]", "[N, H, W, C]"});
  check_message([&] { conv2d(x, w4); },
                {"conv2d", "channels differ", "x is [1, 4, 4, 3]", "w is [2, 3, 3, 4]", "groups 1"});
  check_message([&] { conv2d(x, w, {.stride = 0}); }, {"conv2d", "x is [", "w is [", "stride 0", "need at least 1"});
  check_message([&] { conv2d(x, w, {.dilation = 2}); }, {"conv2d", "does not fit", "x is [1, 4, 4, 3]", "padding 0"});
}
