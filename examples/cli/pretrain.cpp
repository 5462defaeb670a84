// nacre pretrain: data, views, method, optimizer, and a loop that can be interrupted at any step.
#include "run.hpp"

#include <nacre/eval/metrics.hpp>
#include <nacre/models/weights.hpp>
#include <nacre/io/file.hpp>
#include <nacre/io/sha256.hpp>
#include <nacre/optim/adamw.hpp>
#include <nacre/optim/lars.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/train/progress.hpp>
#include <nacre/train/trainer.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
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

// One training at a time in a directory.
struct Lock {
  int fd;
  explicit Lock(const std::string& run) : fd(open(file_in(run, ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    nc::check<nc::WriteError>(fd >= 0, "out", [&] { return "cannot write in " + run; });
    nc::check(flock(fd, LOCK_EX | LOCK_NB) == 0, "out", [&] { return "another training is running in " + run; });
  }
  ~Lock() { close(fd); }
};

// What the command line adds to a resumed run. Options that would change the result must be those of the run.
Config resumed(const Pretrain& asked) {
  Config config = read_config(asked.out);
  std::string wrong;
  auto given = [&](const std::string& name) {
    for (const auto& g : asked.given)
      if (g == name) return true;
    return false;
  };
  std::vector<std::string> values;
  auto text = [](const auto& v) {
    json::Writer w;
    w.value(v);
    return w.str();
  };
  each_option(asked, [&](const char*, const auto& v) { values.push_back(text(v)); });
  std::size_t i = 0;
  each_option(config, [&](const char* name, auto& v) {
    const std::string& wanted = values[i++];
    bool free = std::string(name) == "save-every" || std::string(name) == "log-every";
    if (given(name) && !free && text(v) != wanted)
      wrong += std::string("\n  --") + name + " is " + text(v) + " in the run, " + wanted + " here";
  });
  nc::check(wrong.empty(), "resume", [&] { return asked.out + " was started with other options:" + wrong + "\n  leave them out, or start a new run"; });
  if (given("save-every")) config.save_every = asked.save_every;
  config.threads = asked.threads;
  config.quiet = asked.quiet;
  config.json = asked.json;
  config.stop_on_collapse = asked.stop_on_collapse;
  return config;
}

void write_env(const std::string& run) {
  json::Writer w;
  std::string line;
  if (FILE* f = std::fopen("/proc/self/cmdline", "rb")) {
    for (int c; (c = std::fgetc(f)) != EOF;) line += c ? static_cast<char>(c) : ' ';
    std::fclose(f);
  }
  w.object().key("version").value(nc::version).key("instruction_set").value(nc::backend::isa_name());
  w.key("threads").value(nc::threads()).key("compiler").value(__VERSION__).key("command").value(line);
  nc::io::replace_file(file_in(run, "env.json"), w.end().str() + "\n");
}

// metrics.jsonl after a resume: what was logged beyond the checkpoint will be logged again.
void cut_metrics(const std::string& path, nc::i64 steps_done) {
  if (!exists(path)) return;
  std::string kept, all = nc::io::read_file(path, nc::u64{1} << 32);
  for (std::size_t begin = 0, end; (end = all.find('\n', begin)) != std::string::npos; begin = end + 1) {
    std::string line = all.substr(begin, end - begin);
    try {
      if (json::parse(line).at("step").as_i64() <= steps_done) kept += line + "\n";
    } catch (const nc::DataError&) {
      break;  // a torn line: the rest goes
    }
  }
  nc::io::replace_file(path, kept);
}

struct Monitors {
  double std = 0, alignment = 0, uniformity = 0, effective_rank = 0;
};

template <class Optimizer>
class Training {
 public:
  using Method = nc::methods::Pirl<float>;

  Training(Config config, const nc::data::Images& images, Method& method, Optimizer& optimizer, nc::Key key)
      : c_(std::move(config)), method_(method),
        loader_(make_loader(images, c_, key)),
        trainer_(method, optimizer,
                 {.lr = c_.lr, .steps = loader_.steps(),
                  .warmup_steps = static_cast<nc::i64>(c_.warmup_epochs * static_cast<double>(loader_.steps_per_epoch()))}, key),
        checkpoint_(file_in(c_.out, "checkpoint.safetensors")), metrics_(file_in(c_.out, "metrics.jsonl")) {}

  // Continues from the newest valid checkpoint. False where there is none.
  bool resume() {
    std::string previous = nc::io::previous_name(checkpoint_), first_error;
    for (const std::string& path : {checkpoint_, previous}) {
      if (!exists(path)) continue;
      try {
        trainer_.load(path);
        if (!first_error.empty()) std::fprintf(stderr, "nacre: %s\nnacre: continuing from %s\n", first_error.c_str(), path.c_str());
        loader_.seek(trainer_.steps_done());
        cut_metrics(metrics_, trainer_.steps_done());
        return true;
      } catch (const nc::DataError& e) {
        if (first_error.empty()) first_error = e.what();
      }
    }
    nc::check<nc::DataError>(first_error.empty(), "resume", [&] { return first_error + "\n  and there is no older checkpoint that is valid"; });
    return false;
  }

  void run() {
    nc::i64 per_epoch = loader_.steps_per_epoch(), total = loader_.steps();
    nc::i64 log_every = c_.log_every > 0 ? c_.log_every : std::max<nc::i64>(1, per_epoch / 20);
    nc::i64 save_every = c_.save_every > 0 ? c_.save_every : per_epoch;
    progress_.total = total;
    progress_.epochs = c_.epochs;
    started_ = shown_ = seconds();
    first_ = trainer_.steps_done();
    for (auto& batch : loader_) {
      double loss = trainer_.step(batch);
      nc::i64 done = trainer_.steps_done();
      average_ = done == first_ + 1 ? loss : 0.9 * average_ + 0.1 * loss;
      if (done % log_every == 0 || done == total) log(batch, loss);
      show(batch, done == total);
      if (stop_signal || done == total || done % save_every == 0) save(done == total || stop_signal);
      if (stop_signal) return;
    }
  }

 private:
  void log(const nc::Batch& batch, double loss) {
    const nc::Tensor<float>& z = method_.newest();
    Monitors m;
    m.std = nc::eval::spread(z);
    m.uniformity = nc::eval::uniformity(z);
    m.effective_rank = nc::eval::effective_rank(z);
    if (const auto& patches = method_.newest_patches(); !patches.empty()) m.alignment = nc::eval::alignment(z, patches);
    gauge_ = m.std * std::sqrt(static_cast<double>(z.dim(1)));
    json::Writer w;
    w.object().key("epoch").value(batch.epoch).key("step").value(trainer_.steps_done()).key("loss").value(loss);
    w.key("lr").value(trainer_.lr()).key("samples_per_s").value(rate());
    w.key("std").value(m.std).key("alignment").value(m.alignment).key("uniformity").value(m.uniformity);
    w.key("effective_rank").value(m.effective_rank).end();
    if (c_.json) std::printf("%s\n", w.str().c_str());
    FILE* f = std::fopen(metrics_.c_str(), "a");
    bool ok = f && std::fprintf(f, "%s\n", w.str().c_str()) > 0;
    if (f) ok = std::fclose(f) == 0 && ok;
    if (!ok && !metrics_lost_) {
      std::fprintf(stderr, "\nnacre: cannot write %s; training goes on without it\n", metrics_.c_str());
      metrics_lost_ = true;
    }
    nc::check<nc::CollapseError>(!c_.stop_on_collapse || gauge_ > 0.05, "collapse", [&] {
      return "at step " + std::to_string(trainer_.steps_done()) + " the embeddings have shrunk to a point (std * sqrt(d) = " +
             std::to_string(gauge_) + ", healthy is near 1); lower the learning rate or add negatives";
    });
  }

  double rate() const {
    double t = seconds() - started_;
    return t > 0 ? static_cast<double>((trainer_.steps_done() - first_) * c_.batch) / t : 0;
  }

  void show(const nc::Batch& batch, bool last) {
    bool terminal = isatty(STDERR_FILENO);
    double now = seconds();
    if (c_.quiet || c_.json || (!last && now - shown_ < (terminal ? 0.1 : 5))) return;
    shown_ = now;
    progress_.epoch = batch.epoch;
    progress_.step = trainer_.steps_done();
    progress_.loss = average_;
    progress_.samples_per_s = rate();
    progress_.seconds_left = rate() > 0 ? static_cast<double>((progress_.total - progress_.step) * c_.batch) / rate() : 0;
    progress_.gauge = gauge_;
    progress_.color = terminal && !std::getenv("NO_COLOR");
    if (terminal) std::fprintf(stderr, "\r%s\033[K%s", nc::train::progress_bar(progress_).c_str(), last ? "\n" : "");
    else std::fprintf(stderr, "%s\n", nc::train::progress_line(progress_).c_str());
  }

  // A full disk in the middle is a warning, since the next try may succeed; at the end it is an error.
  void save(bool last) {
    try {
      trainer_.save(checkpoint_, {{"seed", std::to_string(c_.seed)}, {"fingerprint", c_.fingerprint}});
    } catch (const nc::WriteError& e) {
      if (last) throw;
      std::fprintf(stderr, "\nnacre: %s\nnacre: training goes on; the next checkpoint is tried again\n", e.what());
    }
  }

  Config c_;
  Method& method_;
  nc::Loader loader_;
  nc::train::Trainer<Method, Optimizer> trainer_;
  std::string checkpoint_, metrics_;
  nc::train::Progress progress_;
  double started_ = 0, shown_ = 0, average_ = 0, gauge_ = 1;
  nc::i64 first_ = 0;
  bool metrics_lost_ = false;
};

template <class Optimizer>
void train(const Config& config, const nc::data::Images& images, nc::methods::Pirl<float>& method, Optimizer optimizer, nc::Key key) {
  Training<Optimizer> training(config, images, method, optimizer, key);
  bool continued = config.resume && training.resume();
  if (!continued && config.bank_init == "encode")
    nc::methods::encode_bank(method, [&](nc::i64 begin, nc::i64 end) {
      return nc::data::evaluation_batch(images, begin, end, config.image_size, config.normalization);
    });
  training.run();
}

}  // namespace

int interrupted() { return stop_signal; }

void pretrain(const Pretrain& asked) {
  nc::set_threads(asked.threads);
  bool resuming = asked.resume && exists(file_in(asked.out, "config.json"));
  nc::check<nc::DataError>(!asked.resume || resuming || !asked.data.empty(), "resume",
                           [&] { return asked.out + " holds no run to continue; start one with --data"; });
  nc::check(asked.resume || !exists(file_in(asked.out, "config.json")), "out",
            [&] { return asked.out + " already holds a run; continue it with --resume, or choose another --out"; });
  Config config;
  static_cast<Pretrain&>(config) = asked;
  if (resuming) config = resumed(asked);
  config.resume = asked.resume;

  nc::data::DataSplits data = open_data(config.data);
  if (!resuming && config.image_size == 0) config.image_size = choose_image_size(data.pretrain());
  nc::data::Images images = training_images(data, config);
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
    return "--batch " + std::to_string(config.batch) + " is more than the " + std::to_string(images.size()) + " pictures of " + config.data;
  });
  nc::check(config.negatives < images.size(), "negatives", [&] {
    return "--negatives " + std::to_string(config.negatives) + " is more than the " + std::to_string(images.size() - 1) +
           " other pictures; lower it";
  });

  nc::Key key{static_cast<nc::u64>(config.seed)};
  nc::methods::PirlOptions options = pirl_options(config);
  nc::methods::Pirl<float> method(options, images.size(), key);

  make_directory(config.out);
  Lock lock(config.out);
  if (!resuming) write_config(config.out, config);
  write_env(config.out);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);

  if (!config.quiet && !config.json) {
    std::printf("%s: %lld pictures of %lld px, %s width %lld, %lld parameters, %d threads, %s\n", config.method.c_str(),
                static_cast<long long>(images.size()), static_cast<long long>(config.image_size), config.model.c_str(),
                static_cast<long long>(config.width), static_cast<long long>(nc::nn::parameter_count(method)), nc::threads(),
                nc::backend::isa_name());
    std::printf("loss expected of an untrained encoder against random rows: %.2f; of an encoder that tells nothing apart: %.2f\n",
                nc::losses::expected_initial_loss(options, config.negatives, config.dim), std::log(static_cast<double>(config.negatives) + 1));
    if (!images.classes.empty()) std::printf("chance level of the probe: %.1f %%\n", 100.0 / static_cast<double>(images.classes.size()));
  }

  if (config.optimizer == "sgd")
    train(config, images, method, nc::optim::Sgd<float>(method, {.momentum = config.momentum, .weight_decay = config.weight_decay}), key);
  else if (config.optimizer == "lars")
    train(config, images, method, nc::optim::Lars<float>(method, {.momentum = config.momentum, .weight_decay = config.weight_decay}), key);
  else train(config, images, method, nc::optim::AdamW<float>(method, {.weight_decay = config.weight_decay}), key);

  if (stop_signal) {
    std::fprintf(stderr, "\nnacre: interrupted; the checkpoint is saved, continue with: nacre pretrain --out %s --resume\n", config.out.c_str());
    return;
  }
  std::string encoder = file_in(config.out, "encoder.safetensors");
  nc::models::save_encoder(encoder, method.encoder, {.normalization = config.normalization, .image_size = config.image_size});
  if (!config.quiet && !config.json)
    std::printf("encoder: %s\nsha256 of the encoder: %s\n", encoder.c_str(),
                nc::io::sha256(nc::io::read_file(encoder, nc::u64{1} << 34)).c_str());
}

}  // namespace cli
