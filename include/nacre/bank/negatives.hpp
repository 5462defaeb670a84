// Which rows of a memory bank are the negatives of each sample: uniform draws with replacement.
//
//   per sample  index [B, K]   a fresh draw for each sample (the paper's)
//   shared      index [K]      one draw for the batch: one matrix product instead of a gather
//
// A sample's own row is left out: per-sample draws range over N - 1 rows and step over the own one; in a shared
// draw the loss masks it. `exclude_self = false` matches VISSL, which keeps it.
// Every draw is a pure function of the key. Tested in tests/bank/memory_bank.cpp.
#pragma once

#include <nacre/core/parallel.hpp>
#include <nacre/core/random.hpp>
#include <nacre/core/tensor.hpp>

namespace nacre {

struct NegativesOptions {
  i64 count = 4096;          // K
  bool shared = false;       // one set for the whole batch
  bool exclude_self = true;
};

// own [B]: the batch's rows in a bank of n. Throws nacre::Error unless 1 <= K <= n - 1.
inline Tensor<i64> draw_negatives(const Tensor<i64>& own, i64 n, NegativesOptions o, Key key) {
  check(o.count >= 1 && o.count < n, "negatives", [&] {
    return std::to_string(o.count) + " negatives from a bank of " + std::to_string(n) +
           " rows; need at least 1 and at most the number of other rows (" + std::to_string(n - 1) + ")";
  });
  i64 b = own.size(), k = o.count;
  if (o.shared) {
    Tensor<i64> index({k});
    Random random(key);
    for (i64& i : index.span()) i = random.below(static_cast<u32>(n));
    return index;
  }
  Tensor<i64> index({b, k});
  parallel_for(b, 1, [&](i64 begin, i64 end) {
    for (i64 s = begin; s < end; ++s) {
      Key stream = key.fold(static_cast<u64>(s));
      u32 range = static_cast<u32>(o.exclude_self ? n - 1 : n);
      i64* row = index.data() + s * k;
      for (i64 j = 0; j < k; j += 4) {
        Bits128 bits = stream.bits(static_cast<u64>(j / 4));
        for (i64 q = 0; q < 4 && j + q < k; ++q) {
          i64 r = static_cast<i64>((u64{bits.v[q]} * range) >> 32);
          row[j + q] = r + (o.exclude_self && r >= own[s]);
        }
      }
    }
  });
  return index;
}

}  // namespace nacre
