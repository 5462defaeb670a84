// nacre preview: a sheet with one picture a row: as it is, then the views and patches the method learns from.
#include "run.hpp"

#include <nacre/data/image_io.hpp>

#include <algorithm>
#include <cstdio>

namespace cli {

nc::Tensor<nc::u8> sheet_of_views(const nc::data::Images& images, const Config& config, nc::i64 count, nc::Key key) {
  nc::i64 s = config.image_size, channels = images.channels, views = 3;
  nc::i64 zoom = std::clamp<nc::i64>(96 / s, 1, 8), gap = 3 * zoom;  // small pictures are shown large
  nc::data::Augment augment = augment_options(config.augment);
  bool with_patches = config.method != "npid" && config.lambda > 0;
  nc::pretext::JigsawViews jigsaw =
      nc::pretext::jigsaw_views({.image = s, .augment = augment, .patch_color = augment.color});
  nc::i64 p = jigsaw.patch, pitch = p + 2;  // of the patches, in their own pixels
  nc::i64 cell = zoom * std::max(s, with_patches ? 3 * pitch : s) + gap, columns = 1 + views + (with_patches ? 2 : 0);
  nc::Tensor<nc::u8> sheet = nc::Tensor<nc::u8>::full({count * cell + gap, columns * cell + gap, 3}, 226);
  const nc::data::Normalization plain{{0, 0, 0}, {1, 1, 1}};

  // pixels [size, size, C] in 0 .. 1 -> the sheet at (y0, x0), zoomed, grey spread over three channels
  auto paste = [&](const float* pixels, nc::i64 size, nc::i64 y0, nc::i64 x0) {
    for (nc::i64 y = 0; y < zoom * size; ++y)
      for (nc::i64 x = 0; x < zoom * size; ++x)
        for (nc::i64 c = 0; c < 3; ++c) {
          float v = pixels[(y / zoom * size + x / zoom) * channels + (channels == 3 ? c : 0)];
          sheet[((y0 + y) * sheet.dim(1) + x0 + x) * 3 + c] =
              static_cast<nc::u8>(std::clamp(v * 255 + 0.5f, 0.f, 255.f));
        }
  };
  nc::Batch batch;
  for (nc::i64 i = 0; i < count; ++i) {
    nc::i64 y = i * cell + gap;
    nc::i64 sample = static_cast<nc::i64>(
        nc::permute(key.fold("preview"), static_cast<nc::u64>(i), static_cast<nc::u64>(images.size())));
    paste(nc::data::evaluation_batch(images, sample, sample + 1, s, plain).data(), s, y, gap);
    for (nc::i64 v = 0; v < columns - 1; ++v) {
      nc::i64 x = (v + 1) * cell + gap;
      jigsaw.prepare(batch, 1, channels);
      jigsaw.fill(batch, 0, images[sample], plain,
                  key.fold(static_cast<nc::u64>(sample)).fold(static_cast<nc::u64>(v)));
      if (v < views) paste(batch.image.data(), s, y, x);
      else
        for (nc::i64 q = 0; q < 9; ++q)
          paste(batch.patches.data() + q * p * p * channels, p, y + q / 3 * pitch * zoom, x + q % 3 * pitch * zoom);
    }
  }
  return sheet;
}

void preview(const Preview& o) {
  nc::data::DataSplits data = open_data(o.data);
  const nc::data::Images& images = data.pretrain();
  Config config;
  config.method = o.method;
  config.augment = o.augment;
  config.image_size = o.image_size > 0 ? o.image_size : choose_image_size(images);
  nc::i64 count = std::min<nc::i64>(o.count, images.size());
  nc::data::write_png(o.out, sheet_of_views(images, config, count, nc::Key{static_cast<nc::u64>(o.seed)}));
  std::printf("%s: %lld pictures; in each row the picture, three views%s\n", o.out.c_str(),
              static_cast<long long>(count), o.method == "npid" ? "" : ", two sets of shuffled patches");
}

}  // namespace cli
