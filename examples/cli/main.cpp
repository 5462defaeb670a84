// nacre: the command line. This file only reads options and turns errors into exit codes; each command is one
// function in the file of its name.
#include "options.hpp"

#include <nacre/core/error.hpp>

#include <CLI/CLI.hpp>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <new>
#include <string>
#include <sys/resource.h>
#include <system_error>

namespace cli {
int interrupted();  // the signal that stopped the training, or 0
}

namespace {

// The number of edits between two words, to name the option that was meant.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t next = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = row[j];
      row[j] = next;
    }
  }
  return row[b.size()];
}

// ", did you mean --epochs?"; empty where no name is a letter in four, and one more, away.
std::string nearest(const CLI::App& app, const std::string& word) {
  std::string best;
  std::size_t letters = word.size() - std::min(word.find_first_not_of('-'), word.size());
  std::size_t closest = std::min<std::size_t>(4, 2 + letters / 4);
  auto look = [&](const std::string& name) {
    if (std::size_t d = distance(word, name); d < closest) closest = d, best = name;
  };
  for (auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) look("--" + name);
  for (auto* sub : app.get_subcommands({})) look(sub->get_name());
  return best.empty() ? best : ", did you mean " + best + "?";
}

// A number between lo and hi; NaN is none.
CLI::Validator between(double lo, double hi) {
  return CLI::Validator(
      [=](const std::string& text) {
        double x = 0;
        bool ok = CLI::detail::lexical_cast(text, x) && x >= lo && x <= hi;
        return ok ? std::string()
                  : text + " is not a number from " + CLI::detail::to_string(lo) + " to " + CLI::detail::to_string(hi);
      },
      "in [" + CLI::detail::to_string(lo) + " - " + CLI::detail::to_string(hi) + "]");
}

std::string trimmed(std::string s) {
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.back()))) s.pop_back();
  std::size_t first = 0;
  while (first < s.size() && std::isspace(static_cast<unsigned char>(s[first]))) ++first;
  return s.substr(first);
}

// The lines NAME = VALUE of a --config file as options of the command; '#' begins a comment line.
std::vector<std::string> read_options(const std::string& path, CLI::App& command) {
  std::ifstream file(path);
  nacre::check(file.is_open(), "config", [&] { return "cannot read " + path; });
  std::vector<std::string> options;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#') continue;
    std::string where = path + ", line " + std::to_string(number) + ": ";
    std::size_t equals = line.find('=');
    nacre::check(equals != std::string::npos, "config", [&] { return where + "is not NAME = VALUE"; });
    std::string name = trimmed(line.substr(0, equals)), value = trimmed(line.substr(equals + 1));
    if (value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0])
      value = value.substr(1, value.size() - 2);
    bool known = command.get_option_no_throw("--" + name) && name != "config" && name != "help" && name != "version";
    nacre::check(known, "config", [&] { return where + "unknown key " + name + nearest(command, "--" + name); });
    options.push_back("--" + name + "=" + value);
  }
  nacre::check(file.eof(), "config", [&] { return "cannot read " + path; });
  return options;
}

// The words of the command line with those of --config files before them: of an option said twice the last word counts.
std::vector<std::string> words(int argc, char** argv, CLI::App& app) {
  std::vector<std::string> all(argv + 1, argv + argc), read;
  CLI::App* command = nullptr;
  for (auto* sub : app.get_subcommands({}))
    if (!all.empty() && sub->get_name() == all[0]) command = sub;
  if (!command) return all;
  for (std::size_t i = 1; i < all.size(); ++i) {
    std::string path;
    if (all[i] == "--config" && i + 1 < all.size()) path = all[i + 1];
    else if (all[i].rfind("--config=", 0) == 0) path = all[i].substr(9);
    else continue;
    for (auto& option : read_options(path, *command)) read.push_back(option);
  }
  all.insert(all.begin() + 1, read.begin(), read.end());
  return all;
}

// What is wrong with the words, and whose help to read.
int usage(const CLI::App& app, std::string what) {
  const CLI::App* used = app.get_subcommands().empty() ? &app : app.get_subcommands()[0];
  if (auto rest = used->remaining(); !rest.empty())
    what = "unknown " + std::string(rest[0][0] == '-' ? "option " : "word ") + rest[0] + nearest(*used, rest[0]);
  std::string of = used == &app ? "" : used->get_name() + " ";
  std::fprintf(stderr, "nacre: %s; see nacre %s--help\n", what.c_str(), of.c_str());
  return 2;
}

// Where memory runs out the kernel kills without a word. With a limit at what is free the program can say so itself.
void limit_memory() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return;  // these reserve far more than there is
#endif
  rlim_t free = 0, group = 0;
  std::ifstream file("/proc/meminfo");
  std::string word;
  for (rlim_t kib = 0; file >> word;)
    if ((word == "MemAvailable:" || word == "SwapFree:") && file >> kib) free += kib * 1024;
  std::ifstream container("/sys/fs/cgroup/memory.max");
  if (container >> group) free = std::min(free, group);
  rlimit limit{};
  if (free == 0 || getrlimit(RLIMIT_DATA, &limit) != 0) return;
  limit.rlim_cur = std::min(limit.rlim_cur, free);
  setrlimit(RLIMIT_DATA, &limit);
}

const char* const about_exact_conv =
    "3x3 convolutions as plain sums instead of Winograd's: slower, some five times nearer to exact";

// What a training is made of, whichever command trains.
void add_training_options(CLI::App* c, cli::Pretrain& pt) {
  c->add_option("--data", pt.data,
                "fashion-mnist[:DIR], cifar10:DIR, cifar100:DIR, stl10:DIR, folder:DIR, npy:IMAGES.npy[,LABELS.npy]");
  c->add_option("--split", pt.split, "pictures to train on; auto: the unlabelled split where there is one")
      ->check(CLI::IsMember({"auto", "train"}));
  c->add_option("--model", pt.model, "encoder")->check(CLI::IsMember({"resnet18", "resnet34", "resnet50"}));
  c->add_option("--stem", pt.stem, "first layer: 3x3 (cifar) or 7x7/2 + max pool (imagenet)")
      ->check(CLI::IsMember({"cifar", "imagenet"}));
  c->add_option("--norm", pt.norm, "normalisation in the encoder; cpc takes layer unless it is given")
      ->check(CLI::IsMember({"batch", "group", "layer"}));
  c->add_option("--width", pt.width, "channels of the first stage")->check(CLI::Range(1, 4096));
  c->add_option("--image-size", pt.image_size, "side in pixels; 0: 32 up to 32 pixels, their own up to 96, else 224")
      ->check(CLI::Range(0, 4096));
  c->add_option("--epochs", pt.epochs, "passes over the data")->check(CLI::Range(1, 1000000));
  c->add_option("--batch", pt.batch, "pictures a step")->check(CLI::Range(2, 1 << 20));
  c->add_option("--lr", pt.lr, "learning rate at its highest")->check(between(0.0, 1e6));
  c->add_option("--weight-decay", pt.weight_decay, "L2 pull on the weights (not on biases and normalisation)")
      ->check(between(0.0, 1e3));
  c->add_flag("--decay-all", pt.decay_all, "sgd: pull on biases and normalisation too, as PyTorch does unless told");
  c->add_option("--momentum", pt.momentum, "of the optimizer (sgd, lars)")->check(between(0.0, 0.9999));
  c->add_option("--optimizer", pt.optimizer, "update rule")->check(CLI::IsMember({"sgd", "lars", "adamw"}));
  c->add_option("--warmup-epochs", pt.warmup_epochs, "epochs of linear warm-up before the cosine")
      ->check(between(0.0, 1e6));
  c->add_option("--temperature", pt.temperature, "divides the cosine scores")
      ->check(between(1e-6, 1e6))
      ->default_str("the method's");
  c->add_option("--negatives", pt.negatives,
                "rows of the memory bank, or keys of moco's queue, that each sample is pushed from")
      ->check(CLI::Range(1, 1 << 30));
  c->add_flag("--shared-negatives", pt.shared_negatives, "one set of negatives for the whole batch");
  c->add_flag("--include-self", pt.include_self, "leave a sample's own row among its negatives (as VISSL does)");
  c->add_option("--bank-momentum", pt.bank_momentum, "weight of a memory row's past")->check(between(0.0, 1.0));
  c->add_option("--bank-init", pt.bank_init,
                "rows before training: the untrained encoder's (encode) or random (the paper's)")
      ->check(CLI::IsMember({"encode", "random"}));
  c->add_option("--lambda", pt.lambda, "weight of the patch term; 0 is NPID")->check(between(0.0, 1.0));
  c->add_option("--pretext", pt.pretext, "what the second branch sees")
      ->check(CLI::IsMember({"jigsaw", "rotation", "jigsaw-rotation"}));
  c->add_option("--permutations", pt.permutations, "orders to tell apart")->check(CLI::Range(2, 10000));
  c->add_option("--spread", pt.spread, "how far apart the orders lie")
      ->check(CLI::IsMember({"max_min", "max_avg"}));
  c->add_option("--encoder-momentum", pt.encoder_momentum, "of the key encoder")->check(between(0.0, 1.0));
  c->add_option("--groups", pt.groups, "runs a batch is cut into for batch norm")
      ->check(CLI::Range(1, 1 << 20));
  c->add_option("--chunk", pt.chunk, "views in the encoder at a time, for a --batch beyond memory; 0: all. Batch norm "
                                     "takes its statistics of them")
      ->check(CLI::Range(0, 1 << 21));
  c->add_flag("--mochi", pt.mochi, "mix harder negatives from the hardest of the queue");
  c->add_option("--hardest", pt.hardest, "only so many of the most similar negatives; 0: all")
      ->check(CLI::Range(0, 1 << 30));
  c->add_option("--semi-hard", pt.semi_hard,
                "only negatives less similar than the positive, by less than this; 0: off")
      ->check(between(0.0, 2.0));
  c->add_option("--ring", pt.ring, "leave out this share of the most similar negatives")
      ->check(between(0.0, 0.999));
  c->add_option("--beta", pt.beta, "weigh hard negatives more (Robinson et al.)")
      ->check(between(0.0, 1e3));
  c->add_option("--tau-plus", pt.tau_plus,
                "share of the negatives that are the sample's own kind, to allow for (Chuang et al.)")
      ->check(between(0.0, 0.999));
  c->add_option("--loss", pt.loss, "form of the contrastive term")
      ->check(CLI::IsMember({"info_nce", "nce_paper", "nce_constant"}));
  c->add_option("--head", pt.head, "projection on the encoder")
      ->check(CLI::IsMember({"linear", "mlp"}))
      ->default_str("the method's");
  c->add_option("--dim", pt.dim, "numbers in an embedding")->check(CLI::Range(1, 65536));
  c->add_option("--augment", pt.augment,
                "crops and colours: default; no-hue where hue tells; gentle for small centred pictures")
      ->check(CLI::IsMember({"default", "no-hue", "gentle"}));
  c->add_option("--mean", pt.mean, "of each channel after dividing by 255, as r,g,b; default: of the training split");
  c->add_option("--std", pt.std, "of each channel, as r,g,b; default: of the training split");
  c->add_flag("--exact-conv", pt.exact_conv, about_exact_conv);
  c->add_option("--seed", pt.seed, "names every random number");
  c->add_option("--threads", pt.threads, "0: one per core; the result does not depend on it")
      ->check(CLI::Range(0, 1024));
  c->add_option("--limit", pt.limit, "only the first N pictures of the keyed order; 0: all")
      ->check(CLI::Range(0, 1 << 30));
  c->add_option("--save-every", pt.save_every, "steps between checkpoints; 0: one an epoch")
      ->check(CLI::Range(0, 1 << 30));
  c->add_option("--log-every", pt.log_every, "steps between lines of metrics.jsonl; 0: twenty an epoch")
      ->check(CLI::Range(0, 1 << 30));
  c->add_flag("--stop-on-collapse", pt.stop_on_collapse, "end with code 5 when the embeddings shrink to a point");
  c->add_flag("--quiet", pt.quiet, "no progress");
  c->add_flag("--json", pt.json, "progress as one JSON object a line on stdout");
  for (auto* option : c->get_options())
    if (std::string methods = cli::takers(option->get_name(false, false).substr(2)); !methods.empty())
      option->description(methods + ": " + option->get_description());
}

std::vector<std::string> given_options(const CLI::App* c) {
  std::vector<std::string> given;
  for (auto* option : c->get_options())
    if (option->count() > 0 && !option->get_lnames().empty()) given.push_back(option->get_lnames()[0]);
  return given;
}

int out_of_memory() {
  std::fprintf(stderr,
               "nacre: out of memory; use a smaller --batch, --width, --image-size, --negatives or --limit; simclr and "
               "supcon: --chunk\n");
  return 7;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is reported like a full disk
  limit_memory();
  std::setvbuf(stdout, nullptr, _IOLBF, 0);

  CLI::App app{"contrastive learning from pictures, on the CPU", "nacre"};
  app.set_version_flag("--version", std::string("nacre ") + nacre::version);
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);

  cli::Pretrain pt;
  auto* c = app.add_subcommand("pretrain", "train an encoder without labels");
  c->add_option("--method", pt.method, "what is learnt")->check(CLI::IsMember(cli::method_names()));
  c->add_option("--out", pt.out, "directory of the run")->required();
  c->add_flag("--resume", pt.resume, "continue the run in --out from its newest valid checkpoint");
  add_training_options(c, pt);
  c->callback([&, c] {
    pt.given = given_options(c);
    cli::pretrain(pt);
  });

  cli::Experiment ex;
  c = app.add_subcommand("experiment", "many runs under one protocol and one table; the same command continues it");
  c->add_option("WHAT", ex.what,
                "layers: probes at every stage, method by method; invariance: what a shuffle moves; pairs: "
                "methods at equal compute; lambda, negatives, permutations: sweeps")
      ->required()
      ->check(CLI::IsMember({"layers", "invariance", "pairs", "lambda", "negatives", "permutations"}));
  c->add_option("--out", ex.out, "directory of the runs, of table.md and report.html")->required();
  c->add_option("--methods", ex.methods,
                "comma-separated; layers: instead of " + cli::usual("layers") + "; invariance: of " +
                    cli::usual("invariance") + "; pairs: of " + cli::usual("pairs"))
      ->delimiter(',')
      ->check(CLI::IsMember(cli::method_names()))
      ->default_str("");
  c->add_option("--values", ex.values,
                "comma-separated; lambda: instead of " + cli::usual("lambda") + "; negatives: of " +
                    cli::usual("negatives") + "; permutations: of " + cli::usual("permutations"))
      ->delimiter(',')
      ->default_str("");
  c->add_option("--seeds", ex.seeds, "runs of each, of seeds --seed, --seed + 1, ...")->check(CLI::Range(1, 1000));
  c->add_option("--probe-epochs", ex.probe_epochs, "of the linear probes")->check(CLI::Range(1, 10000));
  c->add_option("--probe-limit", ex.probe_limit, "labelled pictures of the probes at most; 0: all")
      ->check(CLI::Range(0, 1 << 30));
  add_training_options(c, ex.training);
  c->callback([&, c] {
    ex.training.given = given_options(c);
    cli::experiment(ex);
  });

  cli::Probe pr;
  c = app.add_subcommand(
      "probe", "measure a frozen encoder: weighted kNN and linear probes, beside pixels and an untrained encoder");
  c->add_option("--run", pr.run, "directory of the run")->required();
  c->add_option("--data", pr.data, "labelled data; default: that of the run");
  c->add_option("--layers", pr.layers, "which stages get a linear probe")->check(CLI::IsMember({"last", "all"}));
  c->add_option("--json", pr.json, "write the result here as well (RUN/probe.json is always written)");
  c->add_option("--epochs", pr.epochs, "of the linear probe")->check(CLI::Range(1, 10000));
  c->add_option("--limit", pr.limit, "labelled training pictures at most; 0: all")->check(CLI::Range(0, 1 << 30));
  c->add_option("--batch", pr.batch, "pictures encoded at once")->check(CLI::Range(1, 1 << 20));
  c->add_option("--threads", pr.threads, "0: one per core")->check(CLI::Range(0, 1024));
  c->add_flag("--quiet", pr.quiet, "print nothing");
  c->callback([&] { cli::probe(pr); });

  cli::Embed em;
  c = app.add_subcommand("embed", "one row of features per picture, to a .npy file");
  auto* run = c->add_option("--run", em.run, "directory of a run");
  auto* weights = c->add_option("--weights", em.weights, "a .safetensors file with torchvision's names");
  run->excludes(weights);
  c->add_option("--model", em.model, "with --weights: resnet18, resnet34 or resnet50; default: as the file says")
      ->check(CLI::IsMember({"resnet18", "resnet34", "resnet50"}));
  c->add_option("--stem", em.stem, "with --weights: cifar or imagenet; default: as the file says")
      ->check(CLI::IsMember({"cifar", "imagenet"}));
  c->add_option("--width", em.width, "with --weights: channels of the first stage; 0: as the file says")
      ->check(CLI::Range(0, 4096));
  c->add_option("--image-size", em.image_size,
                "side in pixels; pictures of that size are not resampled; 0: the run's, else 224")
      ->check(CLI::Range(0, 4096));
  c->add_option("--mean", em.mean, "r,g,b; default: the run's or the file's, else ImageNet's");
  c->add_option("--std", em.std, "r,g,b; default: the run's or the file's, else ImageNet's");
  c->add_option("--layer", em.layer, "which output")
      ->check(CLI::IsMember({"stem", "layer1", "layer2", "layer3", "layer4", "pool"}));
  c->add_option("--data", em.data, "pictures, as for pretrain")->required();
  c->add_option("--split", em.split, "train, test, unlabeled, or all of them in that order")
      ->check(CLI::IsMember({"train", "test", "unlabeled", "all"}));
  c->add_option("--out", em.out, "the .npy file: float32, one row a picture")->required();
  c->add_option("--batch", em.batch, "pictures encoded at once; a row does not depend on it")
      ->check(CLI::Range(1, 1 << 20));
  c->add_flag("--exact-conv", em.exact_conv, about_exact_conv);
  c->add_option("--threads", em.threads, "0: one per core")->check(CLI::Range(0, 1024));
  c->callback([&] { cli::embed(em); });

  cli::Report rp;
  c = app.add_subcommand("report", "one page with curves, probes and pictures");
  c->add_option("RUN", rp.runs, "directories of runs")->required()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  c->add_option("--out", rp.out, "the .html file; default, for one run: RUN/report.html");
  c->callback([&] { cli::report(rp); });

  cli::Preview pv;
  c = app.add_subcommand("preview", "what the views and patches look like");
  c->add_option("--method", pv.method, "whose views")->check(CLI::IsMember(cli::method_names()));
  c->add_option("--data", pv.data, "as for pretrain")->required();
  c->add_option("--out", pv.out, "the .png file")->required();
  c->add_option("--count", pv.count, "pictures")->check(CLI::Range(1, 1000));
  c->add_option("--augment", pv.augment, "default, no-hue or gentle")
      ->check(CLI::IsMember({"default", "no-hue", "gentle"}));
  c->add_option("--image-size", pv.image_size, "side in pixels; 0: as pretrain chooses")->check(CLI::Range(0, 4096));
  c->add_option("--seed", pv.seed, "names every random number");
  c->callback([&] { cli::preview(pv); });

  cli::Inspect in;
  c = app.add_subcommand("inspect", "the tensors of a .safetensors or .npy file");
  c->add_option("FILE", in.file)->required();
  c->callback([&] { cli::inspect(in); });

  app.add_subcommand("doctor", "instruction set, threads, versions, and what is promised")->callback([] {
    cli::doctor();
  });

  std::string config;  // read by words()
  for (auto* sub : app.get_subcommands({})) {
    sub->set_version_flag("--version", app.version());
    sub->add_option("--config", config, "read options from this file, NAME = VALUE a line; the command line wins");
  }

  try {
    std::vector<std::string> given = words(argc, argv, app);
    app.parse(std::vector<std::string>(given.rbegin(), given.rend()));
  } catch (const CLI::Success& e) {
    return app.exit(e);  // --help, --version
  } catch (const CLI::ParseError& e) {
    return usage(app, e.what());
  } catch (const nacre::Error& e) {
    std::fprintf(stderr, "nacre: %s\n", e.what());
    return nacre::exit_code(e);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::system_error& e) {  // a thread that could not be started
    if (e.code() == std::errc::resource_unavailable_try_again) return out_of_memory();
    std::fprintf(stderr, "nacre: %s\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "nacre: %s\n", e.what());
    return 2;
  }
  if (std::fflush(stdout) != 0) return 6;
  int signal = cli::interrupted();
  return signal ? 128 + signal : 0;
}
