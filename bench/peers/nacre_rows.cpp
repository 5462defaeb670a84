// nacre's side of the peer table: one row a call, one line of JSON. Rows and sizes are those of torch_rows.py.
//
//   nacre_rows ROW THREADS SECONDS PICTURES        run.py makes PICTURES and compiles this file
#include <nacre/data/image_io.hpp>
#include <nacre/data/open.hpp>
#include <nacre/losses/nt_xent.hpp>
#include <nacre/methods/pirl.hpp>
#include <nacre/models/mlp.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/ops/softmax.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/jigsaw.hpp>
#include <nacre/pretext/two_views.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>

#include <sys/resource.h>

using namespace nacre;

namespace {

struct Row {
  std::function<void()> call;
  i64 count = 1;                          // samples or steps in a call
  clockid_t clock = CLOCK_MONOTONIC;      // augmentation: CPU time of its one thread
};

double now(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

Tensor<float> noise(const Shape& shape, u64 seed) {
  Tensor<float> t(shape);
  Random random(Key{seed});
  for (float& x : t.span()) x = random.normal();
  return t;
}

// A step over something with parameters: the loss of a tape, its gradients, SGD.
template <class Model, class Loss>
Row training(std::shared_ptr<Model> model, Loss loss) {
  auto sgd = std::make_shared<optim::Sgd<float>>(*model, optim::SgdOptions{.weight_decay = 1e-4});
  return {[model, sgd, loss, step = u64{0}]() mutable {
    Tape tape(Mode::train, Key{step++});
    backward(loss(*model, tape));
    sgd->step(1e-3);
  }};
}

struct Net {  // an encoder and what stands on it
  models::ResNet<float> encoder;
  models::Mlp<float> head;

  Net(const models::ResNetOptions& o, std::initializer_list<i64> widths)
      : encoder(o, Key{1}), head(widths, {}, Key{2}) {}
  Var<float> operator()(const Var<float>& x) const { return head(encoder(x)); }
  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("head", self.head);
  }
};

models::ResNetOptions cifar(i64 width) { return {.depth = 18, .width = width, .stem = models::Stem::cifar}; }

Row classify(const models::ResNetOptions& o, i64 features, i64 batch, i64 size) {
  Tensor<i64> labels({batch});
  for (i64 i = 0; i < batch; ++i) labels[i] = i * 37 % 128;
  return training(std::make_shared<Net>(o, std::initializer_list<i64>{features, 128}),
                  [x = noise({batch, size, size, 3}, 3), labels](Net& net, Tape& tape) {
                    return cross_entropy(net(constant(tape, x)), labels);
                  });
}

Row simclr(i64 width, i64 batch = 128) {
  i64 f = 8 * width;
  return training(std::make_shared<Net>(cifar(width), std::initializer_list<i64>{f, f, 128}),
                  [x = noise({2 * batch, 32, 32, 3}, 3)](Net& net, Tape& tape) {
                    return losses::nt_xent(l2_normalize(net(constant(tape, x))), 0.5);
                  });
}

Row nt_xent_only(i64 n) {
  return {[x = noise({n, 128}, 3)] {
    Tape tape;
    backward(losses::nt_xent(l2_normalize(variable(tape, x)), 0.1));
  }};
}

constexpr i64 bank_rows = 50000;

methods::PirlOptions pirl_options(i64 width) {
  methods::PirlOptions o;
  o.encoder = cifar(width);
  return o;
}

Row pirl(i64 width, i64 batch, i64 size, i64 patch) {
  Batch b;
  b.image = noise({batch, size, size, 3}, 2);
  b.patches = noise({batch, 9, patch, patch, 3}, 3);
  b.index = Tensor<i64>({batch});
  for (i64 i = 0; i < batch; ++i) b.index[i] = 7 * i;
  return training(std::make_shared<methods::Pirl<float>>(pirl_options(width), bank_rows, Key{1}),
                  [b](methods::Pirl<float>& method, Tape& tape) { return method.loss(tape, b).loss; });
}

Row bank(i64 batch = 128, i64 count = 4096) {
  MemoryBank<float> memory(bank_rows, 128, Key{1});
  Tensor<float> image = MemoryBank<float>(batch, 128, Key{2}).rows();  // random unit rows
  Tensor<float> patches = MemoryBank<float>(batch, 128, Key{3}).rows();
  Tensor<i64> index({batch});
  return {[=, step = u64{0}]() mutable {
    Tape tape(Mode::train, Key{step++});
    Random random(tape.next_key());
    for (i64& i : index.span()) i = random.below(bank_rows);
    Tensor<i64> negatives = draw_negatives(index, bank_rows, {.count = count}, tape.next_key());
    backward(losses::pirl(variable(tape, image), variable(tape, patches), memory.rows(), index, negatives, {}).loss);
  }};
}

// Loader, augmentation and step; several steps a call, as the loader delivers in bursts.
Row end_to_end(const std::string& pictures, i64 width = 16, i64 batch = 128, i64 steps = 5) {
  data::Images images = data::open("npy:" + pictures + "/small.npy").train;
  auto method = std::make_shared<methods::Pirl<float>>(pirl_options(width), images.size(), Key{1});
  auto loader = std::make_shared<Loader>(images, pretext::jigsaw_views({.image = 32}),
                                         LoaderOptions{.batch = batch, .epochs = 1000}, Key{1});
  auto sgd = std::make_shared<optim::Sgd<float>>(*method, optim::SgdOptions{.weight_decay = 1e-4});
  return {[=] {
            for (i64 i = 0; i < steps; ++i) {
              Batch& b = *loader->next();
              Tape tape(Mode::train, Key{static_cast<u64>(b.step)});
              backward(method->loss(tape, b).loss);
              sgd->step(0.03);
              method->after_step(b);
            }
          },
          steps};
}

// The views of `count` pictures of picture(i), one after the other in one thread.
template <class Views, class F>
Row augment(const Views& views, i64 count, F picture) {
  auto batch = std::make_shared<Batch>();
  views.prepare(*batch, count, 3);
  return {[=, step = u64{0}]() mutable {
            for (i64 i = 0; i < count; ++i) {
              Tensor<u8> p = picture(i);
              views.fill(*batch, i, {p.data(), p.dim(0), p.dim(1), 3}, data::imagenet_normalization, Key{step++});
            }
          },
          count, CLOCK_THREAD_CPUTIME_ID};
}

template <class Views>
Row augment_small(const std::string& pictures, const Views& views) {
  Tensor<u8> all = data::open("npy:" + pictures + "/small.npy").train.pixels;
  return augment(views, 128, [all](i64 i) { return all.rows(i, i + 1).reshape({32, 32, 3}); });
}

Row augment_jpeg(const std::string& pictures) {
  std::string folder = pictures + "/large/train/a/";
  return augment(pretext::two_views({.image = 224, .augment = data::simclr(1, 0.5f)}), 8, [folder](i64 i) {
    return data::read_image(folder + (i < 10 ? "0" : "") + std::to_string(i) + ".jpg");
  });
}

Row row(const std::string& name, const std::string& pictures) {
  std::map<std::string, std::function<Row()>> rows{
      {"resnet18_w64", [] { return classify(cifar(64), 512, 128, 32); }},
      {"resnet18_w16", [] { return classify(cifar(16), 128, 128, 32); }},
      {"resnet50_224", [] { return classify({.depth = 50}, 2048, 16, 224); }},
      {"simclr_w64", [] { return simclr(64); }},
      {"pirl_w64", [] { return pirl(64, 32, 64, 16); }},
      {"pirl_w16", [] { return pirl(16, 128, 32, 8); }},
      {"bank", [] { return bank(); }},
      {"ntxent_512", [] { return nt_xent_only(512); }},
      {"ntxent_4096", [] { return nt_xent_only(4096); }},
      {"ntxent_16384", [] { return nt_xent_only(16384); }},
      {"end_to_end_pirl", [&] { return end_to_end(pictures); }},
      {"augment_simclr_32", [&] { return augment_small(pictures, pretext::two_views({.image = 32})); }},
      {"augment_pirl_32", [&] { return augment_small(pictures, pretext::jigsaw_views({.image = 32})); }},
      {"augment_simclr_224", [&] { return augment_jpeg(pictures); }},
  };
  auto found = rows.find(name);
  check(found != rows.end(), "nacre_rows", [&] { return "there is no row " + name; });
  return found->second();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 5) {
    std::fprintf(stderr, "nacre_rows ROW THREADS SECONDS PICTURES, or: nacre_rows versions 0 0 .\n");
    return 2;
  }
  if (!std::strcmp(argv[1], "versions")) {
    std::printf("nacre %s, g++ %s, %s\n", version, __VERSION__, backend::isa_name());
    return 0;
  }
  set_threads(std::atoi(argv[2]));
  Row r = row(argv[1], argv[4]);
  r.call();
  r.call();
  std::printf("{\"ms\": [");
  double start = now(CLOCK_MONOTONIC), limit = std::atof(argv[3]);
  for (int i = 0; i < 3 || now(CLOCK_MONOTONIC) - start < limit; ++i) {
    double t = now(r.clock);
    r.call();
    std::printf("%s%.6g", i ? ", " : "", (now(r.clock) - t) / static_cast<double>(r.count) * 1e3);
  }
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  std::printf("], \"rss_mb\": %.0f}\n", static_cast<double>(use.ru_maxrss) / 1024);
} catch (const std::exception& e) {
  std::fprintf(stderr, "nacre_rows: %s\n", e.what());
  return 1;
}
