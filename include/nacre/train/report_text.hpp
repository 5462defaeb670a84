// What the report says of each metric, and the value of random directions to compare one with.
// Tested in tests/train/report.cpp.
#pragma once

#include <nacre/core/config.hpp>

#include <cmath>

namespace nacre::train::detail {

struct MetricText {
  const char *name, *title, *about;
};
inline constexpr MetricText metric_texts[] = {
    {"loss", "Loss",
     "Healthy: falls, fast at first, then slowly. Flat at a dashed line, where one is drawn: nothing is told apart, "
     "nothing is learnt."},
    {"std", "Spread",
     "Standard deviation of the unit embeddings, per dimension. Healthy: near 1/√d, 0.09 for 128 "
     "dimensions. Sinking to 0 is collapse: every picture gets the same embedding."},
    {"alignment", "Alignment",
     "Squared distance between the embeddings of a picture and of its other view. Healthy: well below 2, the distance "
     "of two random directions, while uniformity stays low."},
    {"uniformity", "Uniformity",
     "How evenly the embeddings cover the sphere; lower is more even. Healthy: approaches that of random directions, "
     "a little above -4 in many dimensions. 0 is collapse."},
    {"effective_rank", "Effective rank",
     "How many directions the embeddings really use. Healthy: grows to a good part of the dimensions. 1 means that all "
     "lie on one line."},
    {"lr", "Learning rate",
     "The length of a step: warm-up, then a cosine down to 0. Nothing to judge; it explains bends in the other "
     "curves."},
    {"samples_per_s", "Speed",
     "Pictures a second, since the point before. Dips mean that something else wanted the processor or the disk."},
};

// log E exp(-2 |u - v|^2) of random directions in d dimensions: -4 + log 0F1(; d/2; 4)
inline double random_uniformity(i64 d) {
  double term = 1, sum = 1;
  for (int k = 1; k < 40; ++k) sum += term *= 4 / (k * (static_cast<double>(d) / 2 + k - 1));
  return -4 + std::log(sum);
}

}  // namespace nacre::train::detail
