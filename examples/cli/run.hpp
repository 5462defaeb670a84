// A run directory: config.json, env.json, metrics.jsonl, checkpoints, encoder, probe and page.
#pragma once

#include "options.hpp"

#include <nacre/data/augment.hpp>
#include <nacre/data/loader.hpp>
#include <nacre/data/open.hpp>
#include <nacre/io/json.hpp>
#include <nacre/models/resnet.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace cli {

namespace nc = nacre;

// Everything a run is made from: the options as resolved, and what was read off the data.
struct Config : Pretrain {
  std::string fingerprint;  // of the pictures trained on
  nc::data::Normalization normalization;
  nc::i64 channels = 3;
  nc::i64 pictures = 0;
  double expected_loss = 0;  // of the method; 0: not known
};

// One list of the options that make the result; writing, reading and comparing go through it.
void each_option(auto& o, auto&& f) {
  f("method", o.method), f("data", o.data), f("model", o.model), f("stem", o.stem), f("width", o.width);
  f("image-size", o.image_size), f("epochs", o.epochs), f("batch", o.batch), f("lr", o.lr),
      f("weight-decay", o.weight_decay);
  f("momentum", o.momentum), f("optimizer", o.optimizer), f("warmup-epochs", o.warmup_epochs);
  f("temperature", o.temperature), f("negatives", o.negatives), f("shared-negatives", o.shared_negatives);
  f("include-self", o.include_self), f("bank-momentum", o.bank_momentum), f("bank-init", o.bank_init);
  f("lambda", o.lambda), f("loss", o.loss), f("head", o.head), f("dim", o.dim), f("augment", o.augment);
  f("mean", o.mean), f("std", o.std), f("seed", o.seed), f("limit", o.limit);
  f("exact-conv", o.exact_conv);
  f("save-every", o.save_every), f("log-every", o.log_every);
  f("split", o.split), f("norm", o.norm), f("pretext", o.pretext);
  f("permutations", o.permutations), f("spread", o.spread);
  f("encoder-momentum", o.encoder_momentum), f("groups", o.groups), f("chunk", o.chunk);
  f("mochi", o.mochi), f("hardest", o.hardest), f("semi-hard", o.semi_hard), f("ring", o.ring);
  f("beta", o.beta), f("tau-plus", o.tau_plus), f("decay-all", o.decay_all);
}
// Options that older runs do not name: they had the values that stand in Pretrain.
inline bool came_later(std::string_view name) {
  for (std::string_view later : {"split", "pretext", "permutations", "spread", "norm", "encoder-momentum", "groups",
                                 "chunk", "mochi", "hardest", "semi-hard", "ring", "beta", "tau-plus", "decay-all"})
    if (name == later) return true;
  return false;
}

std::string file_in(const std::string& run, const char* name);  // "RUN/name"
bool exists(const std::string& path);
// DataError of the command where `path` is no file: what it is, and what to do.
void check_file(const char* command, const std::string& path, const char* remedy);
void make_directory(const std::string& path);  // with its parents; WriteError
bool saved(const std::string& run);  // a checkpoint or an encoder lies there; without, there is nothing to continue
void check_free(const std::string& run);  // Error where files of a run's names lie in a directory that holds none

void write_config(const std::string& run, const Config& config);
Config read_config(const std::string& run);  // DataError where RUN holds no run
void write_env(const std::string& run);      // env.json: version, machine, command
// f(line, its text) for each line of a metrics.jsonl that is whole: a full disk tears some.
void each_metrics_line(const std::string& path,
                       const std::function<void(const nc::io::json::Value&, std::string_view)>& f);
// metrics.jsonl after a resume: what was logged beyond the checkpoint will be logged again, torn lines go.
void cut_metrics(const std::string& path, nc::i64 steps_done);

// "r,g,b" or one number for all channels. Error names the option.
void parse_channels(const std::string& text, const char* option, std::array<float, 3>& into);

nc::i64 depth_of(const std::string& model);
nc::models::ResNetOptions encoder_options(const Config& config);
nc::data::Augment augment_options(const std::string& name);  // default, gentle

// The data of a SPEC. Warns on stderr about files that could not be read: at once of those known when it is opened, at
// the end of those met since.
struct Data : nc::data::DataSplits {
  explicit Data(const std::string& spec);
  ~Data();
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;
};
// Chooses --image-size 0: the pictures' own size up to 96, at least 32; larger or mixed sizes are seen at 224.
nc::i64 choose_image_size(const nc::data::Images& images);

// The pictures the run of this config trains on, in their fixed order.
nc::data::Images training_images(const nc::data::DataSplits& data, const Config& config);

// Pictures [begin, end) of `images` without augmentation, as the probe sees them.
inline auto evaluation_pictures(const nc::data::Images& images, const Config& config) {
  return [&](nc::i64 begin, nc::i64 end) {
    return nc::data::evaluation_batch(images, begin, end, config.image_size, config.normalization);
  };
}

// One picture a row: as it is, then the views and patches the method learns from; [H, W, 3].
nc::Tensor<nc::u8> sheet_of_views(const nc::data::Images& images, const Config& config, nc::i64 count, nc::Key key);

}  // namespace cli
