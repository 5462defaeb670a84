// A method of one's own: VICReg (Bardes et al., 2022), which has no negatives. No file of the library is touched.
//
//   a, b [B, D]  two views -> encoder -> head;   over the batch: s_j standard deviations, C covariances
//   L = 25 mean |a - b|^2 / D  +  for a and for b:  25 mean_j max(0, 1 - s_j)  +  sum_{i != j} C_ij^2 / D
//
// Views agree; no number may stop varying, which keeps it from one point for all; none may repeat another.
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/05_my_method.cpp -ltbb -lz && ./a.out
#include <nacre/data/idx.hpp>
#include <nacre/eval/knn.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/models/mlp.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/ops/distance.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/two_views.hpp>
#include <nacre/train/trainer.hpp>

#include <cstdio>

namespace nc = nacre;

struct Vicreg {
  nc::models::ResNet<float> encoder{{.width = 8, .in_channels = 1}, nc::Key{1}};
  nc::models::Mlp<float> head{{64, 128, 128}, {.batch_norm = true}, nc::Key{2}};
  nc::methods::Related<float> last;

  static nc::Var<float> apart(const nc::Var<float>& z) {
    nc::Var<float> c = z - mean(z, nc::Axis::cols), variance = mean(c * c, nc::Axis::cols);
    nc::Var<float> covariance = matmul(c, c, {.transpose_a = true}) / static_cast<double>(z.dim(0));
    nc::Var<float> repeats = sum(covariance * covariance) - sum(variance * variance);
    return 25.0 * mean(relu(1.0 - sqrt(variance + 1e-4))) + repeats / static_cast<double>(z.dim(1));
  }
  nc::methods::Terms<float> loss(nc::Tape& tape, const nc::Batch& batch) {
    nc::Var<float> z = head(encoder(constant(tape, batch.image)));
    nc::Var<float> a = slice(z, 0, 0, z.dim(0) / 2), b = slice(z, 0, z.dim(0) / 2, z.dim(0));
    last = {nc::l2_normalize(a.detach()).value(), nc::l2_normalize(b.detach()).value()};
    return {25.0 * mean(row_squared_distances(a, b)) / static_cast<double>(z.dim(1)) + apart(a) + apart(b)};
  }
  void after_step(const nc::Batch&) {}
  const nc::methods::Related<float>& newest() const { return last; }
  double expected_loss(nc::i64) const { return 0; }                          // has no closed form
  static void visit(auto& self, auto&& f) { f("encoder", self.encoder), f("head", self.head); }
};
static_assert(nc::methods::Method<Vicreg>);

int main() {
  auto images = limit(nc::data::fashion_mnist(), 3000, nc::Key{1});
  auto test = limit(nc::data::fashion_mnist_test(), 1000, nc::Key{1});
  nc::Loader loader(images, nc::pretext::two_views({.image = 28}), {.batch = 100, .epochs = 10}, nc::Key{1});
  Vicreg model;
  nc::optim::Sgd<float> sgd(model, {.momentum = 0.9, .weight_decay = 5e-4});
  nc::train::Trainer trainer(model, sgd, {.lr = 0.02, .steps = loader.steps()}, nc::Key{1});
  auto rows = [&](auto x) { return model.encoder.embed(evaluation_batch(x, 0, x.size(), 28, loader.normalization())); };
  auto knn = [&] { return nc::eval::knn(rows(images), images.labels, rows(test), test.labels, {.k = 20}).top1; };
  const double untrained = knn();
  for (nc::Batch& batch : loader) trainer.step(batch);
  const double trained = knn();
  std::printf("kNN of 1,000 pictures: untrained %.1f %%, trained %.1f %%\n", untrained, trained);
  return trained > untrained ? 0 : 1;
}
