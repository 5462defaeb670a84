// An experiment's runs, what each learnt, and the table and page of them.
#pragma once

#include "methods.hpp"

#include <nacre/eval/invariance.hpp>

#include <optional>

namespace cli {

inline constexpr nc::i64 invariance_pictures = 600;  // of the test split, shuffled to see what that moves

struct Cell {
  std::string name;
  Pretrain options;
};

struct Result {  // of one run
  Config config;
  std::string network;  // which untrained one it began as
  double knn = 0, minutes = 0;
  std::vector<std::pair<std::string, double>> linear;     // stages
  std::vector<std::pair<std::string, double>> untrained;  // the same network before training
  double untrained_knn = 0, pixels_knn = 0;
  nc::eval::Invariance linear_head;                        // picture against patches
  std::optional<nc::eval::Invariance> own, own_untrained;  // patches in place against shuffled; where it has a head
  std::optional<nc::eval::Invariance> both_heads;          // picture against shuffled patches; where it has two
};

struct Outcome {
  std::string table, page;  // Markdown, HTML
};
Outcome outcome_of(const Experiment& o, const std::vector<Cell>& cells,
                   const std::vector<std::vector<Result>>& results);  // of [cell][seed]

}  // namespace cli
