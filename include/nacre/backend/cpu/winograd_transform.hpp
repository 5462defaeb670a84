// The transforms of Winograd's F(4x4, 3x3), on 16 channels at a time, between maps and the 36 positions of their tiles.
//
//         [1/4    0    0  ]       [4  0 -5  0  1  0]       [1  1  1  1  1  0]
//         [-1/6 -1/6 -1/6 ]       [0 -4 -4  1  1  0]       [0  1 -1  2 -2  0]
//     G = [-1/6  1/6 -1/6 ] B^T = [0  4 -4 -1  1  0] A^T = [0  1  1  4  4  0]
//         [1/24  1/12  1/6]       [0 -2 -1  2  1  0]       [0  1 -1  8 -8  1]
//         [1/24 -1/12  1/6]       [0  2 -1 -2  1  0]
//         [0      0    1  ]       [0  4  0 -5  0  1]
//
//   input B^T d B   weights G g G^T   output A^T m A   output's gradient A dy A^T   weights' gradient G^T s G
//
// Pixels outside the map come from a row of zeros, so a tensor needs no rim. What they are for: winograd.hpp.
// Lavin & Gray, "Fast algorithms for convolutional neural networks", 2016. Tested in tests/backend/cpu/winograd.cpp.
#pragma once

#include <nacre/backend/cpu/pack.hpp>

namespace nacre::backend::detail::winograd {

inline constexpr i64 positions = 36;

// From one position to the next of n rows: a line more than the rows, or all 36 would fall on one cache set.
inline constexpr i64 plane(i64 n, i64 channels) { return n * channels + 16; }

// A map [images, h, w, channels] cut into tiles of `size` pixels a side, 4 apart, the first at (-pad_h, -pad_w).
template <class T>
struct Tiles {
  T* data;
  i64 images, h, w, channels, pad_h, pad_w, down, right;
  i64 count() const { return images * down * right; }

  // f(i, pixel, later) for tiles first + i, i < n: where their pixels are, [size, size], `outside` for those beyond the
  // map; and where those of the tile after next would begin, to be fetched meanwhile.
  template <int size, class F>
  [[gnu::always_inline]] void each(i64 first, i64 n, T* outside, const F& f) const {
    i64 image = first / (down * right), above = first / right % down, before = first % right;
    for (i64 i = 0; i < n; ++i) {
      const i64 top = above * 4 - pad_h, left = before * 4 - pad_w;
      T *const corner = data + ((image * h + top) * w + left) * channels, *pixel[size * size], *row = corner;
#pragma GCC unroll 6
      for (int y = 0; y < size; ++y, row += w * channels) {
        const bool here = static_cast<u64>(top + y) < static_cast<u64>(h);
        T* at = row;
#pragma GCC unroll 6
        for (int x = 0; x < size; ++x, at += channels)
          pixel[y * size + x] = here && static_cast<u64>(left + x) < static_cast<u64>(w) ? at : outside;
      }
      f(i, pixel, corner + 8 * channels);
      if (++before < right) continue;
      before = 0;
      if (++above < down) continue;
      above = 0;
      ++image;
    }
  }
};

template <class T, int lanes = 16>
struct Lanes {
  typedef T V __attribute__((vector_size(lanes * sizeof(T)), aligned(alignof(T)), may_alias));
};
#define NACRE_WINOGRAD [[gnu::always_inline]] inline

// out = B^T d, 6 -> 6, values `s` and `t` apart.
template <class V>
NACRE_WINOGRAD void input_side(const V* d, int s, V* out, int t) {
  const V d0 = d[0], d1 = d[s], d2 = d[2 * s], d3 = d[3 * s], d4 = d[4 * s], d5 = d[5 * s];
  const V even = d4 - 4 * d2, odd = d3 - 4 * d1, even2 = d4 - d2, odd2 = 2 * (d3 - d1);
  out[0] = 4 * d0 - 5 * d2 + d4;
  out[t] = even + odd;
  out[2 * t] = even - odd;
  out[3 * t] = even2 + odd2;
  out[4 * t] = even2 - odd2;
  out[5 * t] = 4 * d1 - 5 * d3 + d5;
}
// out = A^T m, 6 -> 4.
template <class V>
NACRE_WINOGRAD void output_side(const V* m, int s, V* out, int t) {
  const V sum = m[s] + m[2 * s], difference = m[s] - m[2 * s];
  const V sum2 = m[3 * s] + m[4 * s], difference2 = m[3 * s] - m[4 * s];
  out[0] = m[0] + sum + sum2;
  out[t] = difference + 2 * difference2;
  out[2 * t] = sum + 4 * sum2;
  out[3 * t] = difference + 8 * difference2 + m[5 * s];
}
// out = A y, 4 -> 6.
template <class V>
NACRE_WINOGRAD void gradient_side(const V* y, int s, V* out, int t) {
  const V y0 = y[0], y1 = y[s], y2 = y[2 * s], y3 = y[3 * s];
  const V even = y0 + y2, odd = y1 + y3, even2 = y0 + 4 * y2, odd2 = 2 * y1 + 8 * y3;
  out[0] = y0;
  out[t] = even + odd;
  out[2 * t] = even - odd;
  out[3 * t] = even2 + odd2;
  out[4 * t] = even2 - odd2;
  out[5 * t] = y3;
}
// out = G g, 3 -> 6.
template <class T, class V>
NACRE_WINOGRAD void weight_side(const V* g, int s, V* out, int t) {
  const V g0 = g[0], g1 = g[s], g2 = g[2 * s];
  const V ends = (g0 + g2) * T(-1. / 6), middle = g1 * T(1. / 6);
  const V ends2 = g0 * T(1. / 24) + g2 * T(1. / 6), middle2 = g1 * T(1. / 12);
  out[0] = g0 * T(0.25);
  out[t] = ends - middle;
  out[2 * t] = ends + middle;
  out[3 * t] = ends2 + middle2;
  out[4 * t] = ends2 - middle2;
  out[5 * t] = g2;
}
// out = G^T s, 6 -> 3.
template <class T, class V>
NACRE_WINOGRAD void weight_gradient_side(const V* s, int step, V* out, int t) {
  const V sum = s[step] + s[2 * step], difference = s[2 * step] - s[step];
  const V sum2 = s[3 * step] + s[4 * step], difference2 = s[3 * step] - s[4 * step];
  out[0] = s[0] * T(0.25) - sum * T(1. / 6) + sum2 * T(1. / 24);
  out[t] = difference * T(1. / 6) + difference2 * T(1. / 12);
  out[2 * t] = (sum2 - sum) * T(1. / 6) + s[5 * step];
}
#undef NACRE_WINOGRAD

// Tiles [first, first + n) of a map, `size` pixels a side, to out [36, n, channels], positions `plane` apart.
// side(d, s, e, t) takes `size` values to 6: down the columns first, then along the rows.
template <int size, class T, class Side>
void to_positions(const Tiles<const T>& map, i64 first, i64 n, const T* zeros, T* out, i64 plane, Side side) {
  simd::blocks([&] {
    using V = typename Lanes<T>::V;
    map.template each<size>(first, n, zeros, [&](i64 t, const T* const* p, const T* later) {
      for (i64 c = 0; c < map.channels; c += 16) {
        V d[size * size], e[6 * size], z[36];
#pragma GCC unroll 36
        for (int i = 0; i < size * size; ++i) d[i] = *reinterpret_cast<const V*>(p[i] + c);
#pragma GCC unroll 36
        for (int y = 0; y < size; ++y)
#pragma GCC unroll 4
          for (int x = size - 4; x < size; ++x) __builtin_prefetch(later + (y * map.w + x) * map.channels + c);
#pragma GCC unroll 36
        for (int j = 0; j < size; ++j) side(d + j, size, e + j, size);
#pragma GCC unroll 36
        for (int i = 0; i < 6; ++i) side(e + size * i, 1, z + 6 * i, 1);
        T* o = out + t * map.channels + c;
#pragma GCC unroll 36
        for (int f = 0; f < 36; ++f) *reinterpret_cast<V*>(o + f * plane) = z[f];
      }
    });
  });
}
// B^T . B of x, 6x6.
template <class T>
void input_transform(const Tiles<const T>& x, i64 first, i64 n, const T* zeros, T* out, i64 plane) {
  to_positions<6>(x, first, n, zeros, out, plane,
                  [](const auto* d, int s, auto* o, int t) { input_side(d, s, o, t); });
}
// A . A^T of gy, 4x4.
template <class T>
void gradient_transform(const Tiles<const T>& gy, i64 first, i64 n, const T* zeros, T* out, i64 plane) {
  to_positions<4>(gy, first, n, zeros, out, plane,
                  [](const auto* y, int s, auto* o, int t) { gradient_side(y, s, o, t); });
}
// m [36, n, channels] through A^T . A to tiles [first, first + n) of y.
template <class T>
void output_transform(const T* m, i64 plane, i64 first, i64 n, const Tiles<T>& y, T* sink, Into into) {
  simd::blocks([&] {
    using V = typename Lanes<T>::V;
    y.template each<4>(first, n, sink, [&](i64 t, T* const* p, T* later) {
      for (i64 c = 0; c < y.channels; c += 16) {
        V d[36], e[24], o[16];
        const T* in = m + t * y.channels + c;
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
          for (int x = 0; x < 4; ++x) __builtin_prefetch(later + (i * y.w + x) * y.channels + c, 1);
#pragma GCC unroll 36
        for (int f = 0; f < 36; ++f) d[f] = *reinterpret_cast<const V*>(in + f * plane);
#pragma GCC unroll 36
        for (int j = 0; j < 6; ++j) output_side(d + j, 6, e + j, 6);
#pragma GCC unroll 36
        for (int i = 0; i < 4; ++i) output_side(e + 6 * i, 1, o + 4 * i, 1);
#pragma GCC unroll 36
        for (int i = 0; i < 16; ++i) {
          V* to = reinterpret_cast<V*>(p[i] + c);
          *to = into == Into::add ? *to + o[i] : o[i];
        }
      }
    });
  });
}

// Weights [rows, cols] through G . G^T: tap i of (r, l) is at from + i * tap + r * row + l, counted from the last if
// turned; to out [36, rows, cols], positions `out_plane` apart.
template <int lanes, class T>
void weight_transform(const T* from, i64 tap, i64 row, i64 rows, i64 cols, bool turned, T* out, i64 out_plane) {
  simd::blocks([=] {
    using V = typename Lanes<T, lanes>::V;
    for (i64 r = 0; r < rows; ++r)
      for (i64 l = 0; l < cols; l += lanes) {
        V g[9], e[18], u[36];
#pragma GCC unroll 36
        for (int i = 0; i < 9; ++i) g[i] = *reinterpret_cast<const V*>(from + (turned ? 8 - i : i) * tap + r * row + l);
#pragma GCC unroll 36
        for (int i = 0; i < 3; ++i) weight_side<T>(g + i, 3, e + i, 3);
#pragma GCC unroll 36
        for (int i = 0; i < 6; ++i) weight_side<T>(e + 3 * i, 1, u + 6 * i, 1);
        T* to = out + r * cols + l;
#pragma GCC unroll 36
        for (int f = 0; f < 36; ++f) *reinterpret_cast<V*>(to + f * out_plane) = u[f];
      }
  });
}
// w [O, 3, 3, C] in the Winograd domain and the panels of the tiles: out [36, depth, cols]. Forward, depth is C and
// cols is O; for the gradient of the input, depth is O, cols is C and the kernel is turned by half.
template <class T>
void pack_weights(const Kernel<T>& kern, const T* w, i64 o, i64 c, bool turned, T* out) {
  const i64 depth = turned ? o : c, cols = turned ? c : o;
  parallel_for(ceil_div(cols, kern.wide()), 1, [&](i64 group, i64) {
    Scratch<T> transposed(turned ? 0 : 9 * c * kern.wide());  // [9, C, columns of the panel]
    const i64 first = group * kern.wide();
    kern.strips(first, std::min(cols, first + kern.wide()), [&](const TileShape<T>& s, i64 j, i64 end) {
      for (; j < end; j += s.width) {
        if (!turned) pack_panel(true, w + j * 9 * c, 9 * c, 9 * c, s.width, s.width, transposed.data);
        const T* from = turned ? w + j : transposed.data;
        const i64 tap = turned ? c : c * s.width, row = turned ? 9 * c : s.width;
        const auto transform = s.width % 16 == 0 ? weight_transform<16, T> : weight_transform<4, T>;
        transform(from, tap, row, depth, s.width, turned, out + j * depth, plane(depth, cols));
      }
    });
  });
}
// gw [O, 3, 3, C] (+)= G^T s G, s [36, O, C] the sum of `parts` sums, in order, each 36 O C long.
template <class T>
void weight_gradient_transform(const T* s, i64 parts, i64 o, i64 c, T* gw, Into into) {
  parallel_for(o, std::max<i64>(1, 4096 / c), [&](i64 begin, i64 end) {
    simd::blocks([&] {
      using V = typename Lanes<T>::V;
      for (i64 row = begin; row < end; ++row)
        for (i64 j = 0; j < c; j += 16) {
          V d[36], e[18], g[9];
#pragma GCC unroll 36
          for (int f = 0; f < 36; ++f) {
            const T* at = s + (f * o + row) * c + j;
            d[f] = *reinterpret_cast<const V*>(at);
            for (i64 p = 1; p < parts; ++p) d[f] += *reinterpret_cast<const V*>(at + p * positions * o * c);
          }
#pragma GCC unroll 36
          for (int i = 0; i < 6; ++i) weight_gradient_side<T>(d + i, 6, e + i, 6);
#pragma GCC unroll 36
          for (int i = 0; i < 3; ++i) weight_gradient_side<T>(e + 6 * i, 1, g + 3 * i, 1);
#pragma GCC unroll 36
          for (int i = 0; i < 9; ++i) {
            V* to = reinterpret_cast<V*>(gw + (row * 9 + i) * c + j);
            *to = into == Into::add ? *to + g[i] : g[i];
          }
        }
    });
  });
}

}  // namespace nacre::backend::detail::winograd
