// The methods of `nacre pretrain --method`: one table of names, defaults, views and constructors.
#pragma once

#include "encoder.hpp"
#include "run.hpp"

#include <nacre/methods/method.hpp>

#include <functional>

namespace cli {

// Pictures [begin, end) of a set, unaugmented.
using Pictures = std::function<nc::Tensor<float>(nc::i64, nc::i64)>;

struct Learner {
  nc::methods::AnyMethod method;
  std::function<Encoder(const nc::methods::AnyMethod&)> encoder;  // a copy of what it trains
  // Before the first step: fills a memory bank by the untrained encoder; may be empty.
  std::function<void(nc::methods::AnyMethod&, const Pictures&)> start;
  // What its own head says of nine patches [B, 9, P, P, C], by batch statistics: rows [B, d]; may be empty.
  std::function<nc::Tensor<float>(nc::methods::AnyMethod&, const nc::Tensor<float>&)> patch_head;
  // And of pictures [B, S, S, C], in the same space.
  std::function<nc::Tensor<float>(nc::methods::AnyMethod&, const nc::Tensor<float>&)> picture_head;
};

// Options that were not given take the method's own values.
void take_defaults(Config& config);
// Of whole size, that an encoder sees forward and backward for one sample; a pass without gradient counts a third.
double pictures_a_sample(const Config& config);
bool needs_labels(const Config& config);  // trains on the classes
bool trains_pair(const Config& config);  // of encoders, not one ResNet
Encoder untrained_encoder(const Config& config);  // the weights a run begins with
bool has_bank(const Config& config);  // pushes from rows of a memory bank
bool has_queue(const Config& config);  // or from a queue of keys
bool all_negatives(const Config& config);  // none is chosen or weighed
double untrained_loss(const Config& config);  // where it has one: of an untrained encoder against random rows
// The options that were given and mean nothing to the method.
std::vector<std::string> idle_options(const Pretrain& options);
[[noreturn]] void refuse_option(const std::string& option, const std::string& where);  // names the methods it is for
// Error where the method cannot make its views of the pictures.
void check_views(const Config& config, const nc::data::Images& images);
// Error where the method and the pictures do not go together.
void check_method(const Config& config, const nc::data::Images& images);
std::string source_of(const Config& config, const nc::data::Images& images);  // "DATA", or what --limit leaves of it

Learner make_learner(const Config& config, const nc::data::Images& images, nc::Key key);
nc::Loader make_loader(const nc::data::Images& images, const Config& config, nc::LoaderOptions options, nc::Key key);

}  // namespace cli
