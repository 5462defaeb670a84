// Definitions of eval/knn.hpp.
#pragma once

#include <nacre/eval/knn.hpp>

namespace nacre::eval {

NACRE_INLINE i64 class_count(const Tensor<i64>& labels, i64 n, std::string_view op) {
  check<DataError>(labels.size() == n, op, [&] {
    return std::to_string(n) + " rows of features, " + std::to_string(labels.size()) + " labels; need one label a row";
  });
  i64 classes = 0;
  for (i64 i = 0; i < n; ++i) {
    check<DataError>(labels[i] >= 0 && labels[i] < (i64{1} << 24), op, [&] {
      return "label " + std::to_string(labels[i]) + " of row " + std::to_string(i) + " is not in 0 .. 2^24 - 1";
    });
    classes = std::max(classes, labels[i] + 1);
  }
  return classes;
}

}  // namespace nacre::eval
