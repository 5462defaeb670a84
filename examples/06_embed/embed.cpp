// embed ENCODER.safetensors PICTURE [PICTURE]: a picture as a row of numbers, and how alike two pictures are.
//
//   cmake -S examples/06_embed -B build/embed -DNACRE_DIR="$PWD" && cmake --build build/embed
//   build/embed/embed runs/demo/encoder.safetensors one.png two.jpg
#include <nacre/data/augment.hpp>
#include <nacre/data/image_io.hpp>
#include <nacre/eval/rows.hpp>
#include <nacre/models/weights.hpp>

#include <cstdio>

namespace nc = nacre;

namespace {

// [H, W, C] -> [H, W, channels]
nc::Tensor<nc::u8> with_channels(const nc::Tensor<nc::u8>& image, nc::i64 channels) {
  if (channels == 3) return nc::data::to_rgb(image);
  if (image.dim(2) == 1) return image;
  nc::Tensor<nc::u8> grey({image.dim(0), image.dim(1), 1});
  for (nc::i64 i = 0; i < grey.size(); ++i)
    grey[i] = static_cast<nc::u8>(0.299f * image[3 * i] + 0.587f * image[3 * i + 1] + 0.114f * image[3 * i + 2] + 0.5f);
  return grey;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) return std::fprintf(stderr, "usage: embed ENCODER.safetensors PICTURE [PICTURE]\n"), 2;
  try {
    nc::models::EncoderFile about;  // how the encoder wants its pictures
    auto encoder = nc::models::load_encoder<float>(argv[1], &about);
    nc::i64 size = about.image_size > 0 ? about.image_size : 224;
    auto norm = about.normalization.known() ? about.normalization : nc::data::imagenet_normalization;

    auto embed = [&](const char* path) {  // unit row [1, features]
      nc::Tensor<nc::u8> image = with_channels(nc::data::read_image(path), encoder.options().in_channels);
      auto one = nc::data::make_images(image.reshape({1, image.dim(0), image.dim(1), image.dim(2)}));
      nc::Tensor<float> row = encoder.embed(nc::data::evaluation_batch(one, 0, 1, size, norm));
      std::printf("%s: %lld numbers, %.4f %.4f %.4f ...\n", path, static_cast<long long>(row.size()), row[0], row[1],
                  row[2]);
      return nc::eval::unit_rows(row);
    };
    nc::Tensor<float> a = embed(argv[2]);
    if (argc == 4) {
      nc::Tensor<float> b = embed(argv[3]);
      float cosine = 0;
      for (nc::i64 i = 0; i < a.size(); ++i) cosine += a[i] * b[i];
      std::printf("cosine similarity: %.3f\n", cosine);
    }
  } catch (const nc::Error& e) {  // says which file, what is wrong with it, and what to do
    std::fprintf(stderr, "embed: %s\n", e.what());
    return nc::exit_code(e);
  }
}
