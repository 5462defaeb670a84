// What the loss of a run asks, and the values it is to be compared with.
#pragma once

#include "methods.hpp"

#include <nacre/losses/nce.hpp>

#include <cmath>

namespace cli {

inline std::string task_of(const Config& c) {
  const std::string made = c.pretext == "rotation" ? "turned"
                           : c.pretext == "jigsaw" ? "shuffled"
                                                   : "turned and shuffled";
  const std::pair<const char*, std::string> tasks[] = {
      {"pirl", "find a picture's own memory among those of others, from the picture and from a " + made + " one"},
      {"npid", "find a picture's own memory among those of others"},
      {"jigsaw", "name the order into which nine patches were shuffled"},
      {"rotnet", "name by how many quarter turns a picture was rotated"},
      {"simclr", "find a picture's other view among all views of the batch"},
      {"moco", "find a picture's other view among a queue of views of others"},
      {"moco-v2", "find a picture's other view among a queue of views of others"},
      {"moco-v3", "find a picture's other view among the other views of the batch"},
      {"cpc", "find the patches further down in a picture among those of the batch, from the patches above"},
      {"cmc", "find the memory of a picture's colours by its lightness, and of its lightness by its colours"},
      {"supcon", "find the views of a picture's class among all views of the batch"},
      {"supervised", "name the class"},
  };
  const std::string asked = c.method == "pirl" && c.lambda == 0 ? "npid" : c.method;
  for (const auto& [method, task] : tasks)
    if (asked == method) return "The task of " + c.method + ": " + task + ".";
  return "";
}

// Batches are drawn without replacement, so late in an epoch the own row has yet to be renewed, and the others were.
inline std::string note_of(const Config& c) {
  return has_bank(c) ? "With a memory bank, spread, alignment and uniformity jump where an epoch begins: towards its "
                       "end a picture's own row is older than nearly all others, and the embeddings lean to what old "
                       "rows share."
                     : "";
}

// Of an encoder that tells nothing apart; 0: not known.
inline double uninformed_loss(const Config& c) {
  if (!has_bank(c)) return c.expected_loss;
  if (!all_negatives(c) || c.loss == "nce_constant") return 0;
  double k = static_cast<double>(c.negatives), second = c.loss == "nce_paper" ? k * std::log1p(1 / k) : 0;
  return std::log(k + 1) + second;
}

// At the start, where it is known: from a bank of random rows. One that the encoder has filled starts lower.
inline double initial_loss(const Config& c) {
  return has_bank(c) && all_negatives(c) && c.bank_init == "random" ? untrained_loss(c) : 0;
}

// Of the rows that the monitors see: embeddings, or features where a method has no embedding.
inline nc::i64 monitored_dim(const Config& c) {
  for (const char* method : {"jigsaw", "rotnet", "cpc", "supervised"})
    if (c.method == method) return nc::models::ResNet<float>(encoder_options(c), nc::Key{}).features();
  return c.dim;
}

}  // namespace cli
