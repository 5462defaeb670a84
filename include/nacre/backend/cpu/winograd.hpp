// Winograd's F(4x4, 3x3): a stride-1 3x3 convolution with a quarter of the products, in all three passes.
//
//   forward, input gradient   Y = A^T [ (G g G^T) . (B^T d B) ] A     d 6x6 of the input, Y 4x4 of the output
//   weight gradient           dg = G^T [ sum over tiles (A dY A^T) . (B^T d B) ] G
//
//         [1/4    0    0  ]       [4  0 -5  0  1  0]       [1  1  1  1  1  0]
//         [-1/6 -1/6 -1/6 ]       [0 -4 -4  1  1  0]       [0  1 -1  2 -2  0]
//     G = [-1/6  1/6 -1/6 ] B^T = [0  4 -4 -1  1  0] A^T = [0  1  1  4  4  0]
//         [1/24  1/12  1/6]       [0 -2 -1  2  1  0]       [0  1 -1  8 -8  1]
//         [1/24 -1/12  1/6]       [0  2 -1 -2  1  0]
//         [0      0    1  ]       [0  4  0 -5  0  1]
//
// "." is, for each of the 36 positions f, a matrix product over channels. Relative error 2e-6 to 5e-6 in float,
// some five times that of the direct sum. Lavin & Gray, 2016. Tested in tests/backend/cpu/winograd.cpp.
#pragma once

#include <nacre/backend/cpu/gemm_impl.hpp>
#include <nacre/math/window.hpp>

namespace nacre::backend::detail {

// The rule, by shape only: whole vectors of 16 channels on both sides and a map of at least 4x4.
inline bool winograd_fits(const Window2d& w) {
  return w.kh == 3 && w.kw == 3 && w.stride_h == 1 && w.stride_w == 1 && w.dilation_h == 1 && w.dilation_w == 1 &&
         w.groups == 1 && w.pad_h <= 2 && w.pad_w <= 2 && w.c >= 16 && w.o >= 16 && w.c % 16 == 0 && w.o % 16 == 0 &&
         w.h >= 4 && w.w >= 4 && w.oh() >= 4 && w.ow() >= 4;
}

namespace winograd {

inline constexpr i64 positions = 36;

// A map [images, h, w, channels] cut into tiles of `size` pixels a side, 4 apart, the first at (-pad_h, -pad_w).
template <class T>
struct Tiles {
  T* data;
  i64 images, h, w, channels, pad_h, pad_w, down, right;
  i64 count() const { return images * down * right; }

  // The pixels of tile t, row by row; `outside` stands for those that lie outside the map.
  template <i64 size>
  void pixels(i64 t, T* outside, T** out) const {
    const i64 n = t / (down * right), top = t / right % down * 4 - pad_h, left = t % right * 4 - pad_w;
    for (i64 i = 0; i < size; ++i)
      for (i64 j = 0; j < size; ++j) {
        const i64 r = top + i, c = left + j;
        const bool inside = r >= 0 && r < h && c >= 0 && c < w;
        out[i * size + j] = inside ? data + ((n * h + r) * w + c) * channels : outside;
      }
  }
};

template <class T>
struct Lanes {
  typedef T V __attribute__((vector_size(16 * sizeof(T)), aligned(alignof(T)), may_alias));
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

// Tiles [first, first + n) of x through B^T . B: out [36, n, channels], positions `plane` apart.
template <class T>
void input_transform(const Tiles<const T>& x, i64 first, i64 n, const T* zeros, T* out, i64 plane) {
  simd::run([&] {
    using V = typename Lanes<T>::V;
    for (i64 t = 0; t < n; ++t) {
      const T* p[36];
      x.template pixels<6>(first + t, zeros, p);
      for (i64 c = 0; c < x.channels; c += 16) {
        V d[36], e[36];
        for (int i = 0; i < 36; ++i) d[i] = *reinterpret_cast<const V*>(p[i] + c);
        for (int j = 0; j < 6; ++j) input_side(d + j, 6, e + j, 6);
        for (int i = 0; i < 6; ++i) input_side(e + 6 * i, 1, d + 6 * i, 1);
        T* o = out + t * x.channels + c;
        for (int f = 0; f < 36; ++f) *reinterpret_cast<V*>(o + f * plane) = d[f];
      }
    }
  });
}
// Tiles of gy through A . A^T: out [36, n, channels].
template <class T>
void gradient_transform(const Tiles<const T>& gy, i64 first, i64 n, const T* zeros, T* out, i64 plane) {
  simd::run([&] {
    using V = typename Lanes<T>::V;
    for (i64 t = 0; t < n; ++t) {
      const T* p[16];
      gy.template pixels<4>(first + t, zeros, p);
      for (i64 c = 0; c < gy.channels; c += 16) {
        V d[16], e[24], z[36];
        for (int i = 0; i < 16; ++i) d[i] = *reinterpret_cast<const V*>(p[i] + c);
        for (int j = 0; j < 4; ++j) gradient_side(d + j, 4, e + j, 4);
        for (int i = 0; i < 6; ++i) gradient_side(e + 4 * i, 1, z + 6 * i, 1);
        T* o = out + t * gy.channels + c;
        for (int f = 0; f < 36; ++f) *reinterpret_cast<V*>(o + f * plane) = z[f];
      }
    }
  });
}
// m [36, n, channels] through A^T . A to tiles [first, first + n) of y.
template <class T>
void output_transform(const T* m, i64 plane, i64 first, i64 n, const Tiles<T>& y, T* sink, Into into) {
  simd::run([&] {
    using V = typename Lanes<T>::V;
    for (i64 t = 0; t < n; ++t) {
      T* p[16];
      y.template pixels<4>(first + t, sink, p);
      for (i64 c = 0; c < y.channels; c += 16) {
        V d[36], e[24], o[16];
        const T* in = m + t * y.channels + c;
        for (int f = 0; f < 36; ++f) d[f] = *reinterpret_cast<const V*>(in + f * plane);
        for (int j = 0; j < 6; ++j) output_side(d + j, 6, e + j, 6);
        for (int i = 0; i < 4; ++i) output_side(e + 6 * i, 1, o + 4 * i, 1);
        for (int i = 0; i < 16; ++i) {
          V* to = reinterpret_cast<V*>(p[i] + c);
          *to = into == Into::add ? *to + o[i] : o[i];
        }
      }
    }
  });
}

// w [O, 3, 3, C] through G . G^T: out [36, O, C]; turned by half for the gradient of the input.
template <class T>
void weight_transform(const T* w, i64 o, i64 c, bool turned, T* out) {
  parallel_for(o, std::max<i64>(1, 4096 / c), [&](i64 begin, i64 end) {
    simd::run([&] {
      using V = typename Lanes<T>::V;
      for (i64 row = begin; row < end; ++row)
        for (i64 j = 0; j < c; j += 16) {
          V g[9], e[18], u[36];
          for (int i = 0; i < 9; ++i) g[turned ? 8 - i : i] = *reinterpret_cast<const V*>(w + (row * 9 + i) * c + j);
          for (int i = 0; i < 3; ++i) weight_side<T>(g + i, 3, e + i, 3);
          for (int i = 0; i < 6; ++i) weight_side<T>(e + 3 * i, 1, u + 6 * i, 1);
          for (int f = 0; f < 36; ++f) *reinterpret_cast<V*>(out + (f * o + row) * c + j) = u[f];
        }
    });
  });
}
// gw [O, 3, 3, C] (+)= G^T s G, s [36, O, C] the sum of `parts` sums, in order, each 36 O C long.
template <class T>
void weight_gradient_transform(const T* s, i64 parts, i64 o, i64 c, T* gw, Into into) {
  parallel_for(o, std::max<i64>(1, 4096 / c), [&](i64 begin, i64 end) {
    simd::run([&] {
      using V = typename Lanes<T>::V;
      for (i64 row = begin; row < end; ++row)
        for (i64 j = 0; j < c; j += 16) {
          V d[36], e[18], g[9];
          for (int f = 0; f < 36; ++f) {
            const T* at = s + (f * o + row) * c + j;
            d[f] = *reinterpret_cast<const V*>(at);
            for (i64 p = 1; p < parts; ++p) d[f] += *reinterpret_cast<const V*>(at + p * positions * o * c);
          }
          for (int i = 0; i < 6; ++i) weight_gradient_side<T>(d + i, 6, e + i, 6);
          for (int i = 0; i < 3; ++i) weight_gradient_side<T>(e + 6 * i, 1, g + 3 * i, 1);
          for (int i = 0; i < 9; ++i) {
            V* to = reinterpret_cast<V*>(gw + (row * 9 + i) * c + j);
            *to = into == Into::add ? *to + g[i] : g[i];
          }
        }
    });
  });
}

// out [n, cols] = rows of v [n, depth] times a packed panel matrix u [depth, cols], columns [begin, end).
template <class T>
void product(const Kernel<T>& kern, const T* v, i64 n, i64 depth, const T* u, i64 begin, i64 end, T* out, i64 cols,
             Ahead<T> ahead) {
  const Segment segment{0, 0, depth};
  kern.strips(begin, end, [&](const TileShape<T>& tile, i64 left, i64 right) {
    for (i64 t = 0; t < n; t += tile.rows)
      for (i64 j = left; j < right; j += tile.width) {
        const T* rows[max_tile_rows];
        T* to[max_tile_rows];
        for (i64 r = 0; r < tile.rows; ++r) {
          const i64 row = std::min(t + r, n - 1);
          rows[r] = v + row * depth;
          to[r] = out + row * cols + j;
        }
        tile.run(&segment, 1, rows, 1, u + j * depth, tile.width, to, std::min(tile.width, right - j), false, ahead);
        ahead.from += depth * ahead.step;
      }
  });
}

// y = x * u for u [36, depth, cols] packed; both maps of one set of tiles.
template <class T>
void convolve(const Tiles<const T>& x, const T* u, const Tiles<T>& y, Into into) {
  const Kernel<T> kern = kernel<T>();
  const i64 depth = x.channels, cols = y.channels, tiles = x.count();
  Scratch<T> zeros(depth);
  std::fill_n(zeros.data, depth, T(0));
  // While all of u stays in a cache, a task takes a few tiles through all steps; else the positions are the tasks.
  const bool narrow = depth * cols <= 160 * 160;
  const i64 block = narrow ? 48 : 576;
  if (narrow) {
    parallel_for(ceil_div(tiles, block), 1, [&](i64 task, i64) {
      const i64 first = task * block, n = std::min(block, tiles - first);
      Scratch<T> v(positions * n * depth), m(positions * n * cols), sink(cols);
      input_transform(x, first, n, zeros.data, v.data, n * depth);
      for (i64 f = 0; f < positions; ++f) {
        const T* next = u + std::min(f + 1, positions - 1) * depth * cols;
        product(kern, v.data + f * n * depth, n, depth, u + f * depth * cols, 0, cols, m.data + f * n * cols, cols,
                {next, std::max<i64>(1, cols * kern.shapes[0].rows / n / ceil_div(cols, kern.wide()))});
      }
      output_transform(m.data, n * cols, first, n, y, sink.data, into);
    });
    return;
  }
  const i64 most = std::min(block, tiles), piece = 8;
  Scratch<T> v(positions * most * depth), m(positions * most * cols);
  for (i64 first = 0; first < tiles; first += block) {
    const i64 n = std::min(block, tiles - first), across = ceil_div(cols, 256);
    parallel_for(n, piece, [&](i64 begin, i64 end) {
      input_transform(x, first + begin, end - begin, zeros.data, v.data + begin * depth, n * depth);
    });
    parallel_for(positions * across, 1, [&](i64 task, i64) {
      const i64 f = task / across, j = task % across * 256;
      product(kern, v.data + f * n * depth, n, depth, u + f * depth * cols, j, std::min(cols, j + 256),
              m.data + f * n * cols, cols, {u, 0});
    });
    parallel_for(n, piece, [&](i64 begin, i64 end) {
      Scratch<T> sink(cols);
      output_transform(m.data + begin * cols, n * cols, first + begin, end - begin, y, sink.data, into);
    });
  }
}

// The tiles of both sides: 4x4 of the output, 6x6 of the input under them.
template <class T>
Tiles<T> output_tiles(T* y, i64 n, i64 h, i64 w, i64 channels) {
  return {y, n, h, w, channels, 0, 0, ceil_div(h, 4), ceil_div(w, 4)};
}
template <class T>
Tiles<const T> input_tiles(const T* x, i64 n, i64 h, i64 w, i64 channels, i64 pad_h, i64 pad_w) {
  return {x, n, h, w, channels, pad_h, pad_w, ceil_div(h + 2 * pad_h - 2, 4), ceil_div(w + 2 * pad_w - 2, 4)};
}

// u [36, depth, cols] in the panels of the tiles, from [36, O, C].
template <class T>
void pack(const Kernel<T>& kern, bool transposed, const T* from, i64 o, i64 c, T* out) {
  const i64 cols = transposed ? o : c, depth = transposed ? c : o, groups = ceil_div(cols, kern.wide());
  parallel_for(positions * groups, 1, [&](i64 task, i64) {
    const i64 f = task / groups;
    pack_group(kern, transposed, from + f * o * c, c, depth, task % groups * kern.wide(), cols, out + f * o * c);
  });
}

template <class T>
void forward(const Window2d& win, const T* x, const T* w, T* y) {
  Scratch<T> plain(positions * win.o * win.c), u(positions * win.o * win.c);
  weight_transform(w, win.o, win.c, false, plain.data);
  pack(kernel<T>(), true, plain.data, win.o, win.c, u.data);
  convolve(input_tiles(x, win.n, win.h, win.w, win.c, win.pad_h, win.pad_w), u.data,
           output_tiles(y, win.n, win.oh(), win.ow(), win.o), Into::assign);
}

template <class T>
void grad_input(const Window2d& win, const T* w, const T* gy, T* gx, Into into) {
  Scratch<T> plain(positions * win.o * win.c), u(positions * win.o * win.c);
  weight_transform(w, win.o, win.c, true, plain.data);
  pack(kernel<T>(), false, plain.data, win.o, win.c, u.data);
  convolve(input_tiles(gy, win.n, win.oh(), win.ow(), win.o, 2 - win.pad_h, 2 - win.pad_w), u.data,
           output_tiles(gx, win.n, win.h, win.w, win.c), into);
}

// s [O, C] (+)= z^T v over n tiles, rows [begin, end) of O; z [n, O], v [n, C].
template <class T>
void sum_products(const Kernel<T>& kern, const T* z, i64 o, i64 begin, i64 end, const T* v, i64 c, i64 n, T* s,
                  bool resume) {
  const Segment segment{0, 0, n};
  kern.strips(0, c, [&](const TileShape<T>& tile, i64 left, i64 right) {
    for (i64 j = left; j < right; j += tile.width)
      for (i64 i = begin; i < end; i += tile.rows) {
        const T* rows[max_tile_rows];
        T* to[max_tile_rows];
        for (i64 r = 0; r < tile.rows; ++r) {
          const i64 row = std::min(i + r, end - 1);
          rows[r] = z + row;
          to[r] = s + row * c + j;
          if (resume) fetch_to_write(s + std::min(row + tile.rows, end - 1) * c + j, tile.width);
        }
        tile.run(&segment, 1, rows, o, v + j, c, to, std::min(tile.width, right - j), resume, {z, 0});
      }
  });
}

template <class T>
void grad_weight(const Window2d& win, const T* x, const T* gy, T* gw, Into into) {
  const Kernel<T> kern = kernel<T>();
  const Tiles<const T> from = input_tiles(x, win.n, win.h, win.w, win.c, win.pad_h, win.pad_w);
  const Tiles<const T> to = output_tiles(gy, win.n, win.oh(), win.ow(), win.o);
  const i64 tiles = from.count(), o = win.o, c = win.c, size = positions * o * c, most_channels = std::max(o, c);
  Scratch<T> zeros(most_channels);
  std::fill_n(zeros.data, most_channels, T(0));
  // While the sums are small, a task takes its share of the tiles through both steps; else positions are the tasks.
  const bool narrow = o * c <= 96 * 96;
  const i64 block = narrow ? 96 : 512;
  const i64 parts = narrow ? std::clamp<i64>(tiles / (2 * block), 1, 16) : 1;
  Scratch<T> sums(parts * size);
  if (narrow) {
    const i64 share = ceil_div(tiles, parts);
    parallel_for(parts, 1, [&](i64 part, i64) {
      const i64 begin = part * share, end = std::min(tiles, begin + share);
      T* s = sums.data + part * size;
      if (begin >= end) std::fill_n(s, size, T(0));
      Scratch<T> v(positions * block * c + kern.wide()), z(positions * block * o);  // the last vector may run over
      for (i64 first = begin; first < end; first += block) {
        const i64 n = std::min(block, end - first);
        input_transform(from, first, n, zeros.data, v.data, n * c);
        gradient_transform(to, first, n, zeros.data, z.data, n * o);
        for (i64 f = 0; f < positions; ++f)
          sum_products(kern, z.data + f * n * o, o, 0, o, v.data + f * n * c, c, n, s + f * o * c, first > begin);
      }
    });
  } else {
    const i64 most = std::min(block, tiles), piece = 8, rows = 96, down = ceil_div(o, rows);
    Scratch<T> v(positions * most * c + kern.wide()), z(positions * most * o);
    for (i64 first = 0; first < tiles; first += block) {
      const i64 n = std::min(block, tiles - first);
      parallel_for(n, piece, [&](i64 begin, i64 end) {
        input_transform(from, first + begin, end - begin, zeros.data, v.data + begin * c, n * c);
        gradient_transform(to, first + begin, end - begin, zeros.data, z.data + begin * o, n * o);
      });
      parallel_for(positions * down, 1, [&](i64 task, i64) {
        const i64 f = task / down, i = task % down * rows;
        sum_products(kern, z.data + f * n * o, o, i, std::min(o, i + rows), v.data + f * n * c, c, n,
                     sums.data + f * o * c, first > 0);
      });
    }
  }
  weight_gradient_transform(sums.data, parts, o, c, gw, into);
}

}  // namespace winograd
}  // namespace nacre::backend::detail
