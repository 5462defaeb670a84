// Max and average pooling, NHWC: 16 channels at a time, forward parallel over output rows, backward over images.
//
//   x [N, H, W, C]   y [N, OH, OW, C]   arg [N, OH, OW, C]: the pixel h W + w that was the maximum
//
// `Cells` says which input pixels an output pixel covers: SlidingCells (kernel, stride, padding; what is outside
// does not take part) or GridCells (a grid of oh x ow cells over the image, as adaptive pooling).
// Tested in tests/ops/pool2d.cpp.
#pragma once

#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/device.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/math/window.hpp>

#include <algorithm>
#include <limits>

namespace nacre::backend {

struct PixelRange {
  i64 begin, end;
};

struct SlidingCells {
  Window2d w;
  bool count_padding = true;  // average over the whole window, not over what lies inside
  i64 oh() const { return w.oh(); }
  i64 ow() const { return w.ow(); }
  PixelRange rows(i64 i) const { return {w.row(i, w.rows_inside(i).begin), w.row(i, w.rows_inside(i).end)}; }
  PixelRange cols(i64 j) const { return {w.col(j, w.cols_inside(j).begin), w.col(j, w.cols_inside(j).end)}; }
  i64 count(i64 inside) const { return count_padding ? w.taps() : inside; }
};

struct GridCells {  // cells overlap by a pixel where the grid does not divide the image
  Window2d w;       // n, h, w, c only
  i64 grid_h, grid_w;
  i64 oh() const { return grid_h; }
  i64 ow() const { return grid_w; }
  PixelRange rows(i64 i) const { return {i * w.h / grid_h, ((i + 1) * w.h + grid_h - 1) / grid_h}; }
  PixelRange cols(i64 j) const { return {j * w.w / grid_w, ((j + 1) * w.w + grid_w - 1) / grid_w}; }
  i64 count(i64 inside) const { return inside; }
};

namespace detail {

// f(output pixel, image, rows, cols) for all output pixels of images [begin, end) x output rows.
template <class Cells, class F>
[[gnu::always_inline]] inline void each_cell(const Cells& cells, i64 begin, i64 end, const F& f) {
  for (i64 row = begin; row < end; ++row)  // n * oh + i
    for (i64 j = 0; j < cells.ow(); ++j)
      f(row * cells.ow() + j, row / cells.oh(), cells.rows(row % cells.oh()), cells.cols(j));
}

template <class F>
[[gnu::always_inline]] inline void channels(i64 c, const F& f) {
  i64 k = 0;
  for (; k + 16 <= c; k += 16)
#pragma GCC ivdep
    for (int j = 0; j < 16; ++j) f(k + j);
  for (; k < c; ++k) f(k);
}

template <class Cells>
i64 row_grain(const Cells& cells) {
  return (1 << 14) / (cells.ow() * cells.w.c + 1) + 1;
}

}  // namespace detail

// The first maximum in row order wins; NaN wins over everything.
template <class T>
void max_pool2d(Cpu, const SlidingCells& cells, const T* x, T* y, std::int32_t* arg) {
  const Window2d& w = cells.w;
  parallel_for(w.n * cells.oh(), detail::row_grain(cells), [&](i64 begin, i64 end) {
    simd::blocks([&] {
      detail::each_cell(cells, begin, end, [&](i64 out, i64 n, PixelRange rows, PixelRange cols) {
        T* best = y + out * w.c;
        std::int32_t* at = arg + out * w.c;
        const auto first = static_cast<std::int32_t>(rows.begin * w.w + cols.begin);
        detail::channels(w.c, [&](i64 c) {
          best[c] = -std::numeric_limits<T>::infinity();
          at[c] = first;
        });
        for (i64 h = rows.begin; h < rows.end; ++h)
          for (i64 v = cols.begin; v < cols.end; ++v) {
            const T* p = x + ((n * w.h + h) * w.w + v) * w.c;
            auto pixel = static_cast<std::int32_t>(h * w.w + v);
            detail::channels(w.c, [&](i64 c) {
              bool better = p[c] > best[c] || p[c] != p[c];
              best[c] = better ? p[c] : best[c];
              at[c] = better ? pixel : at[c];
            });
          }
      });
    });
  });
}

template <class T>
void max_pool2d_grad(Cpu, const SlidingCells& cells, const T* gy, const std::int32_t* arg, T* gx, Into into) {
  const Window2d& w = cells.w;
  i64 image = w.h * w.w * w.c, pixels = cells.oh() * cells.ow();
  parallel_for(w.n, 1, [&](i64 begin, i64 end) {
    for (i64 n = begin; n < end; ++n) {
      T* g = gx + n * image;
      if (into == Into::assign)
        for (i64 i = 0; i < image; ++i) g[i] = 0;
      for (i64 out = n * pixels; out < (n + 1) * pixels; ++out)
        for (i64 c = 0; c < w.c; ++c) g[arg[out * w.c + c] * w.c + c] += gy[out * w.c + c];
    }
  });
}

template <class Cells, class T>
void avg_pool2d(Cpu, const Cells& cells, const T* x, T* y) {
  const Window2d& w = cells.w;
  parallel_for(w.n * cells.oh(), detail::row_grain(cells), [&](i64 begin, i64 end) {
    simd::blocks([&] {
      detail::each_cell(cells, begin, end, [&](i64 out, i64 n, PixelRange rows, PixelRange cols) {
        T* mean = y + out * w.c;
        detail::channels(w.c, [&](i64 c) { mean[c] = 0; });
        for (i64 h = rows.begin; h < rows.end; ++h)
          for (i64 v = cols.begin; v < cols.end; ++v) {
            const T* p = x + ((n * w.h + h) * w.w + v) * w.c;
            detail::channels(w.c, [&](i64 c) { mean[c] += p[c]; });
          }
        T count = static_cast<T>(cells.count((rows.end - rows.begin) * (cols.end - cols.begin)));
        detail::channels(w.c, [&](i64 c) { mean[c] /= count; });
      });
    });
  });
}

template <class Cells, class T>
void avg_pool2d_grad(Cpu, const Cells& cells, const T* gy, T* gx, Into into) {
  const Window2d& w = cells.w;
  i64 image = w.h * w.w * w.c;
  parallel_for(w.n, 1, [&](i64 first, i64 last) {
    simd::blocks([&] {
      if (into == Into::assign)
        std::fill(gx + first * image, gx + last * image, T(0));
      detail::each_cell(cells, first * cells.oh(), last * cells.oh(),
                        [&](i64 out, i64 n, PixelRange rows, PixelRange cols) {
                          const T* g = gy + out * w.c;
                          T count = static_cast<T>(cells.count((rows.end - rows.begin) * (cols.end - cols.begin)));
                          for (i64 h = rows.begin; h < rows.end; ++h)
                            for (i64 v = cols.begin; v < cols.end; ++v) {
                              T* p = gx + ((n * w.h + h) * w.w + v) * w.c;
                              detail::channels(w.c, [&](i64 c) { p[c] += g[c] / count; });
                            }
                        });
    });
  });
}

}  // namespace nacre::backend
