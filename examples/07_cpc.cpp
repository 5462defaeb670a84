// CPC: one picture, cut into patches. Those above are to tell which patch comes below.
//
//   A picture of 32 x 32 becomes a grid of 7 x 7 patches of 8 x 8, half over one another. The encoder sees each patch
//   alone: z. The context c of a place sums up the rows from the top down to it. A matrix W_k makes of c a guess at the
//   patch k rows below, and the guess is scored against every patch of 16 pictures: the right one shall win.
//
// Patch and patch of one picture are related here, though they show different things: what they share is what the
// picture shows. Three things keep that from being solved without looking. Rows that share pixels are skipped, so no
// edge gives the answer. Each patch has colours of its own, so the light of a picture does not. And the network has
// layer norm: batch statistics would carry word from one patch to the next.
//
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/07_cpc.cpp -ltbb -lz -o cpc
//   ./cpc [SEED] [EPOCHS]
#include <nacre/data/idx.hpp>
#include <nacre/eval/probe.hpp>
#include <nacre/methods/cpc.hpp>
#include <nacre/optim/adamw.hpp>
#include <nacre/train/trainer.hpp>

#include <cstdio>
#include <cstdlib>

namespace nc = nacre;
using nc::i64;

int main(int argc, char** argv) {
  const i64 epochs = argc > 2 ? std::atoi(argv[2]) : 4, size = 32;
  const nc::Key key{.seed = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1};
  const nc::data::Images images = nc::data::limit(nc::data::fashion_mnist(), 4000, key);
  const nc::data::Images test = nc::data::limit(nc::data::fashion_mnist_test(), 2000, key);
  const nc::data::Normalization norm = nc::data::mean_std(images);
  auto pictures = [&](const nc::data::Images& from) {
    return [&](i64 begin, i64 end) { return nc::data::evaluation_batch(from, begin, end, size, norm); };
  };

  const auto views = nc::pretext::patch_views({.image = size, .patch_color = nc::data::gentle().color});
  nc::methods::CpcOptions options;
  options.encoder = {.width = 16, .stem = nc::models::Stem::cifar, .in_channels = 1, .norm = nc::nn::Norm::layer};
  options.grid = views.grid();
  options.skip = views.shared_rows();
  nc::methods::Cpc<float> cpc(options, key);

  // A picture's feature: what the encoder says of its patches, averaged; and of the whole picture, never seen before.
  nc::methods::OnPatches on_patches{cpc.encoder, views.patch, views.stride};
  auto knn = [&](const auto& encoder) {
    auto rows = [&](const nc::data::Images& from) { return nc::eval::embed_all(encoder, pictures(from), from.size()); };
    return nc::eval::knn(rows(images), images.labels, rows(test), test.labels).top1;
  };
  auto show = [&](const char* name) {
    std::printf("kNN, %-9s  %.1f %% by patches, %.1f %% by whole pictures\n", name, knn(on_patches), knn(cpc.encoder));
    std::fflush(stdout);
  };
  show("untrained");

  nc::Loader loader(images, views, {.batch = 32, .epochs = epochs, .normalization = norm}, key);
  nc::optim::AdamW<float> adam(cpc, {.weight_decay = 1e-4});
  nc::train::Trainer trainer(cpc, adam, {.lr = 1e-3, .steps = loader.steps(), .warmup_steps = 20}, key);
  double sum = 0;
  for (nc::Batch& batch : loader) {
    sum += trainer.step(batch);
    if ((batch.step + 1) % loader.steps_per_epoch() != 0) continue;
    std::printf("epoch %lld: loss %.2f, a guess costs %.2f\n", static_cast<long long>(batch.epoch + 1),
                sum / static_cast<double>(loader.steps_per_epoch()), cpc.expected_loss(32));
    std::fflush(stdout);
    sum = 0;
  }
  show("trained");

  // Near is easy, far is hard: the loss of each offset beside that of a guess among as many patches.
  loader.seek(0);
  nc::Tape tape(nc::Mode::infer, {}, nc::Record::no);
  auto terms = cpc.loss(tape, *loader.next());
  for (i64 k = 0; k < options.offsets; ++k) {
    const i64 below = options.skip + 1 + k, candidates = 16 * (options.grid - below) * options.grid;
    std::printf("%lld rows below: %.2f of %.2f\n", static_cast<long long>(below),
                static_cast<double>(terms.offset[static_cast<std::size_t>(k)].item()),
                std::log(static_cast<double>(candidates)));
  }
}
