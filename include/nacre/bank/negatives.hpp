// Which rows of a memory bank are the negatives of each sample: uniform draws with replacement.
//
//   per sample  index [B, K]   a fresh draw for each sample (the paper's)
//   shared      index [K]      one draw for the batch: one matrix product instead of a gather
//
// A sample's own row is left out: per-sample draws range over N - 1 rows and step over the own one; in a shared
// draw the loss masks it. `exclude_self = false` matches VISSL, which keeps it. A sample's draws are ordered by the
// 64th part of the bank that they fall into: samples that walk through it side by side share the cache.
// Every draw is a pure function of the key. Tested in tests/bank/memory_bank.cpp.
#pragma once

#include <nacre/core/random.hpp>
#include <nacre/core/tensor.hpp>

namespace nacre {

struct NegativesOptions {
  i64 count = 4096;          // K
  bool shared = false;       // one set for the whole batch
  bool exclude_self = true;
};

// own [B]: the batch's rows in a bank of n. Throws nacre::Error unless 1 <= K <= n - 1.
NACRE_INLINE Tensor<i64> draw_negatives(const Tensor<i64>& own, i64 n, NegativesOptions o, Key key);

}  // namespace nacre

#if NACRE_DEFINITIONS
#include <nacre/bank/negatives_impl.hpp>
#endif
