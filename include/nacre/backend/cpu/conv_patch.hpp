// What a block of a convolution reads: which pixels of the source lie under which taps, and where.
//
//   Gather   sums over taps of a source for a grid of output pixels: forward, and each phase of the input gradient
//   Blocks   how the output pixels are cut into tasks
//   Patch    the pixels under one block, in place or copied once with a rim of zeros
//
// In a copy the taps of a kernel row are contiguous, so a 3x3 is three runs of 3 C values. Plain index arithmetic.
// Tested through tests/backend/cpu/conv.cpp.
#pragma once

#include <nacre/backend/cpu/pack.hpp>

namespace nacre::backend::detail {

// Where a tap reads, relative to the source pixel of an output pixel, and which tap of the kernel it is.
struct Tap {
  i64 row, col, index;
};

// Sums over taps of a source [images, h, w, pitch] for a grid [images, rows, cols] of output pixels: pixel
// (n, i, j) reads source pixels (i * step_h + tap.row, j * step_w + tap.col), zero outside.
struct Gather {
  i64 images, h, w, pitch;
  i64 depth;  // channels read per source pixel (of one group)
  i64 rows, cols, step_h, step_w;
  i64 taps;
  const Tap* tap;

  // The source rows and columns that a run of output rows or columns touches.
  i64 first_row = 0, last_row = 0, first_col = 0, last_col = 0;  // of tap.row, tap.col
  void measure() {
    first_row = last_row = tap[0].row;
    first_col = last_col = tap[0].col;
    for (i64 t = 1; t < taps; ++t) {
      first_row = std::min(first_row, tap[t].row);
      last_row = std::max(last_row, tap[t].row);
      first_col = std::min(first_col, tap[t].col);
      last_col = std::max(last_col, tap[t].col);
    }
  }
  i64 block_rows(i64 n) const { return (n - 1) * step_h + last_row - first_row + 1; }
  i64 block_cols() const { return (cols - 1) * step_w + last_col - first_col + 1; }
  bool inside() const {  // no tap leaves the source
    return first_row >= 0 && (rows - 1) * step_h + last_row < h && first_col >= 0 &&
           (cols - 1) * step_w + last_col < w;
  }
};

// How the output pixels are cut into blocks: whole images if they are small, else rows of one image.
struct Blocks {
  i64 images, rows;            // in one block
  i64 image_count, row_count;  // how many blocks
  i64 count() const { return image_count * row_count; }

  Blocks(const Gather& g, i64 pixels) {
    rows = std::clamp<i64>(pixels / g.cols, 1, g.rows);
    row_count = ceil_div(g.rows, rows);
    rows = ceil_div(g.rows, row_count);
    images = row_count > 1 ? 1 : std::clamp<i64>(pixels / (g.rows * g.cols), 1, g.images);
    image_count = ceil_div(g.images, images);
  }
};

// What one block reads of the source: in place, or a copy with a rim of zeros [images, block rows, block cols, depth].
template <class T>
struct Patch {
  i64 image0, images, row0, rows;           // of the output
  i64 col_pitch, row_pitch, image_pitch;    // in elements
  const T* source;                          // the first tap of the block's first pixel

  // copy: room for size(), or null to read x where it lies, which asks for g.inside().
  Patch(const Gather& g, const Blocks& b, i64 block, const T* x, T* copy) {
    image0 = block / b.row_count * b.images;
    images = std::min(b.images, g.images - image0);
    row0 = block % b.row_count * b.rows;
    rows = std::min(b.rows, g.rows - row0);
    col_pitch = copy ? g.depth : g.pitch;
    row_pitch = copy ? g.block_cols() * g.depth : g.w * g.pitch;
    image_pitch = copy ? g.block_rows(rows) * row_pitch : g.h * row_pitch;
    if (copy) fill(g, x, copy);
    source = copy ? copy : x + image0 * image_pitch + (row0 * g.step_h + g.first_row) * row_pitch;
    if (!copy) source += g.first_col * col_pitch;
  }
  static i64 size(const Gather& g, const Blocks& b) {
    return b.images * g.block_rows(b.rows) * g.block_cols() * g.depth;
  }
  i64 offset(const Gather& g, i64 n, i64 i, i64 j) const {  // of the first tap of an output pixel of the block
    return n * image_pitch + i * g.step_h * row_pitch + j * g.step_w * col_pitch;
  }
  i64 tap_offset(const Gather& g, const Tap& t) const {
    return (t.row - g.first_row) * row_pitch + (t.col - g.first_col) * col_pitch;
  }

 private:
  void fill(const Gather& g, const T* x, T* out) const {
    const i64 wanted = g.block_cols(), left = std::clamp<i64>(-g.first_col, 0, wanted);
    const i64 end = std::clamp<i64>(g.w - g.first_col, left, wanted);
    for (i64 n = 0; n < images; ++n)
      for (i64 r = 0; r < g.block_rows(rows); ++r, out += row_pitch) {
        i64 row = row0 * g.step_h + g.first_row + r;
        bool inside = row >= 0 && row < g.h && end > left;
        i64 from = inside ? left : 0, to = inside ? end : 0;
        std::fill(out, out + from * g.depth, T(0));
        std::fill(out + to * g.depth, out + row_pitch, T(0));
        const T* s = x + (((image0 + n) * g.h + row) * g.w + from + g.first_col) * g.pitch;
        if (g.depth == g.pitch) {
          std::copy(s, s + (to - from) * g.depth, out + from * g.depth);
          continue;
        }
        for (i64 c = from; c < to; ++c, s += g.pitch) std::copy(s, s + g.depth, out + c * g.depth);
      }
  }
};

// Runs of contiguous values among the taps, in order, each at most `longest`. Returns their number.
template <class T>
i64 tap_runs(const Gather& g, const Patch<T>& p, i64 longest, Segment* out) {
  i64 count = 0;
  for (i64 t = 0; t < g.taps; ++t) {
    i64 at = p.tap_offset(g, g.tap[t]), left = g.depth;
    if (count > 0 && out[count - 1].a + out[count - 1].length == at) {
      i64 more = std::min(left, longest - out[count - 1].length);
      out[count - 1].length += more;
      at += more;
      left -= more;
    }
    for (; left > 0; left -= out[count - 1].length, at += out[count - 1].length)
      out[count++] = {at, 0, std::min(left, longest)};
  }
  return count;
}

}  // namespace nacre::backend::detail
