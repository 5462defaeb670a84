// PIRL's two branches: an augmented view of the picture, and the shuffled patches of a jigsaw of it.
//
//   image    [B, S, S, C]       one augmented view; none where with_image is false, as Jigsaw reads the patches alone
//   patches  [B, 9, P, P, C]    a separate crop of at least 60 % of the area, resized to a square Q; 3 x 3 cells of
//                               Q / 3; in each a P x P patch at an offset uniform over all positions, with its own
//                               colour jitter; in one of all 9! orders, drawn per sample
//   order    [B, 9]             patch p shows cell order[b, p] (cells row by row)
//
// The patch keeps the paper's proportion 64 : 85 of the cell, so that the gap hides continuing edges: Q 255, 128, 96,
// 64, 32 give cells 85, 42, 32, 21, 10 and patches 64, 32, 24, 16, 8. There is no label: PIRL wants the embedding
// not to depend on the order. With a permutation set, orders come from it and `puzzle` [B] is the row: the label
// of the jigsaw classifier, which has further guards against shortcuts: patch_color.grey, channel_shift,
// patch_normalize. With `turn` the square is first rotated by `turn` [B] quarters (pirl_views). VISSL's code flips each
// patch instead of the crop and never draws the last offset.
// Misra & van der Maaten, 2020; Noroozi & Favaro, 2016 (the guards). Tested in tests/pretext/jigsaw.cpp.
#pragma once

#include <nacre/data/augment.hpp>
#include <nacre/data/batch.hpp>

namespace nacre::pretext {

struct JigsawViews {
  i64 image = 32;                                        // S, pixels
  i64 square = 0;                                        // Q, pixels; 0: S (255 where S is 224, as in the paper)
  i64 grid = 3;                                          // cells a side
  i64 patch = 0;                                         // P, pixels; 0: 64 / 85 of the cell
  data::Augment augment = data::simclr();                // of the image view
  data::Crop crop{.area_min = 0.6f};                     // of the jigsaw square
  data::Photometric patch_color = data::simclr().color;  // of each patch
  float patch_flip = 0;          // probability of mirroring each patch (VISSL: .5, with crop.flip 0)
  i64 channel_shift = 0;         // pixels at most: each colour of a patch is cut that far aside, within the cell (2)
  bool patch_normalize = false;  // each colour of each patch to mean 0, deviation 1: no brightness tells its place
  bool turn = false;             // rotate the square first, by one of four turns
  bool with_image = true;        // fill `image`, too
  Tensor<i64> permutations{};    // [M, 9] allowed orders; empty: all of them

  i64 cells() const { return grid * grid; }
  i64 cell() const { return square / grid; }

  void prepare(Batch& b, i64 batch, i64 channels) const {
    if (with_image) data::reuse(b.image, {batch, image, image, channels});
    data::reuse(b.patches, {batch, cells(), patch, patch, channels});
    data::reuse(b.order, {batch, cells()});
    if (!permutations.empty()) data::reuse(b.puzzle, {batch});
    if (turn) data::reuse(b.turn, {batch});
  }
  NACRE_INLINE void fill(Batch& b, i64 row, const data::Picture& picture, const data::Normalization& normalization,
                         Key key) const;
};

// The options with square and patch filled in. Throws nacre::Error where the geometry is impossible.
NACRE_INLINE JigsawViews jigsaw_views(JigsawViews options = {});

// PIRL's second branch: nine shuffled patches; or one piece, the picture augmented anew and turned, [B, 1, S, S, C]; or
// nine patches of the turned picture. And its views.
enum class Pretext { jigsaw, rotation, jigsaw_rotation };
inline JigsawViews pirl_views(Pretext pretext, JigsawViews options = {}) {
  options.turn = pretext != Pretext::jigsaw;
  if (pretext == Pretext::rotation) {
    options.grid = 1;
    options.square = options.patch = options.image;
    options.crop = options.augment.crop;
    options.patch_color = options.augment.color;
  }
  return jigsaw_views(options);
}

// 64 / 85 of a cell, to the nearest pixel, at least 1.
inline i64 jigsaw_patch(i64 cell) { return cell < 2 ? 1 : (2 * 64 * cell + 85) / (2 * 85); }

}  // namespace nacre::pretext

#if NACRE_DEFINITIONS
#include <nacre/pretext/jigsaw_impl.hpp>
#endif
