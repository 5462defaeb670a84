// PIRL in the trainer: a warm step asks the system for nothing, and a run continues to the same bits.
#include <nacre/methods/pirl.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/jigsaw.hpp>
#include <nacre/train/trainer.hpp>

#include "../io/scratch.hpp"
#include "method.hpp"

#include <sys/resource.h>

using namespace nacre;

namespace {

i64 page_faults() {  // of all threads so far
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

}  // namespace

// A thread that gets its first task late faults a few pages once (its stack, its arena of malloc); a step that took
// its tensors from the system would fault thousands, every time.
TEST_CASE("from step 2 on a PIRL step, its loader included, takes no memory from the system") {
  test::with_threads(2, [] {
    methods::PirlOptions o;
    o.encoder = {.depth = 18, .width = 16, .stem = models::Stem::cifar};
    o.negatives = 512;
    data::Images images = test::pictures(640, 32);
    methods::Pirl<float> pirl(o, images.size(), Key{1});
    optim::Sgd<float> sgd(pirl, {.momentum = 0.9, .weight_decay = 5e-4});
    Loader loader(images, pretext::jigsaw_views({.image = 32}), {.batch = 32, .epochs = 3}, Key{2});
    train::Trainer trainer(pirl, sgd, {.lr = 0.06, .steps = loader.steps()}, Key{3});
    auto steps = [&](int n) {
      while (n-- > 0) trainer.step(*loader.next());
    };
    steps(2);
    u64 chunks = pool::stats().system_allocations;
    i64 all = 0, last = 1;
    for (int window = 0; window < 5 && last > 0; ++window) {
      i64 before = page_faults();
      steps(10);
      last = page_faults() - before;
      all += last;
      CHECK(pool::stats().system_allocations == chunks);
    }
    CHECK(all <= 40);
    CHECK(last == 0);  // ten steps in a row without a fault
  });
}

TEST_CASE("PIRL stops in the middle of an epoch and continues to the same bits: weights, moments, bank and Z") {
  scratch::Directory dir;
  data::Images images = test::pictures(20, 16, 1);
  struct Run {
    methods::Pirl<float> pirl;
    optim::Sgd<float> sgd;
    Loader loader;
    train::Trainer<methods::Pirl<float>, optim::Sgd<float>> trainer;

    static methods::PirlOptions options() {
      methods::PirlOptions o;
      o.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1};
      o.form = losses::NceForm::nce_constant;
      o.dim = 8;
      o.negatives = 10;
      return o;
    }
    Run(const data::Images& set, Key key)
        : pirl(options(), set.size(), key), sgd(pirl),
          loader(set, pretext::jigsaw_views({.image = 16}), {.batch = 4, .epochs = 2}, Key{2}),
          trainer(pirl, sgd, {.lr = 0.06, .steps = loader.steps()}, Key{3}) {}
    void steps(int n) {
      while (n-- > 0) trainer.step(*loader.next());
    }
    std::string state() const { return test::bits(pirl) + test::bits(sgd); }
  } whole(images, Key{1}), first(images, Key{1}), second(images, Key{9});
  whole.steps(10);
  first.steps(7);
  first.trainer.save(dir / "c");
  second.trainer.load(dir / "c");
  second.loader.seek(second.trainer.steps_done());
  second.steps(3);
  CHECK(whole.pirl.z.value()[0] > 0);
  CHECK(second.state() == whole.state());
}
