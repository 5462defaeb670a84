// A whole PIRL training: Fashion-MNIST in, an encoder and its score out. Every piece is a header of its own.
//
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/03_pirl.cpp -ltbb -lz -o pirl
//   ./pirl [SEED] [EPOCHS]
#include <nacre/data/idx.hpp>
#include <nacre/data/loader.hpp>
#include <nacre/eval/probe.hpp>
#include <nacre/methods/pirl.hpp>
#include <nacre/models/weights.hpp>
#include <nacre/optim/schedule.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/jigsaw.hpp>

#include <cstdio>
#include <cstdlib>

namespace nc = nacre;

int main(int argc, char** argv) {
  const nc::i64 epochs = argc > 2 ? std::atoi(argv[2]) : 4, size = 32;
  const nc::Key key{.seed = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1};  // names every random number below

  // Pictures: uint8 [N, 28, 28, 1]. The first 10,000 of a random order train, all test pictures test.
  nc::data::Images images = nc::data::limit(nc::data::fashion_mnist(), 10000, key);
  nc::data::Images test = nc::data::fashion_mnist_test();
  nc::data::Normalization norm = nc::data::mean_std(images);
  auto pictures = [&](const nc::data::Images& from) {                        // without augmentation, [n, 32, 32, 1]
    return [&](nc::i64 begin, nc::i64 end) { return nc::data::evaluation_batch(from, begin, end, size, norm); };
  };

  // The model: a narrow ResNet-18, two heads, and a memory bank with one row per picture.
  nc::methods::PirlOptions options;
  options.encoder = {.depth = 18, .width = 16, .stem = nc::models::Stem::cifar, .in_channels = 1};
  options.temperature = 0.1;
  nc::methods::Pirl<float> pirl(options, images.size(), key);
  nc::methods::encode_bank(pirl, pictures(images));                          // rows: what the untrained encoder says
  auto score = [&] {
    nc::eval::ProbeOptions last{.all_stages = false};
    return nc::eval::probe(pirl.encoder, pictures(images), images.labels, pictures(test), test.labels, last).knn;
  };
  std::printf("kNN of the untrained encoder: %.1f %%\n", score());

  // Views: an augmented picture, and nine shuffled patches of another crop of it.
  nc::data::Augment gentle = nc::data::gentle();
  auto views = nc::pretext::jigsaw_views({.image = size, .augment = gentle, .patch_color = gentle.color});
  nc::Loader loader(images, views, {.batch = 128, .epochs = epochs, .normalization = norm}, key);
  nc::optim::Sgd<float> sgd(pirl, {.momentum = 0.9, .weight_decay = 5e-4});

  for (nc::Batch& batch : loader) {                                          // image [B,S,S,C], patches [B,9,P,P,C]
    nc::Tape tape(nc::Mode::train, key.fold(static_cast<nc::u64>(batch.step)));
    auto rows = pirl(tape, batch.image, batch.patches);                      // unit rows [B, 128], twice
    auto negatives = nc::draw_negatives(batch.index, pirl.bank.size(), {.count = 4096}, tape.next_key());
    auto terms = nc::losses::pirl(rows.image, rows.patches, pirl.bank.rows(), batch.index, negatives, options);
    nc::backward(terms.loss);
    sgd.step(nc::optim::cosine(0.06, batch.step, loader.steps()));
    pirl.bank.update(batch.index, rows.image.value());                       // after the loss, by the image branch
    if ((batch.step + 1) % loader.steps_per_epoch() == 0)
      std::printf("epoch %lld: loss %.3f\n", static_cast<long long>(batch.epoch + 1), terms.loss.item());
  }

  nc::models::save_encoder("encoder.safetensors", pirl.encoder, {.normalization = norm, .image_size = size});
  std::printf("kNN of the trained encoder: %.1f %%, written to encoder.safetensors\n", score());
}
