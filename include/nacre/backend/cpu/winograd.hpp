// Winograd's F(4x4, 3x3): a stride-1 3x3 convolution with a quarter of the products, in all three passes.
//
//   forward, input gradient   Y = A^T [ (G g G^T) . (B^T d B) ] A     d 6x6 of the input, Y 4x4 of the output
//   weight gradient           dg = G^T [ sum over tiles (A dY A^T) . (B^T d B) ] G
//
// "." is, for each of the 36 positions f, a matrix product over channels: rows are tiles (weight gradient: output
// channels). Relative error 1.5e-6 to 4e-6 in float for 64 to 256 channels, some five times the direct sum's.
// Grids and sums depend on the shape only; a tile's output does not depend on the tiles beside it.
// The matrices: winograd_transform.hpp. Tested in tests/backend/cpu/winograd.cpp.
#pragma once

#include <nacre/backend/cpu/winograd_transform.hpp>
#include <nacre/math/window.hpp>

namespace nacre::backend::detail {

// The rule, by shape only: whole vectors of 16 channels on both sides and a map of at least 4x4.
inline bool winograd_fits(const Window2d& w) {
  const bool plain = w.kh == 3 && w.kw == 3 && w.stride_h == 1 && w.stride_w == 1 && w.dilation_h == 1 &&
                     w.dilation_w == 1 && w.groups == 1 && w.pad_h <= 2 && w.pad_w <= 2;
  return plain && w.c >= 16 && w.o >= 16 && w.c % 16 == 0 && w.o % 16 == 0 && w.n > 0 && w.h >= 4 && w.w >= 4 &&
         w.oh() >= 4 && w.ow() >= 4;
}

namespace winograd {

// y = x * u for u [36, depth, cols] packed; both maps of one set of tiles.
template <class T>
void convolve(const Tiles<const T>& x, const T* u, const Tiles<T>& y, Into into) {
  const Kernel<T> kern = kernel<T>();
  const i64 depth = x.channels, cols = y.channels, tiles = x.count(), u_plane = plane(depth, cols);
  Scratch<T> zeros(depth);
  std::fill_n(zeros.data, depth, T(0));
  // While all of u stays in a cache, a task takes a few tiles through all steps; else the positions are the tasks.
  const bool narrow = depth * cols <= 160 * 160;
  const i64 block = narrow ? 48 : 576;
  if (narrow) {
    parallel_for(ceil_div(tiles, block), 1, [&](i64 task, i64) {
      const i64 first = task * block, n = std::min(block, tiles - first);
      const i64 v_plane = plane(n, depth), m_plane = plane(n, cols);
      Scratch<T> v(positions * v_plane), m(positions * m_plane), sink(cols);
      input_transform(x, first, n, zeros.data, v.data, v_plane);
      for (i64 f = 0; f < positions; ++f) {
        const T* next = u + std::min(f + 1, positions - 1) * u_plane;  // comes closer meanwhile
        block_product(kern, n, cols, depth, v.data + f * v_plane, depth, 1, u + f * u_plane, 0, m.data + f * m_plane,
                      cols, false,
                      {next, std::max<i64>(1, cols * kern.shapes[0].rows / n / ceil_div(cols, kern.wide()))});
      }
      output_transform(m.data, m_plane, first, n, y, sink.data, into);
    });
    return;
  }
  const i64 most = std::min(block, tiles), piece = 8;
  Scratch<T> v(positions * plane(most, depth)), m(positions * plane(most, cols));
  for (i64 first = 0; first < tiles; first += block) {
    const i64 n = std::min(block, tiles - first), across = ceil_div(cols, 256);
    const i64 v_plane = plane(n, depth), m_plane = plane(n, cols);
    parallel_for(n, piece, [&](i64 begin, i64 end) {
      input_transform(x, first + begin, end - begin, zeros.data, v.data + begin * depth, v_plane);
    });
    parallel_for(positions * across, 1, [&](i64 task, i64) {
      const i64 f = task / across, j = task % across * 256;
      block_product(kern, n, std::min<i64>(cols - j, 256), depth, v.data + f * v_plane, depth, 1,
                    u + f * u_plane + j * depth, 0, m.data + f * m_plane + j, cols, false, {u, 0});
    });
    parallel_for(n, piece, [&](i64 begin, i64 end) {
      Scratch<T> sink(cols);
      output_transform(m.data + begin * cols, m_plane, first + begin, end - begin, y, sink.data, into);
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

template <class T>
void forward(const Window2d& win, const T* x, const T* w, T* y) {
  Scratch<T> u(positions * plane(win.c, win.o));
  pack_weights(kernel<T>(), w, win.o, win.c, false, u.data);
  convolve(input_tiles(x, win.n, win.h, win.w, win.c, win.pad_h, win.pad_w), u.data,
           output_tiles(y, win.n, win.oh(), win.ow(), win.o), Into::assign);
}

template <class T>
void grad_input(const Window2d& win, const T* w, const T* gy, T* gx, Into into) {
  Scratch<T> u(positions * plane(win.o, win.c));
  pack_weights(kernel<T>(), w, win.o, win.c, true, u.data);
  convolve(input_tiles(gy, win.n, win.oh(), win.ow(), win.o, 2 - win.pad_h, 2 - win.pad_w), u.data,
           output_tiles(gx, win.n, win.h, win.w, win.c), into);
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
      // The last vector of v may run over.
      Scratch<T> v(positions * plane(block, c) + kern.wide()), z(positions * plane(block, o));
      for (i64 first = begin; first < end; first += block) {
        const i64 n = std::min(block, end - first), v_plane = plane(n, c), z_plane = plane(n, o);
        input_transform(from, first, n, zeros.data, v.data, v_plane);
        gradient_transform(to, first, n, zeros.data, z.data, z_plane);
        for (i64 f = 0; f < positions; ++f)
          block_product(kern, o, c, n, z.data + f * z_plane, 1, o, v.data + f * v_plane, c, s + f * o * c, c,
                        first > begin, {s, 0});
      }
    });
  } else {
    const i64 most = std::min(block, tiles), piece = 8, rows = 96, down = ceil_div(o, rows);
    Scratch<T> v(positions * plane(most, c) + kern.wide()), z(positions * plane(most, o));
    for (i64 first = 0; first < tiles; first += block) {
      const i64 n = std::min(block, tiles - first), v_plane = plane(n, c), z_plane = plane(n, o);
      parallel_for(n, piece, [&](i64 begin, i64 end) {
        input_transform(from, first + begin, end - begin, zeros.data, v.data + begin * c, v_plane);
        gradient_transform(to, first + begin, end - begin, zeros.data, z.data + begin * o, z_plane);
      });
      parallel_for(positions * down, 1, [&](i64 task, i64) {
        const i64 f = task / down, i = task % down * rows;
        block_product(kern, std::min(o - i, rows), c, n, z.data + f * z_plane + i, 1, o, v.data + f * v_plane, c,
                      sums.data + (f * o + i) * c, c, first > 0, {x, 0});
      });
    }
  }
  weight_gradient_transform(sums.data, parts, o, c, gw, into);
}

}  // namespace winograd
}  // namespace nacre::backend::detail
