// Definitions of pretext/jigsaw.hpp.
#pragma once

#include <nacre/pretext/jigsaw.hpp>
#include <nacre/pretext/rotation.hpp>

namespace nacre::pretext {

namespace detail {

// Each colour to mean 0 and deviation 1; one that varies by less than a grey level is not stretched further.
inline void standardize(float* pixels, i64 n, i64 channels, const data::Normalization& normalization) {
  for (i64 c = 0; c < channels; ++c) {
    double sum = 0, squares = 0;
    for (i64 i = 0; i < n; ++i) sum += pixels[i * channels + c];
    double mean = sum / static_cast<double>(n);
    for (i64 i = 0; i < n; ++i) squares += (pixels[i * channels + c] - mean) * (pixels[i * channels + c] - mean);
    double level = 1 / (255.0 * static_cast<double>(normalization.std[static_cast<std::size_t>(c)]));
    double scale = 1 / std::fmax(std::sqrt(squares / static_cast<double>(n)), level);
    for (i64 i = 0; i < n; ++i)
      pixels[i * channels + c] = static_cast<float>((pixels[i * channels + c] - mean) * scale);
  }
}

}  // namespace detail

NACRE_INLINE JigsawViews jigsaw_views(JigsawViews o) {
  auto s = [](i64 v) { return std::to_string(v); };
  check(o.image >= 1 && o.image <= 4096, "jigsaw_views",
        [&] { return "image " + s(o.image) + " is not in 1 .. 4096"; });
  if (o.square == 0) o.square = o.image == 224 ? 255 : o.image;
  check(o.grid >= 1 && o.grid <= 8 && o.square >= o.grid && o.square <= 4096, "jigsaw_views", [&] {
    return "a grid of " + s(o.grid) + " does not fit a square of " + s(o.square) +
           " pixels (grid 1 .. 8, square grid .. 4096)";
  });
  if (o.patch == 0) o.patch = jigsaw_patch(o.cell());
  check(o.patch >= 1 && o.patch <= o.cell(), "jigsaw_views", [&] {
    return "a patch of " + s(o.patch) + " pixels does not fit its cell of " + s(o.cell()) + " (square / grid)";
  });
  check(o.patch_flip >= 0 && o.patch_flip <= 1, "jigsaw_views",
        [] { return std::string("patch_flip must lie in [0, 1]"); });
  check(o.channel_shift >= 0, "jigsaw_views",
        [&] { return "channel_shift is " + s(o.channel_shift) + " pixels; it must not be negative"; });
  data::validate(o.augment);
  data::validate({o.crop, o.patch_color});
  if (o.permutations.empty()) return o;
  check(o.permutations.rank() == 2 && o.permutations.dim(1) == o.cells(), "jigsaw_views",
        [&] { return "permutations must be [M, " + s(o.cells()) + "], got " + o.permutations.shape().str(); });
  for (i64 r = 0; r < o.permutations.dim(0); ++r) {
    u64 seen = 0;
    for (i64 c = 0; c < o.cells(); ++c) {
      i64 v = o.permutations[r * o.cells() + c];
      if (v >= 0 && v < o.cells()) seen |= u64{1} << v;
    }
    check(seen == (o.cells() == 64 ? ~u64{0} : (u64{1} << o.cells()) - 1), "jigsaw_views",
          [&] { return "row " + s(r) + " of permutations is not a permutation of 0 .. " + s(o.cells() - 1); });
  }
  return o;
}

NACRE_INLINE void JigsawViews::fill(Batch& b, i64 row, const data::Picture& picture,
                                    const data::Normalization& normalization, Key key) const {
  i64 channels = picture.channels;
  if (with_image)
    data::augment(picture, augment, normalization, key.fold(0), image, b.image.data() + row * image * image * channels);

  Random random(key.fold(1));
  data::Box box = data::draw_box(crop, picture.height, picture.width, random);
  data::Canvas whole = data::canvas(0, square, channels);
  data::resize(picture, box, random.chance(crop.flip), whole);

  if (turn) {
    i64 quarters = b.turn[row] = Random(key.fold(3)).below(4);
    for (i64 c = 0; c < channels; ++c) pretext::turn(whole.plane(c), square, 1, quarters);
  }

  i64* order = b.order.data() + row * cells();
  if (permutations.empty()) {
    for (i64 i = 0; i < cells(); ++i) order[i] = i;
    shuffle(order, static_cast<u32>(cells()), random);
  } else {
    i64 puzzle = random.below(static_cast<u32>(permutations.dim(0)));
    b.puzzle[row] = puzzle;
    for (i64 i = 0; i < cells(); ++i) order[i] = permutations[puzzle * cells() + i];
  }

  i64 pixels = patch * patch * channels;
  u32 offsets = static_cast<u32>(cell() - patch + 1);
  for (i64 p = 0; p < cells(); ++p) {
    Random draw(key.fold(2).fold(static_cast<u64>(p)));
    i64 top = order[p] / grid * cell(), left = order[p] % grid * cell();
    i64 dy = draw.below(offsets), dx = draw.below(offsets);
    bool flip = draw.chance(patch_flip);
    data::Canvas piece = data::canvas(1, patch, channels);
    data::cut(whole, top + dy, left + dx, flip, piece);
    if (channel_shift > 0 && channels == 3) {
      Random aside(key.fold(4).fold(static_cast<u64>(p)));
      auto near = [&](i64 offset) {
        i64 moved = offset - channel_shift + aside.below(static_cast<u32>(2 * channel_shift + 1));
        return std::clamp<i64>(moved, 0, cell() - patch);
      };
      for (i64 c = 0; c < channels; ++c) {
        i64 y = top + near(dy), x = left + near(dx);
        data::cut({whole.plane(c), square, 1, 0}, y, x, flip, {piece.plane(c), patch, 1, 0});
      }
    }
    data::recolor(piece, data::draw_look(patch_color, draw));
    float* out = b.patches.data() + (row * cells() + p) * pixels;
    data::store(piece, normalization, out);
    if (patch_normalize) detail::standardize(out, patch * patch, channels, normalization);
  }
}

}  // namespace nacre::pretext
