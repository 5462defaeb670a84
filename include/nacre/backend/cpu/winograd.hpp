// Winograd's F(4x4, 3x3): a 3x3 convolution with a quarter of the products, stride 2 with 9/16, in all three passes.
//
//   forward, input gradient   Y = A^T [ (G g G^T) . (B^T d B) ] A     d 6x6 of the input, Y 4x4 of the output
//   weight gradient           dg = G^T [ sum over tiles (A dY A^T) . (B^T d B) ] G
//
// "." is, for each of the 36 positions f, a matrix product over channels: rows are tiles (weight gradient: output
// channels). With stride 2 there are 81, several of which meet one position of the weights; d is 9x9, or for the input
// gradient 5x5 and Y 8x8. Relative error (root mean square) in float for 64 to 256 channels 1.4e-6 to 4e-6, some five
// times the direct sum's, with stride 2 at most 1.5e-6; largest error over largest value: up to four times that.
// Grids and sums depend on the shape only; a tile's output does not depend on the tiles beside it.
// The matrices: winograd_transform.hpp. Tested in tests/backend/cpu/winograd.cpp.
#pragma once

#include <nacre/backend/cpu/winograd_transform.hpp>
#include <nacre/math/window.hpp>

namespace nacre::backend::detail {

// The rule, by shape only: whole vectors of 16 channels on both sides and a map of at least 4x4; stride 2 saves fewer
// products for dearer transforms and pays from 128 channels of input on.
inline bool winograd_fits(const Window2d& w) {
  const bool plain = w.kh == 3 && w.kw == 3 && w.dilation_h == 1 && w.dilation_w == 1 && w.groups == 1;
  const bool dense = w.stride_h == 1 && w.stride_w == 1 && w.pad_h <= 2 && w.pad_w <= 2;
  const bool halved = w.stride_h == 2 && w.stride_w == 2 && w.pad_h == 1 && w.pad_w == 1 && w.c >= 128;
  return plain && (dense || halved) && w.c >= 16 && w.o >= 16 && w.c % 16 == 0 && w.o % 16 == 0 && w.n > 0 &&
         w.h >= 4 && w.w >= 4 && w.oh() >= 4 && w.ow() >= 4;
}

namespace winograd {

// y = x * u for u [36, depth, cols] packed; both maps of one set of tiles.
template <class T>
void convolve(i64 side, decltype(Transforms<T>::input) input, decltype(Transforms<T>::output) output,
              const Tiles<const T>& x, const T* u, const Tiles<T>& y, Into into) {
  const i64 positions = side * side;
  const Kernel<T> kern = kernel<T>();
  const i64 depth = x.channels, cols = y.channels, tiles = x.count(), u_plane = plane(depth, cols);
  Scratch<T> zeros(depth);
  std::fill_n(zeros.data, depth, T(0));
  // While all of u stays in a cache, a task takes a few tiles through all steps; else the positions are the tasks.
  // A block is so many tiles that those over all positions stay near too.
  const bool narrow = depth * cols <= 160 * 160;
  const i64 block = (narrow ? 1728 : 10368) / positions;
  if (narrow) {
    parallel_for(ceil_div(tiles, block), 1, [&](i64 task, i64) {
      const i64 first = task * block, n = std::min(block, tiles - first);
      const i64 v_plane = plane(n, depth), m_plane = plane(n, cols);
      Scratch<T> v(positions * v_plane), m(positions * m_plane), sink(cols);
      input(x, first, n, zeros.data, v.data, v_plane);
      for (i64 f = 0; f < positions; ++f) {
        const T* here = u + weight_position(f, side) * u_plane;
        const T* next = u + weight_position(std::min(f + 1, positions - 1), side) * u_plane;  // comes closer meanwhile
        block_product(kern, n, cols, depth, v.data + f * v_plane, depth, 1, here, 0, m.data + f * m_plane, cols, false,
                      {next, std::max<i64>(1, cols * kern.shapes[0].rows / n / ceil_div(cols, kern.wide()))});
      }
      output(m.data, m_plane, first, n, y, sink.data, into);
    });
    return;
  }
  const i64 most = std::min(block, tiles), piece = 8;
  Scratch<T> v(positions * plane(most, depth)), m(positions * plane(most, cols));
  for (i64 first = 0; first < tiles; first += block) {
    const i64 n = std::min(block, tiles - first), across = ceil_div(cols, 256);
    const i64 v_plane = plane(n, depth), m_plane = plane(n, cols);
    parallel_for(n, piece, [&](i64 begin, i64 end) {
      input(x, first + begin, end - begin, zeros.data, v.data + begin * depth, v_plane);
    });
    parallel_for(positions * across, 1, [&](i64 task, i64) {
      const i64 f = task / across, j = task % across * 256;
      block_product(kern, n, std::min<i64>(cols - j, 256), depth, v.data + f * v_plane, depth, 1,
                    u + weight_position(f, side) * u_plane + j * depth, 0, m.data + f * m_plane + j, cols, false,
                    {u, 0});
    });
    parallel_for(n, piece, [&](i64 begin, i64 end) {
      Scratch<T> sink(cols);
      output(m.data + begin * cols, m_plane, first + begin, end - begin, y, sink.data, into);
    });
  }
}

// The tiles of a convolution's two maps: 4x4 of y, and what lies under them in x.
template <class T>
Tiles<T> output_tiles(const Window2d& win, T* y) {
  return {y, win.n, win.oh(), win.ow(), win.o, 0, 0, 4, ceil_div(win.oh(), 4), ceil_div(win.ow(), 4)};
}
template <class T>
Tiles<const T> input_tiles(const Window2d& win, const T* x, ReluMap<T> relu) {
  return {x, win.n, win.h, win.w, win.c, win.pad_h, win.pad_w, 4 * win.stride_h, ceil_div(win.oh(), 4),
          ceil_div(win.ow(), 4), relu};
}

template <class T>
void forward(const Window2d& win, const T* x, const T* w, T* y, ReluMap<T> relu = {}) {
  const Transforms<T> t = transforms<T>(win.stride_h);
  Scratch<T> u(weight_positions * plane(win.c, win.o));
  pack_weights(t, w, win.o, win.c, false, u.data);
  convolve<T>(t.side, t.input, t.output, input_tiles(win, x, relu), u.data, output_tiles(win, y), Into::assign);
}

// A convolution of gy by the turned kernel: gx from its first pixel, 4x4 or with stride 2 8x8 a tile.
template <class T>
void grad_input(const Window2d& win, const T* w, const T* gy, T* gx, Into into) {
  const Transforms<T> t = transforms<T>(win.stride_h);
  Scratch<T> u(weight_positions * plane(win.o, win.c));
  pack_weights(t, w, win.o, win.c, true, u.data);
  const i64 stride = win.stride_h, pad_h = (2 - win.pad_h) / stride, pad_w = (2 - win.pad_w) / stride;
  const i64 step = 4 * stride, down = ceil_div(win.h, step), right = ceil_div(win.w, step);
  const Tiles<const T> from{gy, win.n, win.oh(), win.ow(), win.o, pad_h, pad_w, 4, down, right};
  const Tiles<T> to{gx, win.n, win.h, win.w, win.c, 0, 0, step, down, right};
  convolve<T>(t.side, t.back_input, t.back_output, from, u.data, to, into);
}

template <class T>
void grad_weight(const Window2d& win, const T* x, const T* gy, T* gw, Into into, ReluMap<T> relu = {}) {
  const Transforms<T> t = transforms<T>(win.stride_h);
  const i64 side = t.side, positions = side * side;
  const Kernel<T> kern = kernel<T>();
  const Tiles<const T> from = input_tiles(win, x, relu), to = output_tiles(win, gy);
  const i64 tiles = from.count(), o = win.o, c = win.c, size = weight_positions * o * c, most_channels = std::max(o, c);
  Scratch<T> zeros(most_channels);
  std::fill_n(zeros.data, most_channels, T(0));
  // While the sums are small, a task takes its share of the tiles through both steps; else positions are the tasks.
  const bool narrow = o * c <= 96 * 96;
  const i64 block = (narrow ? 3456 : 10368) / positions;
  const i64 parts = narrow ? std::clamp<i64>(tiles / (2 * block), 1, 16) : 1;
  Scratch<T> sums(parts * size);
  auto transform = [&](i64 first, i64 n, T* v, i64 v_plane, T* z, i64 z_plane) {
    t.input(from, first, n, zeros.data, v, v_plane);
    t.gradient(to, first, n, zeros.data, z, z_plane);
  };
  if (narrow) {
    const i64 share = ceil_div(tiles, parts);
    parallel_for(parts, 1, [&](i64 part, i64) {
      const i64 begin = part * share, end = std::min(tiles, begin + share);
      T* s = sums.data + part * size;
      if (begin >= end) std::fill_n(s, size, T(0));
      // The last vector of v may run over.
      Scratch<T> v(positions * plane(block, c) + kern.wide()), z(positions * plane(block, o));
      for (i64 first = begin; first < end; first += block) {
        const i64 n = std::min(block, end - first), v_plane = plane(n, c), z_plane = plane(n, o);
        transform(first, n, v.data, v_plane, z.data, z_plane);
        for (i64 f = 0; f < positions; ++f) {
          const i64 g = weight_position(f, side);  // the later ones of those that meet g add to it
          block_product(kern, o, c, n, z.data + f * z_plane, 1, o, v.data + f * v_plane, c, s + g * o * c, c,
                        first > begin || f % side > 5 || f / side > 5, {s, 0});
        }
      }
    });
  } else {
    const i64 most = std::min(block, tiles), piece = 8, rows = 96, down = ceil_div(o, rows);
    Scratch<T> v(positions * plane(most, c) + kern.wide()), z(positions * plane(most, o));
    for (i64 first = 0; first < tiles; first += block) {
      const i64 n = std::min(block, tiles - first), v_plane = plane(n, c), z_plane = plane(n, o);
      parallel_for(n, piece, [&](i64 begin, i64 end) {
        transform(first + begin, end - begin, v.data + begin * c, v_plane, z.data + begin * o, z_plane);
      });
      parallel_for(weight_positions * down, 1, [&](i64 task, i64) {
        const i64 g = weight_positions - 1 - task / down, i = task % down * rows;  // the longest first
        bool resume = first > 0;
        for (i64 f = 0; f < positions; ++f) {
          if (weight_position(f, side) != g) continue;
          block_product(kern, std::min(o - i, rows), c, n, z.data + f * z_plane + i, 1, o, v.data + f * v_plane, c,
                        sums.data + (g * o + i) * c, c, resume, {x, 0});
          resume = true;
        }
      });
    }
  }
  t.weight_gradient(sums.data, parts, o, c, gw, into);
}

}  // namespace winograd
}  // namespace nacre::backend::detail
