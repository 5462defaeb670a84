// Three pretexts, one network: what do layers keep that name an order, name a turn, or ignore both?
//
//   Jigsaw   names which of 100 orders the nine patches of a picture lie in
//   RotNet   names by how many quarter turns a picture was rotated
//   PIRL     puts a picture and its shuffled patches at one point, far from thousands of others
//
// Each trains the same narrow ResNet-18 on Fashion-MNIST without a label. Then every stage is asked for the ten
// classes: where does a row peak? Last column: how far shuffling moves a picture, of how far apart pictures are, under
// the best linear head (eval/invariance.hpp): 0 not at all, 1 the picture is lost.
//
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/12_pretext.cpp -ltbb -lz -o pretext
//   ./pretext [SEED] [EPOCHS]
#include <nacre/data/idx.hpp>
#include <nacre/eval/invariance.hpp>
#include <nacre/eval/probe.hpp>
#include <nacre/methods/jigsaw.hpp>
#include <nacre/methods/pirl.hpp>
#include <nacre/methods/rotnet.hpp>
#include <nacre/methods/settle.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/rotation.hpp>
#include <nacre/train/trainer.hpp>

#include <cstdio>
#include <cstdlib>

namespace nc = nacre;
using nc::i64;

int main(int argc, char** argv) {
  const i64 epochs = argc > 2 ? std::atoi(argv[2]) : 6, size = 32;
  const nc::Key key{.seed = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1};
  const nc::data::Images images = nc::data::limit(nc::data::fashion_mnist(), 4000, key);
  const nc::data::Images test = nc::data::limit(nc::data::fashion_mnist_test(), 1000, key);
  const nc::data::Normalization norm = nc::data::mean_std(images);
  auto pictures = [&](const nc::data::Images& from) {
    return [&](i64 begin, i64 end) { return nc::data::evaluation_batch(from, begin, end, size, norm); };
  };
  const nc::models::ResNetOptions network{.depth = 18, .width = 16, .stem = nc::models::Stem::cifar, .in_channels = 1};
  const nc::data::Augment gentle = nc::data::gentle();
  const nc::pretext::JigsawViews cut{.image = size, .augment = gentle, .patch_color = gentle.color};

  auto show = [&](const char* name, const auto& encoder) {
    auto score = nc::eval::probe(encoder, pictures(images), images.labels, pictures(test), test.labels);
    nc::Loader shuffled(test, nc::pretext::jigsaw_views(cut), {.batch = test.size(), .normalization = norm}, key);
    auto rows = nc::eval::with_linear_head(nc::eval::trunk_rows(encoder, *shuffled.next()));
    std::printf("%-9s", name);
    for (const auto& stage : score.linear) std::printf("%8.1f", stage.top1);
    std::printf("%8.1f %8.2f\n", score.knn, nc::eval::invariance(rows.a, rows.b).ratio());
    std::fflush(stdout);
  };
  auto train = [&](const char* name, auto method, const auto& views) {
    nc::Loader loader(images, views, {.batch = 64, .epochs = epochs, .normalization = norm}, key);
    nc::optim::Sgd<float> sgd(method, {.momentum = 0.9, .weight_decay = 5e-4});
    nc::train::Trainer trainer(method, sgd, {.lr = 0.06, .steps = loader.steps()}, key);
    double loss = 0;
    for (nc::Batch& batch : loader) loss = trainer.step(batch);
    std::fprintf(stderr, "%s: loss %.2f, at the start about %.2f\n", name, loss, method.expected_loss(64));
    nc::methods::settle_statistics(method.encoder, images.size(), pictures(images));
    show(name, method.encoder);
  };

  std::printf("%-9s    stem  layer1  layer2  layer3  layer4    pool     kNN shuffled\n", "");
  show("untrained", nc::models::ResNet<float>(network, key.fold("encoder")));

  nc::methods::JigsawOptions jigsaw{.encoder = network};
  auto puzzles = cut;
  puzzles.with_image = false;  // its puzzles are all that Jigsaw sees
  puzzles.permutations = nc::methods::puzzle_set(jigsaw, key);  // the order of a sample is one of 100, and its label
  train("Jigsaw", nc::methods::Jigsaw<float>(jigsaw, key), nc::pretext::jigsaw_views(puzzles));

  // One turn drawn a picture; RotNet's own batches hold all four, and cost four times as much.
  train("RotNet", nc::methods::RotNet<float>({.encoder = network}, key),
        nc::pretext::rotation_views({.image = size, .all = false, .augment = gentle}));

  nc::methods::PirlOptions pirl;
  pirl.encoder = network;
  pirl.temperature = 0.1;
  pirl.negatives = 1024;
  nc::methods::Pirl<float> model(pirl, images.size(), key);
  nc::methods::encode_bank(model, pictures(images));
  train("PIRL", model, nc::pretext::jigsaw_views(cut));
}
