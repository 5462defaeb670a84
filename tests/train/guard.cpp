#include <nacre/train/guard.hpp>

#include "../io/scratch.hpp"
#include "method.hpp"

#include <nacre/train/trainer.hpp>

#include <limits>

using namespace nacre;
using test::Attract, test::bits;

namespace {

constexpr float bad = std::numeric_limits<float>::quiet_NaN(), infinite = std::numeric_limits<float>::infinity();

struct Run {
  Attract method{Key{1}};
  optim::AdamW<float> optimizer{method};
  Loader loader = test::two_view_loader();
  train::Trainer<Attract, optim::AdamW<float>> trainer{method, optimizer, {.lr = 0.01, .steps = 15}, Key{7}};
  std::string state() const { return bits(method) + bits(optimizer); }
};

// Finite in the loss, infinite in the gradient of `weight`.
struct Cliff {
  Parameter<float> weight{Tensor<float>::full({3}, 0)}, other{Tensor<float>::full({2}, 1)};
  struct Terms {
    Var<float> loss;
  };
  Terms loss(Tape& tape, const Batch&) {
    Var<float> beside(Tensor<float>::zeros({1}), &tape);
    return {sum(sqrt(weight(beside))) + sum(square(other(beside)))};
  }
  void after_step(const Batch&) { FAIL("after a refused step"); }
  static void visit(auto& self, auto&& f) {
    f("weight", self.weight);
    f("other", self.other);
  }
};

}  // namespace

TEST_CASE("a bad batch is refused by name, nothing is updated, and the run goes on as if it had not been") {
  Run clean, hit;
  for (int i = 0; i < 3; ++i) {
    clean.trainer.step(*clean.loader.next());
    hit.trainer.step(*hit.loader.next());
  }
  std::string before = hit.state();
  Batch broken = *clean.loader.next();
  Batch good = broken;
  broken.image = good.image.clone();
  for (float v : {bad, infinite}) {
    broken.image[5] = v;
    std::string text = scratch::error<NonFiniteError>([&] { hit.trainer.step(broken); });
    CHECK(scratch::has(text, "step 3: the loss is not finite;"));
    CHECK(scratch::has(text, "lower the learning rate"));
    CHECK(hit.trainer.steps_done() == 3);
  }
  CHECK(hit.state() == before);
  CHECK(hit.trainer.step(good) == clean.trainer.step(good));
  CHECK(hit.state() == clean.state());
}

TEST_CASE("an overflow that batch norm would divide away is refused") {
  Run run;
  Batch batch = *run.loader.next();
  batch.image = batch.image.clone();
  for (float& v : batch.image.span()) v *= 1e25f;  // finite, its variance is not
  std::string before = run.state();
  CHECK(scratch::has(scratch::error<NonFiniteError>([&] { run.trainer.step(batch); }), "the loss is not finite;"));
  CHECK(run.state() == before);
}

TEST_CASE("a bad gradient under a finite loss is named, and nothing is updated") {
  Cliff cliff;
  optim::Sgd<float> sgd(cliff);
  train::Trainer trainer(cliff, sgd, {.lr = 0.1, .steps = 5}, Key{7});
  std::string before = bits(cliff) + bits(sgd);
  std::string text = scratch::error<NonFiniteError>([&] { trainer.step(Batch{}); });
  CHECK(scratch::has(text, "step 0: the gradient of weight is not finite;"));
  CHECK(bits(cliff) + bits(sgd) == before);
}

TEST_CASE("a bad weight or state is named as the cause") {
  Run run;
  run.method.hidden.weight.value()[3] = bad;
  std::string text = scratch::error<NonFiniteError>([&] { run.trainer.step(*run.loader.next()); });
  CHECK(scratch::has(text, "the loss (as is hidden.weight) is not finite;"));
  Run other;
  other.method.bn.running_var.value()[0] = infinite;
  CHECK(train::first_non_finite(other.method) == "bn.running_var");
}

TEST_CASE("what is not finite is not saved, and the file before stays") {
  scratch::Directory dir;
  Run run;
  run.trainer.step(*run.loader.next());
  run.trainer.save(dir / "c.safetensors");
  std::string before = scratch::content(dir / "c.safetensors");
  run.method.out.bias.value()[0] = infinite;
  std::string text = scratch::error<NonFiniteError>([&] { run.trainer.save(dir / "c.safetensors"); });
  CHECK(scratch::has(text, "after step 1 out.bias is not finite, so nothing is saved"));
  CHECK(scratch::content(dir / "c.safetensors") == before);
  run.method.out.bias.value()[0] = 0;
  float v = bad;
  nn::for_each_state(run.optimizer, [v](const std::string& name, auto& s) {
    if (name == "square") s.value()[0] = static_cast<std::remove_reference_t<decltype(s.value()[0])>>(v);
  });
  text = scratch::error<NonFiniteError>([&] { run.trainer.save(dir / "c.safetensors"); });
  CHECK(scratch::has(text, "square is not finite"));
  CHECK(dir.files() == 1);
}
