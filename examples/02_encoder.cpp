// A ResNet-18 from the outside: its stages, its weights in a file, its embeddings. Nothing is trained here.
//
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/02_encoder.cpp -ltbb -o encoder
//   ./encoder
#include <nacre/models/weights.hpp>

#include <cmath>
#include <cstdio>

namespace nc = nacre;

int main() {
  nc::Key key{.seed = 1};  // names every random number: run it twice, see the same digits
  nc::models::ResNet<float> encoder({.depth = 18, .width = 64, .stem = nc::models::Stem::imagenet}, key);
  std::printf("ResNet-18: %lld weights, %lld features a picture\n\n",
              static_cast<long long>(nc::nn::parameter_count(encoder)), static_cast<long long>(encoder.features()));

  // Four pictures of noise, [N, H, W, C]: the channels of a pixel lie side by side.
  nc::Tensor<float> pictures({4, 128, 128, 3});
  nc::Random random(key.fold("pictures"));
  for (float& pixel : pictures.span()) pixel = random.normal();

  // A Var without a tape is a constant: the ops compute values and remember nothing.
  nc::models::Stages<float> stages = encoder.stages(nc::Var<float>(pictures));
  auto show = [](const char* name, const nc::Var<float>& x) {
    std::printf("%-7s %s\n", name, x.shape().str().c_str());
  };
  show("stem", stages.stem);
  show("layer1", stages.layer1);
  show("layer2", stages.layer2);
  show("layer3", stages.layer3);
  show("layer4", stages.layer4);
  show("pool", stages.pool);

  // Torchvision's names and layouts: the file loads there, and torchvision's loads here.
  nc::models::save_encoder("resnet18.safetensors", encoder);
  auto loaded = nc::models::load_encoder<float>("resnet18.safetensors");  // depth, width and stem: from the file
  std::printf("\nsaved and loaded: depth %lld, width %lld\n", static_cast<long long>(loaded.options().depth),
              static_cast<long long>(loaded.options().width));

  // embed is const and thread-safe; a row depends on its picture alone, not on the pictures around it.
  nc::Tensor<float> rows = encoder.embed(pictures), third = loaded.embed(pictures.rows(2, 3));
  float difference = 0;
  for (nc::i64 i = 0; i < encoder.features(); ++i)
    difference = std::fmax(difference, std::fabs(third[i] - rows.rows(2, 3)[i]));
  std::printf("embed: %s, the third row begins %.4f %.4f %.4f\n", rows.shape().str().c_str(), third[0], third[1],
              third[2]);
  std::printf("the same picture alone, by the loaded encoder: largest difference %g\n", difference);
  return difference == 0 ? 0 : 1;
}
