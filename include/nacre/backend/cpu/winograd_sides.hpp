// One side of Winograd's convolutions: 3 taps g along a line d of the input, 4 outputs y at a time.
//
//   y = A^T [ (G g) . (B^T d) ]
//
// Stride 1 is F(4, 3), 6 products instead of 12, at the points 0, 1, -1, 2, -2 and infinity:
//         [1/4    0    0  ]       [4  0 -5  0  1  0]       [1  1  1  1  1  0]
//         [-1/6 -1/6 -1/6 ]       [0 -4 -4  1  1  0]       [0  1 -1  2 -2  0]
//     G = [-1/6  1/6 -1/6 ] B^T = [0  4 -4 -1  1  0] A^T = [0  1  1  4  4  0]
//         [1/24  1/12  1/6]       [0 -2 -1  2  1  0]       [0  1 -1  8 -8  1]
//         [1/24 -1/12  1/6]       [0  2 -1 -2  1  0]
//         [0      0    1  ]       [0  4  0 -5  0  1]
// (Toom and Cook: a product of polynomials from its values at as many points as it has coefficients, transposed.)
// Stride 2 is 9: taps 0 and 2 meet every other value, F(4, 2) at 0, 1, -1, 2, infinity; tap 1 the four between, as is.
// Lavin & Gray, "Fast algorithms for convolutional neural networks", 2016. Tested in tests/backend/cpu/winograd.cpp.
#pragma once

namespace nacre::backend::detail::winograd {

// Each side takes `from` values to `to` values.
#define NACRE_WINOGRAD(from_, to_)            \
  static constexpr int from = from_, to = to_; \
  template <class V>                           \
  [[gnu::always_inline]] inline void operator()

struct InputSide {  // B^T d
  NACRE_WINOGRAD(6, 6)(const V* d, V* out) const {
    const V d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3], d4 = d[4], d5 = d[5];
    const V even = d4 - 4 * d2, odd = d3 - 4 * d1, even2 = d4 - d2, odd2 = 2 * (d3 - d1);
    out[0] = 4 * d0 - 5 * d2 + d4;
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
    out[5] = 4 * d1 - 5 * d3 + d5;
  }
};
struct OutputSide {  // A^T m
  NACRE_WINOGRAD(6, 4)(const V* m, V* out) const {
    const V sum = m[1] + m[2], difference = m[1] - m[2];
    const V sum2 = m[3] + m[4], difference2 = m[3] - m[4];
    out[0] = m[0] + sum + sum2;
    out[1] = difference + 2 * difference2;
    out[2] = sum + 4 * sum2;
    out[3] = difference + 8 * difference2 + m[5];
  }
};
struct GradientSide {  // A y
  NACRE_WINOGRAD(4, 6)(const V* y, V* out) const {
    const V y0 = y[0], y1 = y[1], y2 = y[2], y3 = y[3];
    const V even = y0 + y2, odd = y1 + y3, even2 = y0 + 4 * y2, odd2 = 2 * y1 + 8 * y3;
    out[0] = y0;
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
    out[5] = y3;
  }
};
template <class T>
struct WeightSide {  // G g
  NACRE_WINOGRAD(3, 6)(const V* g, V* out) const {
    const V g0 = g[0], g1 = g[1], g2 = g[2];
    const V ends = (g0 + g2) * T(-1. / 6), middle = g1 * T(1. / 6);
    const V ends2 = g0 * T(1. / 24) + g2 * T(1. / 6), middle2 = g1 * T(1. / 12);
    out[0] = g0 * T(0.25);
    out[1] = ends - middle;
    out[2] = ends + middle;
    out[3] = ends2 + middle2;
    out[4] = ends2 - middle2;
    out[5] = g2;
  }
};
template <class T>
struct WeightGradientSide {  // G^T s
  NACRE_WINOGRAD(6, 3)(const V* s, V* out) const {
    const V sum = s[1] + s[2], difference = s[2] - s[1];
    const V sum2 = s[3] + s[4], difference2 = s[3] - s[4];
    out[0] = s[0] * T(0.25) - sum * T(1. / 6) + sum2 * T(1. / 24);
    out[1] = difference * T(1. / 6) + difference2 * T(1. / 12);
    out[2] = (sum2 - sum) * T(1. / 6) + s[5];
  }
};

// F(4, 2): B^T d of 5 values, s apart, and A^T m to 4, t apart.
//
//         [ 1/2    0 ]        [2 -1 -2  1  0]        [1  1  1  1  0]
//         [-1/2 -1/2 ]        [0 -2 -1  1  0]        [0  1 -1  2  0]
//     G = [-1/6  1/6 ]  B^T = [0  2 -3  1  0]  A^T = [0  1  1  4  0]
//         [ 1/6  1/3 ]        [0 -1  0  1  0]        [0  1 -1  8  1]
//         [ 0      1 ]        [0  2 -1 -2  1]
template <class V>
[[gnu::always_inline]] inline void input_by_two(const V* d, int s, V* out) {
  const V d0 = d[0], d1 = d[s], d2 = d[2 * s], d3 = d[3 * s], d4 = d[4 * s];
  const V outer = d3 - d1, inner = d3 - d2;
  out[0] = 2 * (d0 - d2) + outer;
  out[1] = inner - 2 * d1;
  out[2] = inner + 2 * (d1 - d2);
  out[3] = outer;
  out[4] = d4 - d2 - 2 * outer;
}
template <class V>
[[gnu::always_inline]] inline void output_by_two(const V* m, V* out, int t) {
  const V sum = m[1] + m[2], difference = m[1] - m[2], m3 = m[3];
  out[0] = m[0] + sum + m3;
  out[t] = difference + 2 * m3;
  out[2 * t] = sum + 4 * m3;
  out[3 * t] = difference + 8 * m3 + m[4];
}

// Stride 2, input from one before: y(i) = d(2i) g0 + d(2i + 1) g1 + d(2i + 2) g2.
struct StridedInputSide {
  NACRE_WINOGRAD(9, 9)(const V* d, V* out) const {
    input_by_two(d, 2, out);
    for (int i = 0; i < 4; ++i) out[5 + i] = d[2 * i + 1];
  }
};
struct StridedOutputSide {
  NACRE_WINOGRAD(9, 4)(const V* m, V* out) const {
    output_by_two(m, out, 1);
    for (int i = 0; i < 4; ++i) out[i] += m[5 + i];
  }
};
struct StridedGradientSide {
  NACRE_WINOGRAD(4, 9)(const V* y, V* out) const {
    const V y0 = y[0], y1 = y[1], y2 = y[2], y3 = y[3];
    const V even = y0 + y2, odd = y1 + y3;
    out[0] = y0;
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = y0 + 2 * y1 + 4 * y2 + 8 * y3;
    out[4] = y3;
    for (int i = 0; i < 4; ++i) out[5 + i] = y[i];
  }
};
// And from the gradient of y back, 8 values: x(2i) = g1 y(i), x(2i + 1) = g2 y(i) + g0 y(i + 1).
struct SpreadInputSide {
  NACRE_WINOGRAD(5, 9)(const V* y, V* out) const {
    input_by_two(y, 1, out);
    for (int i = 0; i < 4; ++i) out[5 + i] = y[i];
  }
};
struct SpreadOutputSide {
  NACRE_WINOGRAD(9, 8)(const V* m, V* out) const {
    output_by_two(m, out + 1, 2);
    for (int i = 0; i < 4; ++i) out[2 * i] = m[5 + i];
  }
};
template <class T>
struct StridedWeightSide {
  NACRE_WINOGRAD(3, 6)(const V* g, V* out) const {
    const V g0 = g[0], g2 = g[2], sixth = g2 * T(1. / 6);
    out[0] = g0 * T(0.5);
    out[1] = (g0 + g2) * T(-0.5);
    out[2] = g0 * T(-1. / 6) + sixth;
    out[3] = g0 * T(1. / 6) + 2 * sixth;
    out[4] = g2;
    out[5] = g[1];
  }
};
template <class T>
struct StridedWeightGradientSide {
  NACRE_WINOGRAD(6, 3)(const V* s, V* out) const {
    const V s1 = s[1], s2 = s[2], s3 = s[3];
    out[0] = (s[0] - s1) * T(0.5) + (s3 - s2) * T(1. / 6);
    out[1] = s[5];
    out[2] = s1 * T(-0.5) + (s2 + 2 * s3) * T(1. / 6) + s[4];
  }
};
#undef NACRE_WINOGRAD

}  // namespace nacre::backend::detail::winograd
