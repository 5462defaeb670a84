// nacre pretrain: data, views, method, optimizer, and a loop that can be interrupted at any step.
#include "loss.hpp"

#include <nacre/eval/metrics.hpp>
#include <nacre/methods/pirl.hpp>
#include <nacre/methods/settle.hpp>
#include <nacre/io/file.hpp>
#include <nacre/io/sha256.hpp>
#include <nacre/optim/adamw.hpp>
#include <nacre/optim/lars.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/train/progress.hpp>
#include <nacre/train/trainer.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <sys/file.h>
#include <unistd.h>

namespace cli {

namespace json = nc::io::json;

namespace {

volatile std::sig_atomic_t stop_signal = 0;
void on_signal(int s) {
  if (stop_signal) _exit(128 + s);  // a second one does not wait
  stop_signal = s;
}

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The directory of a run, made and held: one training at a time.
struct Lock {
  int fd = -1;
  Lock(const std::string& run, bool resuming) {
    make_directory(run);
    fd = open(file_in(run, ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    nc::check<nc::WriteError>(fd >= 0, "out", [&] { return "cannot write in " + run; });
    bool taken = flock(fd, LOCK_EX | LOCK_NB) == 0;  // other errors: a file system without locks
    nc::check(taken || errno != EWOULDBLOCK, "out", [&] { return "another training is running in " + run; });
    nc::check(resuming == exists(file_in(run, "config.json")) || (taken && !saved(run)), "out",
              [&] { return "another training has begun in " + run + "; choose another --out"; });
    for (const char* name :
         {"checkpoint.safetensors", "encoder.safetensors", "config.json", "env.json", "metrics.jsonl"})
      nc::io::remove_stale(file_in(run, name));
  }
  ~Lock() { close(fd); }
};

// The config of the run in --out. Options that would change the result must be those it was started with; the data
// may have moved, since the fingerprint tells whether they are the same pictures.
Config resumed(const Pretrain& asked) {
  Config config = read_config(asked.out);
  auto text = [](const auto& v) {
    json::Writer w;
    w.value(v);
    return w.str();
  };
  std::vector<std::string> values;
  each_option(asked, [&](const char*, const auto& v) { values.push_back(text(v)); });
  std::size_t i = 0;
  std::string wrong;
  each_option(config, [&](const std::string& name, auto& v) {
    const std::string& wanted = values[i++];
    bool free = name == "data" || name == "save-every" || name == "log-every";
    if (!free && asked.is_given(name) && text(v) != wanted)
      wrong += "--" + name + " is " + text(v) + " there, " + wanted + " here; ";
  });
  nc::check(wrong.empty(), "resume", [&] {
    return asked.out + " was started with other options: " + wrong + "leave them out, or " +
           (saved(asked.out) ? "start a new run in another --out"
                             : "leave out --resume to start anew, as nothing is saved there yet");
  });
  if (asked.is_given("data")) config.data = asked.data;
  if (asked.is_given("save-every")) config.save_every = asked.save_every;
  if (asked.is_given("log-every")) config.log_every = asked.log_every;
  config.threads = asked.threads;
  config.quiet = asked.quiet;
  config.json = asked.json;
  config.stop_on_collapse = asked.stop_on_collapse;
  return config;
}

bool intact(const std::string& path) {
  try {
    return nc::io::SafeTensors::open(path).has_checksum();
  } catch (const nc::DataError&) {
    return false;
  }
}

template <class Optimizer>
class Training {
 public:
  using Method = nc::methods::AnyMethod;

  Training(Config config, const nc::data::Images& images, Method& method, Optimizer& optimizer, nc::Key key)
      : c_(std::move(config)),
        method_(method),
        loader_(make_loader(
            images, c_, {.batch = c_.batch, .epochs = c_.epochs, .normalization = c_.normalization}, key)),
        trainer_(
            method, optimizer,
            {.lr = c_.lr,
             .steps = loader_.steps(),
             .warmup_steps = static_cast<nc::i64>(c_.warmup_epochs * static_cast<double>(loader_.steps_per_epoch()))},
            key),
        checkpoint_(file_in(c_.out, "checkpoint.safetensors")),
        metrics_(file_in(c_.out, "metrics.jsonl")) {}

  ~Training() { end_bar(); }

  nc::i64 steps_done() const { return trainer_.steps_done(); }
  nc::i64 steps() const { return loader_.steps(); }

  // Continues from the newest valid checkpoint. False where there is none.
  bool resume() {
    std::string first_error;
    for (const std::string& path : {checkpoint_, nc::io::previous_name(checkpoint_)}) {
      if (!exists(path)) continue;
      try {
        nc::io::Metadata about = trainer_.load(path);
        nc::check<nc::DataError>(about["fingerprint"] == c_.fingerprint && about["seed"] == std::to_string(c_.seed) &&
                                     steps_done() <= steps(),
                                 "resume", [&] { return path + " is of another run"; });
        if (!first_error.empty())
          std::fprintf(stderr, "nacre: warning: %s; continuing from %s\n", first_error.c_str(), path.c_str());
        loader_.seek(steps_done());
        return true;
      } catch (const nc::DataError& e) {
        if (first_error.empty()) first_error = e.what();
      }
    }
    nc::check<nc::DataError>(first_error.empty(), "resume",
                             [&] { return first_error + "; and no older checkpoint is valid"; });
    return false;
  }

  // What the error says, then what is left of the run and how to go on.
  void run() {
    auto left = [&](const nc::Error& e) {
      return std::string(e.what()) + ". " +
             (saved(c_.out) ? "The last checkpoint is untouched; start anew in another --out"
                            : "There is no checkpoint yet: start anew in " + c_.out);
    };
    try {
      train();
    } catch (const nc::NonFiniteError& e) {
      throw nc::NonFiniteError(left(e));
    } catch (const nc::CollapseError& e) {
      throw nc::CollapseError(left(e));
    }
  }

 private:
  void train() {
    nc::i64 per_epoch = loader_.steps_per_epoch(), total = steps();
    nc::i64 log_every = c_.log_every > 0 ? c_.log_every : std::max<nc::i64>(1, per_epoch / 20);
    nc::i64 save_every = c_.save_every > 0 ? c_.save_every : per_epoch;
    progress_.total = total;
    progress_.epochs = c_.epochs;
    shown_ = seconds();
    started_ = logged_ = {shown_, steps_done()};
    cut_metrics(metrics_, started_.step);
    for (auto& batch : loader_) {
      double lr = trainer_.lr(), loss = trainer_.step(batch);
      nc::i64 done = steps_done();
      average_ = done == started_.step + 1 ? loss : 0.9 * average_ + 0.1 * loss;
      if (done % log_every == 0 || done == total) log(batch, lr, loss);
      show(batch, done == total);
      if (stop_signal || done == total || done % save_every == 0) save(done == total || stop_signal);
      if (stop_signal) return;
    }
  }

  void log(const nc::Batch& batch, double lr, double loss) {
    const auto [a, b] = method_.newest();
    nc::eval::Monitors m = nc::eval::monitors(a, b.empty() ? a : b);
    gauge_ = m.gauge;
    json::Writer w;
    w.object().key("epoch").value(batch.epoch).key("step").value(steps_done()).key("loss").value(loss);
    w.key("lr").value(lr).key("samples_per_s").value(rate(logged_));
    logged_ = {seconds(), steps_done()};
    w.key("std").value(m.std).key("uniformity").value(m.uniformity).key("effective_rank").value(m.effective_rank);
    if (!b.empty()) w.key("alignment").value(m.alignment);
    w.end();
    if (c_.json) std::printf("%s\n", w.str().c_str());
    FILE* f = std::fopen(metrics_.c_str(), "a");
    bool ok = f && std::fprintf(f, "%s\n", w.str().c_str()) > 0;
    if (f) ok = std::fclose(f) == 0 && ok;
    if (!ok && !metrics_lost_) {
      end_bar();
      std::fprintf(stderr, "nacre: warning: cannot write %s; training goes on\n", metrics_.c_str());
      metrics_lost_ = true;
    }
    nc::check<nc::CollapseError>(!c_.stop_on_collapse || gauge_ > 0.05, "collapse", [&] {
      return "at step " + std::to_string(steps_done()) +
             " the embeddings have shrunk to a point (std * sqrt(d) = " + std::to_string(gauge_) +
             ", healthy is near 1); lower the learning rate or add negatives";
    });
  }

  struct Moment {
    double time = 0;
    nc::i64 step = 0;
  };
  double rate(const Moment& since) const {
    double t = seconds() - since.time;
    return t > 0 ? static_cast<double>((steps_done() - since.step) * c_.batch) / t : 0;
  }

  void show(const nc::Batch& batch, bool last) {
    bool terminal = isatty(STDERR_FILENO);
    double now = seconds();
    if (c_.quiet || c_.json || (!last && now - shown_ < (terminal ? 0.1 : 5))) return;
    shown_ = now;
    progress_.epoch = batch.epoch;
    progress_.step = steps_done();
    progress_.loss = average_;
    const double speed = progress_.samples_per_s = rate(started_);
    progress_.seconds_left = speed > 0 ? static_cast<double>((progress_.total - progress_.step) * c_.batch) / speed : 0;
    progress_.gauge = gauge_;
    progress_.color = terminal && !std::getenv("NO_COLOR");
    bar_ = terminal;
    if (terminal) std::fprintf(stderr, "\r%s\033[K", nc::train::progress_bar(progress_).c_str());
    else std::fprintf(stderr, "%s\n", nc::train::progress_line(progress_).c_str());
  }

  void end_bar() {
    if (bar_) std::fputs("\n", stderr);
    bar_ = false;
  }

  // A full disk in the middle is a warning, since the next try may succeed; at the end it is an error.
  void save(bool last) {
    try {
      trainer_.save(checkpoint_, {{"seed", std::to_string(c_.seed)}, {"fingerprint", c_.fingerprint}});
    } catch (const nc::WriteError& e) {
      if (last) throw;
      end_bar();
      std::fprintf(stderr, "nacre: warning: %s; training goes on, the next checkpoint is tried again\n", e.what());
    }
  }

  Config c_;
  Method& method_;
  nc::Loader loader_;
  nc::train::Trainer<Method, Optimizer> trainer_;
  std::string checkpoint_, metrics_;
  nc::train::Progress progress_;
  Moment started_, logged_;
  double shown_ = 0, average_ = 0, gauge_ = 1;
  bool metrics_lost_ = false, bar_ = false;
};

void announce(const Config& c, const nc::data::Images& images, nc::methods::AnyMethod& method, nc::i64 done,
              nc::i64 steps) {
  if (c.quiet || c.json) return;
  std::printf("%s: %lld pictures of %lld px, %s width %lld, %lld parameters, %d thread%s, %s\n", c.method.c_str(),
              static_cast<long long>(images.size()), static_cast<long long>(c.image_size), c.model.c_str(),
              static_cast<long long>(c.width), static_cast<long long>(nc::nn::parameter_count(method)), nc::threads(),
              nc::threads() == 1 ? "" : "s", nc::backend::isa_name());
  if (double loss = uninformed_loss(c); loss > 0)
    std::printf("loss of an encoder that tells nothing apart: %.2f\n", loss);
  std::printf("below, loss is a running mean, spread the deviation of the unit embeddings times sqrt(d): "
              "1 is healthy, 0 collapsed\n");
  if (double loss = initial_loss(c); loss > 0) std::printf("loss expected at the start: %.2f\n", loss);
  if (!images.classes.empty())
    std::printf("chance level of the probe: %.1f %%\n", 100.0 / static_cast<double>(images.classes.size()));
  if (done > 0)
    std::printf("continuing at step %lld of %lld\n", static_cast<long long>(done), static_cast<long long>(steps));
}

// Trains to the end or to a signal. The run is written down once everything has been found to fit together.
template <class Optimizer>
void train(const Config& config, const nc::data::Images& images, Learner& learner, Optimizer optimizer, nc::Key key,
           std::optional<Lock>& lock, bool resuming) {
  Training<Optimizer> training(config, images, learner.method, optimizer, key);
  lock.emplace(config.out, resuming);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  bool continued = config.resume && training.resume();
  if (training.steps_done() == training.steps()) return;
  if (!continued)
    for (const char* old : {"probe.json", "report.html"}) std::remove(file_in(config.out, old).c_str());
  write_config(config.out, config);
  write_env(config.out);
  announce(config, images, learner.method, training.steps_done(), training.steps());
  if (!continued && learner.start) learner.start(learner.method, evaluation_pictures(images, config));
  training.run();
}

// encoder.safetensors appears when the run has ended: its presence tells so.
void finish(const Config& config, const nc::data::Images& images, Learner& learner) {
  std::string path = file_in(config.out, "encoder.safetensors");
  bool before = intact(path);
  if (!before) {
    Encoder encoder = learner.encoder(learner.method);
    nc::methods::settle_statistics(encoder, images.size(), evaluation_pictures(images, config));
    encoder.save(path, {.normalization = config.normalization, .image_size = config.image_size});
  }
  std::string sum = nc::io::sha256(nc::io::read_file(path, nc::u64{1} << 34));
  if (config.json) {
    json::Writer w;
    w.object().key("finished").value(true).key("encoder").value(path).key("sha256").value(sum).end();
    std::printf("%s\n", w.str().c_str());
  } else if (!config.quiet) {
    if (before) std::printf("%s is finished, there is nothing left to train\n", config.out.c_str());
    std::printf("encoder: %s\nsha256 of the encoder: %s\n", path.c_str(), sum.c_str());
  }
}

}  // namespace

int interrupted() { return stop_signal; }

void check_same_options(const Pretrain& asked) { resumed(asked); }

void pretrain(const Pretrain& asked) {
  nc::set_threads(asked.threads);
  bool known = exists(file_in(asked.out, "config.json")), resuming = asked.resume && known;
  nc::check<nc::DataError>(!asked.resume || resuming || !asked.data.empty(), "resume",
                           [&] { return asked.out + " holds no run to continue; start one with --data"; });
  nc::check(asked.resume || !saved(asked.out), "out",
            [&] { return asked.out + " already holds a run; continue it with --resume, or choose another --out"; });
  if (known) read_config(asked.out);  // a file of that name that is not ours stays
  check_free(asked.out);              // and so do others
  Config config;
  static_cast<Pretrain&>(config) = asked;
  if (resuming) config = resumed(asked);
  else {
    if (auto idle = idle_options(asked); !idle.empty()) refuse_option(idle[0], asked.method);
    take_defaults(config);
  }
  config.resume = asked.resume;
  nc::backend::exact_conv() = config.exact_conv;

  Data data(config.data);
  nc::data::Images images = training_images(data, config);
  if (!resuming && config.image_size == 0) config.image_size = choose_image_size(images);
  nc::check<nc::DataError>(!resuming || images.fingerprint == config.fingerprint, "resume", [&] {
    return "the pictures of " + config.data + " are not those that " + config.out + " was trained on (fingerprint " +
           images.fingerprint + ", the run has " + config.fingerprint + ")";
  });
  if (!resuming) {
    config.fingerprint = images.fingerprint;
    config.pictures = images.size();
    config.channels = images.channels;
    config.normalization = nc::data::mean_std(images);
    parse_channels(config.mean, "mean", config.normalization.mean);
    parse_channels(config.std, "std", config.normalization.std);
  }
  nc::check(config.batch <= images.size(), "batch", [&] {
    return "--batch " + std::to_string(config.batch) + " is more than the " + std::to_string(images.size()) +
           " pictures of " + (config.limit == images.size() ? "--limit" : config.data) + "; lower --batch";
  });
  nc::check(!config.decay_all || config.optimizer == "sgd", "decay-all",
            [&] { return "--decay-all is for --optimizer sgd, not " + config.optimizer; });
  nc::check(!asked.is_given("momentum") || config.optimizer != "adamw", "momentum",
            [] { return std::string("--momentum is for --optimizer sgd and lars, not adamw"); });
  check_method(config, images);
  if (has_queue(config) && config.negatives > images.size())
    std::fprintf(stderr,
                 "nacre: warning: a queue of %lld keys holds some of the %lld pictures twice; lower --negatives\n",
                 static_cast<long long>(config.negatives), static_cast<long long>(images.size()));

  nc::Key key{static_cast<nc::u64>(config.seed)};
  Learner learner = make_learner(config, images, key);
  config.expected_loss = learner.method.expected_loss(config.batch);

  std::optional<Lock> lock;  // until the encoder is written
  auto begin = [&](auto optimizer) { train(config, images, learner, std::move(optimizer), key, lock, resuming); };
  const double momentum = config.momentum, decay = config.weight_decay;
  const nc::optim::SgdOptions sgd{.momentum = momentum, .weight_decay = decay, .decay_all = config.decay_all};
  if (config.optimizer == "sgd") begin(nc::optim::Sgd<float>(learner.method, sgd));
  else if (config.optimizer == "lars")
    begin(nc::optim::Lars<float>(learner.method, {.momentum = momentum, .weight_decay = decay}));
  else begin(nc::optim::AdamW<float>(learner.method, {.weight_decay = decay}));

  if (stop_signal) {
    std::fprintf(stderr,
                 "nacre: interrupted; the checkpoint is saved, continue with: nacre pretrain --out %s --resume\n",
                 config.out.c_str());
    return;
  }
  finish(config, images, learner);
  std::signal(SIGINT, SIG_DFL);  // what an experiment does next has nothing to save
  std::signal(SIGTERM, SIG_DFL);
}

}  // namespace cli
