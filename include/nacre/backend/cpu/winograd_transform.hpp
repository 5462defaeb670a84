// The transforms of Winograd's convolutions, a vector of channels at a time, between maps and their tiles' positions.
//
//   input B^T d B   weights G g G^T   output A^T m A   output's gradient A dy A^T   weights' gradient G^T s G
//
// A tile's 4x4 outputs have 6x6 positions, with stride 2 9x9; its weights have 6x6 either way, for the last four a side
// share one. Pixels outside the map come from a row of zeros, so a tensor needs no rim. The matrices:
// winograd_sides.hpp; what they are for: winograd.hpp. Tested in tests/backend/cpu/winograd.cpp.
#pragma once

#include <nacre/backend/cpu/norm.hpp>
#include <nacre/backend/cpu/pack.hpp>
#include <nacre/backend/cpu/winograd_sides.hpp>

namespace nacre::backend::detail::winograd {

inline constexpr i64 weight_positions = 36;
inline constexpr i64 weight_position(i64 f, i64 side) {  // that position f of a tile with side * side meets
  return std::min<i64>(f / side, 5) * 6 + std::min<i64>(f % side, 5);
}

// From one position to the next of n rows: a line more than the rows, or all of them would fall on one cache set.
inline constexpr i64 plane(i64 n, i64 channels) { return n * channels + 16; }

// A map [images, h, w, channels] cut into down x right tiles of `size` pixels a side, `step` apart, the first at
// (-pad_h, -pad_w).
template <class T>
struct Tiles {
  T* data;
  i64 images, h, w, channels, pad_h, pad_w, step, down, right;
  ReluMap<std::remove_const_t<T>> relu = {};  // of the pixels inside
  i64 count() const { return images * down * right; }

  // f(i, pixel, later) for tiles first + i, i < n: where their pixels are, [size, size], `outside` for those beyond the
  // map; and where those of a later tile would begin, to be fetched meanwhile: the fewer channels, the later.
  template <int size, class F>
  [[gnu::always_inline]] void each(i64 first, i64 n, T* outside, const F& f) const {
    i64 image = first / (down * right), above = first / right % down, before = first % right;
    const i64 ahead = std::clamp<i64>(96 / channels, 2, 4), end_of_row = right - ahead;
    for (i64 i = 0; i < n; ++i) {
      const i64 top = above * step - pad_h, left = before * step - pad_w;
      T *const corner = data + ((image * h + top) * w + left) * channels, *pixel[size * size], *row = corner;
#pragma GCC unroll 9
      for (int y = 0; y < size; ++y, row += w * channels) {
        const bool here = static_cast<u64>(top + y) < static_cast<u64>(h);
        T* at = row;
#pragma GCC unroll 9
        for (int x = 0; x < size; ++x, at += channels)
          pixel[y * size + x] = here && static_cast<u64>(left + x) < static_cast<u64>(w) ? at : outside;
      }
      f(i, pixel, corner + (ahead * step + (before < end_of_row ? 0 : (w - right) * step)) * channels);
      if (++before < right) continue;
      before = 0;
      if (++above < down) continue;
      above = 0;
      ++image;
    }
  }
};

// Tiles [first, first + n) of x to out [positions, n, channels], positions `plane` apart: down the columns first,
// then along the rows.
template <class Side, class T>
void to_positions(const Tiles<const T>& x, i64 first, i64 n, const T* zeros, T* out, i64 plane) {
  simd::vectors<T>([&](auto width) NACRE_INLINED {
    using V = typename decltype(width)::V;
    using M = typename decltype(width)::Memory;
    constexpr int from = Side::from, to = Side::to;
    x.template each<from>(first, n, zeros, [&](i64 t, auto* p, auto* later) NACRE_INLINED {
      for (i64 c = 0; c < x.channels; c += width.lanes) {
        V e[to * from], scale{}, shift{};
        if (x.relu) {
          scale = *reinterpret_cast<const M*>(x.relu.scale + c);
          shift = *reinterpret_cast<const M*>(x.relu.shift + c);
        }
        for (int j = 0; j < from; ++j) {
          for (i64 k = from - x.step; k < from; ++k) __builtin_prefetch(later + (j * x.w + k) * x.channels + c);
          V d[from], z[to];
#pragma GCC unroll 9
          for (int i = 0; i < from; ++i) d[i] = *reinterpret_cast<const M*>(p[i * from + j] + c);
          if (x.relu)
#pragma GCC unroll 9
            for (int i = 0; i < from; ++i) {  // AffineRelu, by hand: g++ warns of vectors as arguments
              const V y = d[i] * scale + shift;
              d[i] = p[i * from + j] == zeros ? V{} : y < V{} ? V{} : y;
            }
          Side{}(d, z);
#pragma GCC unroll 9
          for (int i = 0; i < to; ++i) e[i * from + j] = z[i];
        }
        T* o = out + t * x.channels + c;
        for (int i = 0; i < to; ++i) {
          V z[to];
          Side{}(e + i * from, z);
#pragma GCC unroll 9
          for (int j = 0; j < to; ++j) *reinterpret_cast<M*>(o + (i * to + j) * plane) = z[j];
        }
      }
    });
  });
}
// m [positions, n, channels] to tiles [first, first + n) of y.
template <class Side, class T>
void from_positions(const T* m, i64 plane, i64 first, i64 n, const Tiles<T>& y, T* sink, Into into) {
  simd::vectors<T>([&](auto width) NACRE_INLINED {
    using V = typename decltype(width)::V;
    using M = typename decltype(width)::Memory;
    constexpr int from = Side::from, to = Side::to;
    y.template each<to>(first, n, sink, [&](i64 t, auto* p, auto* later) NACRE_INLINED {
      for (i64 c = 0; c < y.channels; c += width.lanes) {
        V e[to * from];
        const T* in = m + t * y.channels + c;
        for (int i = 0; i < to; ++i)
          for (int x = 0; x < to; ++x) __builtin_prefetch(later + (i * y.w + x) * y.channels + c, 1);
        for (int j = 0; j < from; ++j) {
          V d[from], z[to];
#pragma GCC unroll 9
          for (int i = 0; i < from; ++i) d[i] = *reinterpret_cast<const M*>(in + (i * from + j) * plane);
          Side{}(d, z);
#pragma GCC unroll 9
          for (int i = 0; i < to; ++i) e[i * from + j] = z[i];
        }
        for (int i = 0; i < to; ++i) {
          V z[to];
          Side{}(e + i * from, z);
#pragma GCC unroll 9
          for (int j = 0; j < to; ++j) {
            M* at = reinterpret_cast<M*>(p[i * to + j] + c);
            *at = into == Into::add ? *at + z[j] : z[j];
          }
        }
      }
    });
  });
}

// Weights [rows, cols] through G . G^T: tap i of (r, l) is at from + i * tap + r * row + l, counted from the last if
// turned; to out [36, rows, cols], positions `out_plane` apart.
template <class Side, class T>
void weight_transform(const T* from, i64 tap, i64 row, i64 rows, i64 cols, bool turned, T* out, i64 out_plane) {
  simd::vectors<T>([=](auto width) NACRE_INLINED {
    using V = typename decltype(width)::V;
    using M = typename decltype(width)::Memory;
    for (i64 r = 0; r < rows; ++r)
      for (i64 l = 0; l < cols; l += width.lanes) {
        V e[18];
        for (int j = 0; j < 3; ++j) {
          V g[3], u[6];
#pragma GCC unroll 3
          for (int i = 0, f = j; i < 3; ++i, f += 3)
            g[i] = *reinterpret_cast<const M*>(from + (turned ? 8 - f : f) * tap + r * row + l);
          Side{}(g, u);
#pragma GCC unroll 6
          for (int i = 0; i < 6; ++i) e[3 * i + j] = u[i];
        }
        T* to = out + r * cols + l;
        for (int i = 0; i < 6; ++i) {
          V u[6];
          Side{}(e + 3 * i, u);
#pragma GCC unroll 6
          for (int j = 0; j < 6; ++j, to += out_plane) *reinterpret_cast<M*>(to) = u[j];
        }
      }
  });
}
// gw [O, 3, 3, C] (+)= G^T s G, s [36, O, C] the sum of `parts` sums, in order, each 36 O C long.
template <class Side, class T>
void weight_gradient_transform(const T* s, i64 parts, i64 o, i64 c, T* gw, Into into) {
  parallel_for(o, std::max<i64>(1, 4096 / c), [&](i64 begin, i64 end) {
    simd::vectors<T>([&](auto width) NACRE_INLINED {
      using V = typename decltype(width)::V;
      using M = typename decltype(width)::Memory;
      for (i64 row = begin; row < end; ++row)
        for (i64 j = 0; j < c; j += width.lanes) {
          V e[18];
          for (int x = 0; x < 6; ++x) {
            V d[6], g[3];
            for (int y = 0; y < 6; ++y) {
              const T* at = s + ((6 * y + x) * o + row) * c + j;
              d[y] = *reinterpret_cast<const M*>(at);
              for (i64 p = 1; p < parts; ++p) d[y] += *reinterpret_cast<const M*>(at + p * weight_positions * o * c);
            }
            Side{}(d, g);
            for (int y = 0; y < 3; ++y) e[6 * y + x] = g[y];
          }
          for (int y = 0; y < 3; ++y) {
            V g[3];
            Side{}(e + 6 * y, g);
            for (int x = 0; x < 3; ++x) {
              M* to = reinterpret_cast<M*>(gw + (row * 9 + 3 * y + x) * c + j);
              *to = into == Into::add ? *to + g[x] : g[x];
            }
          }
        }
    });
  });
}

// What the three passes are made of, by stride.
template <class T>
struct Transforms {
  i64 side;  // of a tile's positions
  decltype(&to_positions<InputSide, T>) input, gradient, back_input;  // back: from gy to gx
  decltype(&from_positions<OutputSide, T>) output, back_output;
  decltype(&weight_transform<WeightSide<T>, T>) weights;
  decltype(&weight_gradient_transform<WeightGradientSide<T>, T>) weight_gradient;
};
template <class T>
Transforms<T> transforms(i64 stride) {
  if (stride == 1)
    return {6, to_positions<InputSide, T>, to_positions<GradientSide, T>, to_positions<InputSide, T>,
            from_positions<OutputSide, T>, from_positions<OutputSide, T>, weight_transform<WeightSide<T>, T>,
            weight_gradient_transform<WeightGradientSide<T>, T>};
  return {9, to_positions<StridedInputSide, T>, to_positions<StridedGradientSide, T>, to_positions<SpreadInputSide, T>,
          from_positions<StridedOutputSide, T>, from_positions<SpreadOutputSide, T>,
          weight_transform<StridedWeightSide<T>, T>,
          weight_gradient_transform<StridedWeightGradientSide<T>, T>};
}

// w [O, 3, 3, C] in the Winograd domain and the panels of tile.hpp's tiles: out [36, depth, cols]. Forward, depth is C
// and cols is O; for the gradient of the input, depth is O, cols is C and the kernel is turned by half.
template <class T>
void pack_weights(const Transforms<T>& transforms, const T* w, i64 o, i64 c, bool turned, T* out) {
  const Kernel<T> kern = kernel<T>();
  const i64 depth = turned ? o : c, cols = turned ? c : o;
  parallel_for(ceil_div(cols, kern.wide()), 1, [&](i64 group, i64) {
    Scratch<T> transposed(turned ? 0 : 9 * c * kern.wide());  // [9, C, columns of the panel]
    const i64 first = group * kern.wide();
    kern.strips(first, std::min(cols, first + kern.wide()), [&](const TileShape<T>& s, i64 j, i64 end) {
      for (; j < end; j += s.width) {
        if (!turned) pack_panel(true, w + j * 9 * c, 9 * c, 9 * c, s.width, s.width, transposed.data);
        const T* from = turned ? w + j : transposed.data;
        const i64 tap = turned ? c : c * s.width, row = turned ? 9 * c : s.width;
        transforms.weights(from, tap, row, depth, s.width, turned, out + j * depth, plane(depth, cols));
      }
    });
  });
}

}  // namespace nacre::backend::detail::winograd
