// Definitions of backend/cpu/conv.hpp.
#pragma once

#include <nacre/backend/cpu/conv.hpp>
#include <nacre/backend/cpu/conv_patch.hpp>
#include <nacre/backend/cpu/conv_small.hpp>
#include <nacre/backend/cpu/gemm_impl.hpp>
#include <nacre/backend/cpu/winograd.hpp>

namespace nacre::backend::detail {

// y(n, i, j, 0..channels) (+)= sum over taps of source . panel, y addressed by its three pitches.
template <class T>
void gather(const Gather& g, const T* x, const T* packed, i64 channels, T* y, i64 y_image, i64 y_row, i64 y_col,
            Into into) {
  const Kernel<T> kern = kernel<T>();
  const i64 depth = g.taps * g.depth, slice = 768, broad = 256 / kern.wide() * kern.wide();  // of a panel near in L2
  const Blocks blocks(g, 256);
  const i64 groups = ceil_div(channels, kern.wide());
  const i64 across = blocks.count() >= 16 ? 1 : std::min(groups, ceil_div(16, blocks.count()));
  const i64 per_task = ceil_div(groups, across) * kern.wide();

  parallel_for(blocks.count() * across, 1, [&](i64 task, i64) {
    Scratch<T> copy(g.inside() ? 0 : Patch<T>::size(g, blocks));
    const Patch<T> patch(g, blocks, task / across, x, g.inside() ? nullptr : copy.data);
    const i64 pixels = patch.images * patch.rows * g.cols;
    const i64 j0 = task % across * per_task, j1 = std::min(channels, j0 + per_task);
    Scratch<i64> from(pixels), to(pixels);
    for (i64 n = 0, q = 0; n < patch.images; ++n)
      for (i64 i = 0; i < patch.rows; ++i)
        for (i64 j = 0; j < g.cols; ++j, ++q) {
          from.data[q] = patch.offset(g, n, i, j);
          to.data[q] = (patch.image0 + n) * y_image + (patch.row0 + i) * y_row + j * y_col;
        }
    Scratch<Segment> runs(g.taps * (ceil_div(g.depth, slice) + 1));
    const i64 count = tap_runs(g, patch, slice, runs.data);
    for (i64 s = 0, k = 0; s < count;) {
      i64 s0 = s, k0 = k;
      do k += runs.data[s++].length;
      while (s < count && k - k0 + runs.data[s].length <= slice);
      for (i64 near = j0; near < j1; near += broad)
        kern.strips(near, std::min(j1, near + broad), [&](const TileShape<T>& tile, i64 left, i64 right) {
          for (i64 q = 0; q < pixels; q += tile.rows)
            for (i64 j = left; j < right; j += tile.width) {
              const T* rows[max_tile_rows];
              T* out[max_tile_rows];
              for (i64 r = 0; r < tile.rows; ++r) {
                const i64 pixel = std::min(q + r, pixels - 1);
                rows[r] = patch.source + from.data[pixel];
                out[r] = y + to.data[pixel] + j;
              }
              tile.run(runs.data + s0, s - s0, rows, 1, packed + j * depth + k0 * tile.width, tile.width, out,
                       std::min(tile.width, right - j), into == Into::add || k0 > 0, {x, 0});
            }
        });
    }
  });
}

// The gather of a forward convolution; taps: room for win.taps().
inline Gather forward_gather(const Window2d& win, Tap* taps) {
  for (i64 a = 0; a < win.kh; ++a)
    for (i64 b = 0; b < win.kw; ++b) taps[a * win.kw + b] = {win.row(0, a), win.col(0, b), a * win.kw + b};
  Gather g{win.n, win.h, win.w, win.c, win.group_c(), win.oh(), win.ow(), win.stride_h, win.stride_w, win.taps(), taps};
  g.measure();
  return g;
}

inline bool is_matrix_product(const Window2d& w) {
  return w.taps() == 1 && w.stride_h == 1 && w.stride_w == 1 && w.pad_h == 0 && w.pad_w == 0 && w.groups == 1;
}

template <class T>
void conv2d(const Window2d& win, const T* x, const T* w, T* y) {
  if (win.pixels_out() <= 0 || win.o <= 0) return;
  if (small_map::fits(win)) return small_map::forward(win, x, w, y);
  const i64 k = win.taps() * win.group_c(), channels = win.group_o();
  if (k == 0) return std::fill(y, y + win.pixels_out() * win.o, T(0)), void();
  if (is_matrix_product(win))
    return gemm(false, true, win.pixels_out(), win.o, win.c, x, win.c, w, win.c, y, win.o, Into::assign);
  const Kernel<T> kern = kernel<T>();
  Scratch<Tap> taps(win.taps());
  const Gather g = forward_gather(win, taps.data);
  Scratch<T> packed(k * kern.padded(channels));
  for (i64 group = 0; group < win.groups; ++group) {
    parallel_for(ceil_div(channels, kern.wide()), 1, [&](i64 panels, i64) {
      pack_group(kern, true, w + group * channels * k, k, k, panels * kern.wide(), channels, packed.data);
    });
    gather(g, x + group * win.group_c(), packed.data, channels, y + group * channels, g.rows * g.cols * win.o,
           g.cols * win.o, win.o, Into::assign);
  }
}

// The gradient at input pixels (p + i*stride) of each phase p is a stride-1 gather from gy with the taps that hit it.
template <class T>
void conv2d_grad_input(const Window2d& win, const T* w, const T* gy, T* gx, Into into) {
  if (win.pixels_in() <= 0 || win.c <= 0) return;
  if (small_map::fits(win)) return small_map::grad_input(win, w, gy, gx, into);
  if (win.pixels_out() > 0 && win.o > 0 && is_matrix_product(win))
    return gemm(false, false, win.pixels_in(), win.c, win.o, gy, win.o, w, win.c, gx, win.c, into);
  const Kernel<T> kern = kernel<T>();
  const i64 channels = win.group_c(), depth = win.group_o(), row = win.taps() * channels;
  Scratch<Tap> taps(win.taps());
  Scratch<T> packed(win.taps() * depth * kern.padded(channels));
  for (i64 ph = 0; ph < std::min(win.stride_h, win.h); ++ph)
    for (i64 pw = 0; pw < std::min(win.stride_w, win.w); ++pw) {
      Gather g{win.n, win.oh(), win.ow(), win.o, depth, ceil_div(win.h - ph, win.stride_h),
               ceil_div(win.w - pw, win.stride_w), 1, 1, 0, taps.data};
      for (i64 a = win.kh - 1; a >= 0; --a)
        for (i64 b = win.kw - 1; b >= 0; --b) {
          i64 r = ph + win.pad_h - a * win.dilation_h, c = pw + win.pad_w - b * win.dilation_w;
          if (r % win.stride_h == 0 && c % win.stride_w == 0)
            taps.data[g.taps++] = {r / win.stride_h, c / win.stride_w, a * win.kw + b};
        }
      T* corner = gx + (ph * win.w + pw) * win.c;
      const i64 image = win.h * win.w * win.c, down = win.stride_h * win.w * win.c, right = win.stride_w * win.c;
      if (g.taps * depth == 0 || win.pixels_out() <= 0) {  // no output sees this phase
        if (into == Into::assign)
          parallel_for(win.n * g.rows, std::max<i64>(1, 4096 / (g.cols * win.c)), [&](i64 begin, i64 end) {
            for (i64 r = begin; r < end; ++r)
              for (i64 j = 0; j < g.cols; ++j)
                std::fill_n(corner + r / g.rows * image + r % g.rows * down + j * right, win.c, T(0));
          });
        continue;
      }
      g.measure();
      for (i64 group = 0; group < win.groups; ++group) {
        const T* wg = w + group * depth * row;  // [depth, taps, channels]
        parallel_for(ceil_div(channels, kern.wide()), 1, [&](i64 panels, i64) {
          const i64 first = panels * kern.wide();
          kern.strips(first, std::min(channels, first + kern.wide()), [&](const TileShape<T>& s, i64 j, i64 end) {
            for (; j < end; j += s.width)
              for (i64 t = 0; t < g.taps; ++t)
                pack_panel(false, wg + taps.data[t].index * channels + j, row, depth, std::min(s.width, end - j),
                           s.width, packed.data + j * g.taps * depth + t * depth * s.width);
          });
        });
        gather(g, gy + group * depth, packed.data, channels, corner + group * channels, image, down, right, into);
      }
    }
}

// gw [O, taps * C/groups]: rows of the tile are output channels of gy, columns the values under a run of taps.
template <class T>
void conv2d_grad_weight(const Window2d& win, const T* x, const T* gy, T* gw, Into into) {
  const i64 k = win.taps() * win.group_c(), weights = win.o * k;
  if (weights <= 0) return;
  if (win.pixels_out() <= 0) {
    if (into == Into::assign) std::fill_n(gw, weights, T(0));
    return;
  }
  if (small_map::fits(win)) return small_map::grad_weight(win, x, gy, gw, into);
  const Kernel<T> kern = kernel<T>();
  const i64 depth = win.group_c(), rows_step = kern.shapes[0].rows;
  Scratch<Tap> taps(win.taps());
  const Gather g = forward_gather(win, taps.data);
  const bool spilling = weights > (i64{1} << 17);  // the sums leave the cache between blocks: fewer, larger ones
  const Blocks blocks(g, spilling ? 512 : 256);
  // Chunks of the batch while the partial sums are small (32 MB in float), then rows of gw.
  const i64 chunks = std::min(blocks.count(), std::clamp<i64>((i64{8} << 20) / weights, 1, 16));
  const i64 per_chunk = ceil_div(blocks.count(), chunks);
  const i64 row_task = ceil_div(ceil_div(win.group_o() * chunks, 16), rows_step) * rows_step;
  const i64 row_tasks = ceil_div(win.group_o(), row_task);
  Scratch<T> partial(chunks * weights);

  parallel_for(chunks * win.groups * row_tasks, 1, [&](i64 task, i64) {
    const i64 chunk = task % chunks, group = task / chunks % win.groups, first = task / chunks / win.groups * row_task;
    const i64 o0 = group * win.group_o() + first, o_count = std::min(row_task, win.group_o() - first);
    const i64 b0 = chunk * per_chunk, b1 = std::min(blocks.count(), b0 + per_chunk);
    T* sum = partial.data + chunk * weights + o0 * k;
    if (b0 >= b1) return std::fill_n(sum, o_count * k, T(0)), void();
    // The last vector may run over, so only whole vectors are read in place.
    const bool in_place = g.inside() && depth % 16 == 0;
    Scratch<T> copy(in_place ? 0 : Patch<T>::size(g, blocks) + std::max<i64>(16, kern.wide()));
    Scratch<Segment> runs(win.taps() + 1), lines(blocks.images * blocks.rows);
    // A panel of x is copied where many rows read it and it lies scattered: [pixels, panel]. A few channels are
    // copied with all their taps: [pixels, taps * depth].
    const bool shallow = depth < 16, scattered = g.step_w * depth * i64{sizeof(T)} >= 512 || g.cols < 8;
    const bool packs = !shallow && o_count >= 32 && scattered;
    const i64 most = blocks.images * blocks.rows * g.cols, pitch = shallow ? kern.padded(k) : kern.wide();
    Scratch<T> packed(shallow || packs ? pitch * most + 16 : 0);
    for (i64 b = b0; b < b1; ++b) {
      const Patch<T> patch(g, blocks, b, x + group * depth, in_place ? nullptr : copy.data);
      const T* rows_of = gy + ((patch.image0 * g.rows + patch.row0) * g.cols) * win.o + o0;
      const i64 pixels = patch.images * patch.rows * g.cols, right_step = g.step_w * patch.col_pitch;
      i64 count = 0, before = 0;  // where the line before left off
      for (i64 n = 0; n < patch.images; ++n)
        for (i64 i = 0; i < patch.rows; ++i, ++count) {
          i64 at = patch.offset(g, n, i, 0);
          lines.data[count] = {count * g.cols * win.o, at - before, g.cols};
          before = at + g.cols * right_step;
        }
      const Segment whole{0, 0, pixels};
      i64 run_count = tap_runs(g, patch, i64{1} << 40, runs.data);
      if (shallow) {
        T* to = packed.data;
        for (i64 l = 0, at = 0; l < count; ++l, at += g.cols * right_step) {
          at += lines.data[l].b;
          for (i64 p = 0; p < g.cols; ++p, to += pitch)
            for (i64 s = 0, column = 0; s < run_count; column += runs.data[s++].length)
              for (i64 c = 0; c < runs.data[s].length; c += 16)  // runs over; what follows is written after
                __builtin_memcpy(to + column + c, patch.source + at + p * right_step + runs.data[s].a + c,
                                 16 * sizeof(T));
        }
        run_count = 1;
        runs.data[0] = {0, 0, k};
      }
      // Meanwhile gy of the next block comes closer, a line at each step.
      const i64 line = 64 / sizeof(T), fetches = b + 1 < b1 && 2 * o_count > win.o ? win.o / line : 0;
      i64 calls = 0;
      for (i64 s = 0, column = 0; s < run_count; column += runs.data[s++].length)
        kern.strips(0, runs.data[s].length, [&](const TileShape<T>& tile, i64 j, i64 end) {
          for (; j < end; j += tile.width) {
            const i64 cols = std::min(tile.width, end - j);
            const T* right = patch.source + runs.data[s].a + j;
            if (packs)
              for (i64 l = 0; l < count; ++l) {
                right += lines.data[l].b;
                pack_panel(false, right, right_step, g.cols, tile.width, tile.width,
                           packed.data + l * g.cols * tile.width);
                right += g.cols * right_step;
              }
            for (i64 o = 0; o < o_count; o += tile.rows) {
              const T* rows[max_tile_rows];
              T* out[max_tile_rows];
              for (i64 r = 0; r < tile.rows; ++r) {
                const i64 channel = std::min(o + r, o_count - 1);
                rows[r] = rows_of + channel;
                out[r] = sum + channel * k + column + j;
                if (spilling) fetch_to_write(out[r] + tile.rows * k, cols);
              }
              Ahead<T> ahead{x, 0};
              if (calls++ < fetches) ahead = {rows_of - o0 + pixels * (win.o + (calls - 1) * line), line};
              if (shallow)
                tile.run(&whole, 1, rows, win.o, packed.data + j, pitch, out, cols, b > b0, ahead);
              else if (packs)
                tile.run(&whole, 1, rows, win.o, packed.data, tile.width, out, cols, b > b0, ahead);
              else
                tile.run(lines.data, count, rows, win.o, right, right_step, out, cols, b > b0, ahead);
            }
          }
        });
    }
  });
  parallel_for(weights, i64{1} << 14, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) {
      T sum = partial.data[i];
      for (i64 chunk = 1; chunk < chunks; ++chunk) sum += partial.data[chunk * weights + i];
      gw[i] = into == Into::add ? gw[i] + sum : sum;
    }
  });
}

// f(x), or f of a copy of relu(x scale + shift).
template <class T, class F>
void mapped(const Window2d& win, const T* x, ReluMap<T> relu, F f) {
  if (!relu) return f(x);
  Scratch<T> copy(win.pixels_in() * win.c);
  map(Cpu{}, AffineRelu{}, copy.data, win.pixels_in(), win.c, Into::assign, Dense<T>{x, win.c}, PerCol<T>{relu.scale},
      PerCol<T>{relu.shift});
  f(copy.data);
}

}  // namespace nacre::backend::detail

namespace nacre::backend {

NACRE_INLINE bool& exact_conv() {
  static bool exact = false;
  return exact;
}

NACRE_INLINE void conv2d(Cpu, const Window2d& win, const float* x, const float* w, float* y, ReluMap<float> relu) {
  if (!exact_conv() && detail::winograd_fits(win)) return detail::winograd::forward(win, x, w, y, relu);
  detail::mapped(win, x, relu, [&](const float* in) { detail::conv2d(win, in, w, y); });
}
NACRE_INLINE void conv2d_grad_input(Cpu, const Window2d& win, const float* w, const float* gy, float* gx, Into into) {
  if (!exact_conv() && detail::winograd_fits(win)) return detail::winograd::grad_input(win, w, gy, gx, into);
  detail::conv2d_grad_input(win, w, gy, gx, into);
}
NACRE_INLINE void conv2d_grad_weight(Cpu, const Window2d& win, const float* x, const float* gy, float* gw, Into into,
                                     ReluMap<float> relu) {
  if (!exact_conv() && detail::winograd_fits(win)) return detail::winograd::grad_weight(win, x, gy, gw, into, relu);
  detail::mapped(win, x, relu, [&](const float* in) { detail::conv2d_grad_weight(win, in, gy, gw, into); });
}
NACRE_INLINE void conv2d(Cpu, const Window2d& win, const double* x, const double* w, double* y, ReluMap<double> relu) {
  detail::mapped(win, x, relu, [&](const double* in) { detail::conv2d(win, in, w, y); });
}
NACRE_INLINE void conv2d_grad_input(Cpu, const Window2d& win, const double* w, const double* gy, double* gx,
                                    Into into) {
  detail::conv2d_grad_input(win, w, gy, gx, into);
}
NACRE_INLINE void conv2d_grad_weight(Cpu, const Window2d& win, const double* x, const double* gy, double* gw,
                                     Into into, ReluMap<double> relu) {
  detail::mapped(win, x, relu, [&](const double* in) { detail::conv2d_grad_weight(win, in, gy, gw, into); });
}

}  // namespace nacre::backend
