// A backbone of one's own, trained by PIRL. Three things make a struct an encoder: a call, features(), visit.
//
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/05_my_backbone.cpp -ltbb -lz -o tiny
//   ./tiny
#include <nacre/data/idx.hpp>
#include <nacre/eval/knn.hpp>
#include <nacre/methods/pirl.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/jigsaw.hpp>
#include <nacre/train/trainer.hpp>

#include <cstdio>

namespace nc = nacre;
using nc::i64;

// Three strided convolutions: [N, S, S, 1] -> [N, S/2, S/2, 16] -> [N, S/4, S/4, 32] -> [N, S/8, S/8, 64] -> [N, 64]
template <class T>
struct Tiny {
  nc::nn::Conv2d<T> conv1, conv2, conv3;
  nc::nn::BatchNorm<T> bn1{16}, bn2{32}, bn3{64};

  explicit Tiny(nc::Key key)
      : conv1(1, 16, 3, {.stride = 2, .padding = 1}, key.fold("conv1")),
        conv2(16, 32, 3, {.stride = 2, .padding = 1}, key.fold("conv2")),
        conv3(32, 64, 3, {.stride = 2, .padding = 1}, key.fold("conv3")) {}

  i64 features() const { return 64; }

  nc::Var<T> operator()(const nc::Var<T>& x) const {
    return nc::global_avg_pool(nc::relu(bn3(conv3(nc::relu(bn2(conv2(nc::relu(bn1(conv1(x))))))))));
  }

  static void visit(auto& self, auto&& f) {  // the optimizer, the checkpoint and the counts all come from here
    f("conv1", self.conv1);
    f("bn1", self.bn1);
    f("conv2", self.conv2);
    f("bn2", self.bn2);
    f("conv3", self.conv3);
    f("bn3", self.bn3);
  }
};

int main() {
  const i64 size = 32, epochs = 20;
  nc::Key key{.seed = 1};
  nc::data::Images images = nc::data::limit(nc::data::fashion_mnist(), 800, key);
  nc::data::Images test = nc::data::limit(nc::data::fashion_mnist_test(), 1000, key);
  nc::data::Normalization norm = nc::data::mean_std(images);
  auto pictures = [&](const nc::data::Images& from) {
    return [&](i64 begin, i64 end) { return nc::data::evaluation_batch(from, begin, end, size, norm); };
  };

  nc::methods::PirlOptions options;
  options.temperature = 0.1;
  options.negatives = 256;
  nc::methods::Pirl<float, Tiny<float>> pirl(options, Tiny<float>(key), images.size(), key);
  nc::methods::encode_bank(pirl, pictures(images));
  std::printf("Tiny: %lld weights, %lld features\n", static_cast<long long>(nc::nn::parameter_count(pirl.encoder)),
              static_cast<long long>(pirl.encoder.features()));

  auto score = [&] {  // without a tape the encoder is a plain function
    auto rows = [&](const nc::data::Images& from) {
      return pirl.encoder(nc::Var<float>(pictures(from)(0, from.size()))).value();
    };
    return nc::eval::knn(rows(images), images.labels, rows(test), test.labels, {.k = 20}).top1;
  };
  std::printf("kNN, untrained: %.1f %%\n", score());

  auto gentle = nc::data::gentle();
  auto views = nc::pretext::jigsaw_views({.image = size, .augment = gentle, .patch_color = gentle.color});
  nc::Loader loader(images, views, {.batch = 64, .epochs = epochs, .normalization = norm}, key);
  nc::optim::Sgd<float> sgd(pirl, {.momentum = 0.9, .weight_decay = 5e-4});
  nc::train::Trainer trainer(pirl, sgd, {.lr = 0.03, .steps = loader.steps()}, key);

  double sum = 0;
  const i64 often = 4 * loader.steps_per_epoch();
  for (nc::Batch& batch : loader) {
    sum += trainer.step(batch);
    if ((batch.step + 1) % often != 0) continue;
    std::printf("epochs to %2lld: mean loss %.3f\n", static_cast<long long>(batch.epoch + 1),
                sum / static_cast<double>(often));
    sum = 0;
  }
  std::printf("kNN, trained:   %.1f %%\n", score());
}
