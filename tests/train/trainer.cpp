#include <nacre/train/trainer.hpp>

#include "../io/scratch.hpp"
#include "method.hpp"

#include <nacre/eval/metrics.hpp>

using namespace nacre;
using test::Attract, test::bits;

namespace {

const train::TrainerOptions options{.lr = 0.1, .steps = 15, .warmup_steps = 3};

template <class Optimizer>
struct Run {
  Attract method;
  Optimizer optimizer;
  Loader loader = test::two_view_loader();
  train::Trainer<Attract, Optimizer> trainer{method, optimizer, options, Key{7}};

  explicit Run(Key key = Key{1}) : method(key), optimizer(method) {}
  std::string losses;  // as bits
  void steps(i64 n) {
    for (Batch* batch; n-- > 0 && (batch = loader.next());) {
      double loss = trainer.step(*batch);
      losses.append(reinterpret_cast<const char*>(&loss), sizeof loss);
    }
  }
  std::string state() const { return bits(method) + bits(optimizer); }
};

}  // namespace

TEST_CASE_TEMPLATE("a method of one's own stops in the middle of an epoch and continues to the same bits", Optimizer,
                   optim::Sgd<float>, optim::Lars<float>, optim::AdamW<float>) {
  scratch::Directory dir;
  Run<Optimizer> whole, first, second(Key{99});  // the second starts from other weights
  std::string start = whole.state();
  whole.steps(15);
  CHECK(whole.state() != start);
  first.steps(7);
  first.trainer.save(dir / "c.safetensors", {{"note", "half"}});
  CHECK(first.state() != second.state());

  io::Metadata metadata = second.trainer.load(dir / "c.safetensors");
  CHECK(metadata.at("note") == "half");
  CHECK(metadata.at("step") == "7");
  CHECK(second.trainer.steps_done() == 7);
  CHECK(second.trainer.lr() == first.trainer.lr());
  CHECK(second.state() == first.state());
  second.loader.seek(second.trainer.steps_done());
  second.steps(100);
  CHECK(second.trainer.steps_done() == 15);
  CHECK(second.state() == whole.state());
  CHECK(first.losses + second.losses == whole.losses);

  first.steps(100);  // and saving changed nothing
  CHECK(first.state() == whole.state());
}

TEST_CASE("the bits of a run do not depend on the thread count, and do on the key") {
  auto run = [](Key key) {
    Run<optim::Sgd<float>> r(key);
    r.steps(15);
    return r.state();
  };
  std::string one = test::with_threads(1, [&] { return run(Key{1}); });
  for (int n : {2, 3, 7}) CHECK(test::with_threads(n, [&] { return run(Key{1}); }) == one);
  CHECK(run(Key{2}) != one);
}

TEST_CASE("the learning rate is that of the next step: warm-up, then a cosine to 0") {
  Run<optim::Sgd<float>> run;
  std::vector<double> rates;
  for (int i = 0; i < 15; ++i) {
    rates.push_back(run.trainer.lr());
    run.steps(1);
  }
  CHECK(rates[0] == doctest::Approx(0.1 / 3));
  CHECK(rates[2] == doctest::Approx(0.1));
  CHECK(rates[3] == doctest::Approx(0.1));
  for (std::size_t i = 4; i < rates.size(); ++i) CHECK(rates[i] < rates[i - 1]);
  CHECK(rates[14] > 0);
  CHECK(run.trainer.lr() == doctest::Approx(0));
  CHECK(run.method.steps.value()[0] == 15);
  CHECK_THROWS_AS((train::Trainer<Attract, optim::Sgd<float>>(run.method, run.optimizer, {.steps = 0}, Key{})), Error);
}

TEST_CASE("a checkpoint without a step is refused, and nothing has changed") {
  scratch::Directory dir;
  Run<optim::Sgd<float>> a, b(Key{2});
  a.steps(2);
  std::string before = b.state();
  for (const char* step : {"", "x", "-1", "1.5"}) {
    io::Metadata metadata;
    if (*step) metadata["step"] = step;
    train::save_checkpoint(dir / "c.safetensors", metadata, train::part("method", a.method),
                           train::part("optimizer", a.optimizer));
    std::string text = scratch::error<DataError>([&] { b.trainer.load(dir / "c.safetensors"); });
    CHECK(scratch::has(text, "does not say at which step"));
    CHECK(b.state() == before);
    CHECK(b.trainer.steps_done() == 0);
  }
}

TEST_CASE("attraction alone collapses: spread, rank and uniformity say so, while alignment alone looks well") {
  Attract method(Key{1});
  method.drop = 0;
  optim::Sgd<float> sgd(method);
  Loader loader = test::two_view_loader(40);
  train::Trainer trainer(method, sgd, {.lr = 0.5, .steps = loader.steps()}, Key{7});
  struct Measured {
    double spread, rank, uniformity, alignment;
  };
  auto measure = [&] {
    const Tensor<float>& z = method.rows;
    return Measured{eval::spread(z), eval::effective_rank(z), eval::uniformity(z),
                    eval::alignment(z.rows(0, 8), z.rows(8, 16))};
  };
  Measured before{}, after{};
  double first = 0, last = 0;
  for (Batch& batch : loader) {
    last = trainer.step(batch);
    if (trainer.steps_done() == 1) {
      before = measure();
      first = last;
    }
  }
  after = measure();
  CHECK(last < 0.1 * first);
  CHECK(after.alignment < 0.1 * before.alignment);
  CHECK(after.spread < 0.5 * before.spread);
  CHECK(after.rank < before.rank);
  CHECK(after.uniformity > before.uniformity);
}
