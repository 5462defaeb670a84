// MoCo: a batch has few negatives, so keys of earlier batches wait in a queue. What keeps a key worth comparing with?
//
//   query  a view of a picture through the encoder; it shall find, among 1,024 keys of other pictures,
//   key    the other view, through a slow copy of the encoder: copy <- momentum copy + (1 - momentum) encoder
//
// A key leaves the queue after 16 batches of 64. How much of it is still true by then is told by 256 pictures: the
// cosine between the key each has now and the one it had 16 batches ago. Without the slow copy keys age faster than
// they are used. Last, batch norm over the whole batch at once: query and key share their statistics with the same
// neighbours, a way to find the key without looking at the picture. So MoCo mixes the keys among groups.
//
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/15_moco.cpp -ltbb -lz -o moco
//   ./moco [SEED] [EPOCHS]
#include <nacre/data/idx.hpp>
#include <nacre/eval/probe.hpp>
#include <nacre/methods/moco.hpp>
#include <nacre/methods/settle.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/two_views.hpp>
#include <nacre/train/trainer.hpp>

#include <cstdio>
#include <cstdlib>

namespace nc = nacre;
using nc::i64;

int main(int argc, char** argv) {
  const i64 epochs = argc > 2 ? std::atoi(argv[2]) : 6, size = 32, waits = 16;
  const nc::Key key{.seed = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1};
  const nc::data::Images images = nc::data::limit(nc::data::fashion_mnist(), 4000, key);
  const nc::data::Images test = nc::data::limit(nc::data::fashion_mnist_test(), 2000, key);
  const nc::data::Normalization norm = nc::data::mean_std(images);
  auto pictures = [&](const nc::data::Images& from) {
    return [&](i64 begin, i64 end) { return nc::data::evaluation_batch(from, begin, end, size, norm); };
  };
  auto knn = [&](const auto& encoder) {
    auto rows = [&](const nc::data::Images& from) { return nc::eval::embed_all(encoder, pictures(from), from.size()); };
    return nc::eval::knn(rows(images), images.labels, rows(test), test.labels).top1;
  };

  const nc::models::ResNetOptions network{.depth = 18, .width = 16, .stem = nc::models::Stem::cifar, .in_channels = 1};
  auto train = [&](double momentum, i64 groups) {
    nc::methods::MocoOptions o = nc::methods::moco_v2();
    o.encoder = network;
    o.queue = waits * 64;
    o.momentum = momentum;
    o.groups = groups;
    nc::methods::Moco<float> moco(o, key);
    nc::Loader loader(images, nc::pretext::two_views({.image = size, .augment = nc::data::gentle()}),
                      {.batch = 64, .epochs = epochs, .normalization = norm}, key);
    nc::optim::Sgd<float> sgd(moco, {.momentum = 0.9, .weight_decay = 5e-4});
    nc::train::Trainer trainer(moco, sgd, {.lr = 0.06, .steps = loader.steps()}, key);
    auto keys_now = [&] { return moco.embed_key(nc::Var<float>(pictures(images)(0, 256))).value(); };
    nc::Tensor<float> before = keys_now();
    double loss = 0, kept = 0;
    i64 times = 0;
    for (nc::Batch& batch : loader) {
      loss = trainer.step(batch);
      if ((batch.step + 1) % waits != 0) continue;
      nc::Tensor<float> now = keys_now();
      for (i64 i = 0; i < now.size(); ++i) kept += now[i] * before[i] / 256;
      before = now;
      ++times;
    }
    nc::methods::settle_statistics(moco.encoder, images.size(), pictures(images));
    std::printf("%8g %8lld %12.2f %17.2f %8.1f\n", momentum, static_cast<long long>(groups), loss,
                kept / static_cast<double>(std::max<i64>(1, times)), knn(moco.encoder));
    std::fflush(stdout);
  };

  std::printf("kNN of the untrained encoder: %.1f %%; a guess among 1,024 keys costs 6.93\n",
              knn(nc::models::ResNet<float>(network, key.fold("encoder"))));
  std::printf("momentum   groups    last loss   old and new key      kNN\n");
  train(0.99, 8);
  train(0, 8);
  train(0.99, 1);
}
