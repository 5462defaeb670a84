// What the program can be asked to do, as plain values: filled by main.cpp, used by one function a command.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cli {

struct Pretrain {
  std::string method = "pirl", data, out;
  std::string model = "resnet18", stem = "cifar", optimizer = "sgd", loss = "info_nce", head = "linear";
  std::string bank_init = "encode", augment = "default", mean, std, pretext = "jigsaw", spread = "max_min";
  std::string norm = "batch", split = "auto";
  std::int64_t width = 64, image_size = 0, epochs = 100, batch = 128, negatives = 4096, dim = 128, limit = 0;
  std::int64_t save_every = 0, log_every = 0, seed = 1;
  int threads = 0;
  double lr = 0.06, weight_decay = 5e-4, momentum = 0.9, warmup_epochs = 0;
  double temperature = 0.1, bank_momentum = 0.5, lambda = 0.5, encoder_momentum = 0.99;
  double semi_hard = 0, ring = 0, beta = 0, tau_plus = 0;
  std::int64_t permutations = 100, groups = 8, hardest = 0, chunk = 0;
  bool mochi = false, shared_negatives = false, include_self = false, exact_conv = false, decay_all = false;
  bool resume = false, quiet = false, json = false, stop_on_collapse = false;
  std::vector<std::string> given;  // names of the options that stood on the command line or in the config file

  bool is_given(const std::string& name) const {
    for (const auto& g : given)
      if (g == name) return true;
    return false;
  }
};

struct Probe {
  std::string run, data, layers = "all", json;
  std::string baselines;  // a probe.json whose untrained network and pixels are these, too; empty: measure them
  std::int64_t batch = 256, epochs = 20, limit = 20000;
  int threads = 0;
  bool quiet = false;
};

struct Experiment {
  std::string what, out;
  Pretrain training;
  std::vector<std::string> methods;  // empty: the usual ones of the experiment
  std::vector<double> values;        // of a sweep; empty: the usual ones
  std::int64_t seeds = 1, probe_epochs = 20, probe_limit = 20000;
};

struct Embed {
  std::string run, weights, model, stem, data, out, layer = "pool", mean, std, split = "all";
  std::int64_t width = 0, image_size = 0, batch = 256;
  int threads = 0;
  bool exact_conv = false;
};

struct Report {
  std::vector<std::string> runs;
  std::string out;
};

struct Preview {
  std::string method = "pirl", data, out, augment = "default";
  std::int64_t count = 8, image_size = 0, seed = 1;
};

struct Inspect {
  std::string file;
};

const std::vector<std::string>& method_names();
std::string takers(const std::string& option);  // "pirl, npid, cmc": the methods it is for; empty: every training

void pretrain(const Pretrain& options);
void check_same_options(const Pretrain& asked);  // of a run that exists; Error where they differ
void probe(const Probe& options);
std::string usual(const std::string& what);  // that an experiment compares where nothing else is asked: "jigsaw,pirl"
void experiment(const Experiment& options);
int interrupted();  // the signal that ended a training, or 0
void embed(const Embed& options);
void report(const Report& options);
void preview(const Preview& options);
void inspect(const Inspect& options);
void doctor();

}  // namespace cli
