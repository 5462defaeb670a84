// The trivial solution: an encoder that is only told what belongs together gives every picture the same embedding.
//
//   attraction only   mean |a_i - b_i|^2 over the two views of a picture. One point for all costs 0: nothing is better.
//   with repulsion    NT-Xent: be nearer to the own other view than to 2B - 2 others. One point for all costs
//                     log(2B - 1), as guessing does; whoever wants less must tell pictures apart.
//
// Both runs start from the same weights and see the same batches. The loss stands beside its value at chance, and with
// it what eval/metrics.hpp measures. The first run's loss looks splendid; every measure says what became of it.
//
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/13_collapse.cpp -ltbb -lz -o collapse
//   ./collapse [SEED] [STEPS]      writes collapse.html
#include <nacre/data/idx.hpp>
#include <nacre/data/loader.hpp>
#include <nacre/eval/metrics.hpp>
#include <nacre/eval/spectrum.hpp>
#include <nacre/io/file.hpp>
#include <nacre/losses/align_uniform.hpp>
#include <nacre/methods/simclr.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/two_views.hpp>
#include <nacre/train/page.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>

namespace nc = nacre;
using nc::i64;

nc::data::Images shapes(i64 n) {  // a disc, a square or a cross of one colour on another
  nc::Tensor<nc::u8> pixels({n, 28, 28, 3});
  for (i64 i = 0; i < n; ++i) {
    nc::Random random(nc::Key{2}.fold(static_cast<nc::u64>(i)));
    i64 x = 9 + random.below(10), y = 9 + random.below(10), r = 5 + random.below(5), colors = random.word();
    for (i64 p = 0; p < 28 * 28 * 3; ++p) {
      i64 dx = std::abs(p / 3 % 28 - x), dy = std::abs(p / 84 - y);
      bool inside[] = {dx * dx + dy * dy < r * r, std::max(dx, dy) < r, std::min(dx, dy) < r / 3};
      pixels[i * 2352 + p] = static_cast<nc::u8>((colors >> (inside[i % 3] * 12 + p % 3 * 4) & 15) * 17);
    }
  }
  return nc::data::make_images(pixels);
}

int main(int argc, char** argv) {
  const i64 steps = argc > 2 ? std::atoi(argv[2]) : 250, batch = 128, dim = 32;
  const nc::Key key{.seed = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1};
  const bool fashion = std::filesystem::exists(nc::data::fashion_mnist_directory);
  const nc::data::Images images = fashion ? limit(nc::data::fashion_mnist(), 10000, key) : shapes(3000);
  const double chance[] = {2, std::log(2.0 * batch - 1)};  // of random directions; of views that are all alike
  const char* names[] = {"attraction only", "with repulsion"};
  std::pair<nc::train::svg::LineChart, const char*> figures[] = {
      {{"Alignment", "step", {}, {}}, "Squared distance of two views, the first run's loss: it looks perfect."},
      {{"NT-Xent", "step", {}, {{chance[1], "chance"}}}, "The second run's loss: the first ends at chance."},
      {{"Standard deviation", "step", {}, {{1 / std::sqrt(dim), "healthy: 1/√d"}}}, "At 0 all embeddings are equal."},
      {{"Uniformity", "step", {}, {{0, "collapsed"}}}, "Repulsion spreads embeddings; attraction gathers them."},
      {{"Effective rank", "step", {}, {}}, "Directions in use: towards 1, only the mean that all share is left."},
      {{"Spectrum", "direction", {}, {}, false, true}, "Variance by direction at the end: collapse ends all of it."}};
  std::vector<double> axis(static_cast<std::size_t>(std::max(steps + 1, dim)));
  std::iota(axis.begin(), axis.end(), 0);

  for (int repulsion : {0, 1}) {
    nc::methods::Simclr<float> model({.encoder = {.width = 16, .in_channels = images.channels}, .dim = dim}, key);
    nc::optim::Sgd<float> sgd(model, {.momentum = 0.9, .weight_decay = 5e-4});
    nc::Loader loader(images, nc::pretext::two_views({.image = 32}), {.batch = batch, .epochs = steps}, key);
    for (auto& f : figures) f.first.lines.push_back({names[repulsion], axis, {}, 1 - repulsion});
    std::printf("%-16s step    loss  chance     std  alignment  uniformity  effective rank\n", names[repulsion]);

    for (i64 step = 0; step <= steps; ++step) {
      nc::Tape tape;
      nc::Var<float> z = model.embed(tape, *loader.next());  // [2B, dim]: unit rows of first views, then of second
      nc::Var<float> pull = nc::losses::alignment(slice(z, 0, 0, batch), slice(z, 0, batch, 2 * batch));
      nc::Var<float> both = nc::losses::nt_xent(z, 0.5), loss = repulsion ? both : pull;
      auto m = nc::eval::monitors(model.newest().a, model.newest().b);
      const double values[] = {m.alignment, both.item(), m.std, m.uniformity, m.effective_rank};
      for (int i = 0; i < 5; ++i) figures[i].first.lines.back().y.push_back(values[i]);
      if (step % std::max<i64>(1, steps / 10) == 0)
        std::printf("%21lld %7.4f %7.3f %7.4f %10.4f %11.3f %15.1f\n", static_cast<long long>(step), loss.item(),
                    chance[repulsion], m.std, m.alignment, m.uniformity, m.effective_rank);
      nc::backward(loss);
      sgd.step(0.06);
      nc::Var<double> x = nc::cast<double>(z.detach()), c = x - mean(x, nc::Axis::cols);
      auto covariance = matmul(c, c, {.transpose_a = true}) / (2.0 * batch);
      figures[5].first.lines.back().y = nc::eval::symmetric_eigenvalues(covariance.value());
    }
  }

  nc::train::Page page("The trivial solution");
  page.text("One network, one start, the same batches. One run is told what belongs together, one also what does not.");
  for (auto& [chart, caption] : figures) page.figure(chart, caption);
  nc::io::replace_file("collapse.html", page.str());
}
