// nacre preview: a sheet with one picture a row: as it is, then the views and patches the method learns from.
#include "methods.hpp"

#include <nacre/data/image_io.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace cli {

nc::Tensor<nc::u8> sheet_of_views(const nc::data::Images& images, const Config& config, nc::i64 count, nc::Key key) {
  const nc::i64 draws = 2, s = config.image_size, channels = images.channels;
  const nc::data::Normalization plain{{0, 0, 0}, {1, 1, 1}};
  std::vector<nc::i64> chosen;
  for (nc::i64 i = 0; i < count; ++i)
    chosen.push_back(static_cast<nc::i64>(
        nc::permute(key.fold("preview"), static_cast<nc::u64>(i), static_cast<nc::u64>(images.size()))));
  nc::data::Images shown = nc::data::subset(images, chosen);
  nc::Loader loader = make_loader(shown, config, {.batch = count, .epochs = draws, .normalization = plain}, key);

  // A square of cells a side: a picture, or what was cut from one.
  struct Tile {
    nc::i64 row, column, cells, size;
    nc::Tensor<float> pixels;  // [cells cells, size, size, C], normalised by `plain`
  };
  std::vector<Tile> tiles;
  nc::i64 columns = 1, widest = s;
  for (nc::i64 i = 0; i < count; ++i)
    tiles.push_back({i, 0, 1, s, nc::data::evaluation_batch(shown, i, i + 1, s, plain)});
  for (nc::Batch& batch : loader) {
    nc::i64 views = batch.image.empty() ? 0 : batch.image.dim(0) / count;
    for (nc::i64 v = 0; v < views; ++v, ++columns)
      for (nc::i64 b = 0; b < count; ++b)
        tiles.push_back({batch.index[b], columns, 1, s, batch.image.rows(v * count + b, v * count + b + 1).clone()});
    if (batch.patches.empty()) continue;
    nc::i64 pieces = batch.patches.dim(1), side = 1, p = batch.patches.dim(2);
    while (side * side < pieces) ++side;
    widest = std::max(widest, side * (p + 2));
    for (nc::i64 b = 0; b < count; ++b)
      tiles.push_back({batch.index[b], columns, side, p,
                       batch.patches.rows(b, b + 1).clone().reshape({pieces, p, p, channels})});
    ++columns;
  }

  const nc::i64 zoom = std::clamp<nc::i64>(96 / s, 1, 8), gap = 3 * zoom;  // small pictures are shown large
  const nc::i64 pitch = zoom * widest + gap;
  nc::Tensor<nc::u8> sheet = nc::Tensor<nc::u8>::full({count * pitch + gap, columns * pitch + gap, 3}, 226);
  for (const Tile& tile : tiles)
    for (nc::i64 piece = 0; piece < tile.pixels.dim(0); ++piece) {
      const float* pixels = tile.pixels.data() + piece * tile.size * tile.size * channels;
      nc::i64 y0 = tile.row * pitch + gap + zoom * (piece / tile.cells) * (tile.size + 2);
      nc::i64 x0 = tile.column * pitch + gap + zoom * (piece % tile.cells) * (tile.size + 2);
      for (nc::i64 y = 0; y < zoom * tile.size; ++y)
        for (nc::i64 x = 0; x < zoom * tile.size; ++x)
          for (nc::i64 c = 0; c < 3; ++c) {  // grey is spread over three channels
            float v = pixels[(y / zoom * tile.size + x / zoom) * channels + (channels == 3 ? c : 0)];
            sheet[((y0 + y) * sheet.dim(1) + x0 + x) * 3 + c] =
                static_cast<nc::u8>(std::clamp(v * 255 + 0.5f, 0.f, 255.f));
          }
    }
  return sheet;
}

void preview(const Preview& o) {
  nc::check(std::filesystem::path(o.out).extension() == ".png", "out",
            [&] { return "a PNG is written: '" + o.out + "' must end in .png"; });
  Data data(o.data);
  const nc::data::Images& images = data.pretrain();
  Config config;
  config.method = o.method;
  config.data = o.data;
  config.augment = o.augment;
  config.image_size = o.image_size > 0 ? o.image_size : choose_image_size(images);
  check_views(config, images);
  nc::i64 count = std::min<nc::i64>(o.count, images.size());
  nc::data::write_png(o.out, sheet_of_views(images, config, count, nc::Key{static_cast<nc::u64>(o.seed)}));
  std::printf("%s: %lld pictures; in each row the picture, then what %s is shown of it, drawn twice\n", o.out.c_str(),
              static_cast<long long>(count), o.method.c_str());
}

}  // namespace cli
