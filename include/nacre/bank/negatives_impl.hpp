// Definitions of bank/negatives.hpp.
#pragma once

#include <nacre/backend/cpu/similarity.hpp>
#include <nacre/bank/negatives.hpp>
#include <nacre/core/parallel.hpp>

namespace nacre {

NACRE_INLINE Tensor<i64> draw_negatives(const Tensor<i64>& own, i64 n, NegativesOptions o, Key key) {
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
  i64 blocks = (k + 3) / 4;
  parallel_for(b, 1, [&](i64 s, i64) {
    Tensor<u32> drawn({4 * blocks});
    u32* word = drawn.data();
    Key stream = key.fold(static_cast<u64>(s));
    backend::simd::run([=] {
      for (i64 j = 0; j < blocks; ++j) {
        Bits128 bits = stream.bits(static_cast<u64>(j));
        for (i64 q = 0; q < 4; ++q) word[4 * j + q] = bits.v[q];
      }
    });
    constexpr u32 part = u32(-1) / backend::bank_parts + 1;
    i64 end[backend::bank_parts + 1] = {};  // of the draws in each part; at first how many are in the one before
    for (i64 j = 0; j < k; ++j) ++end[word[j] / part + 1];
    for (i64 p = 0; p < backend::bank_parts; ++p) end[p + 1] += end[p];
    i64* row = index.data() + s * k;
    u64 range = static_cast<u64>(o.exclude_self ? n - 1 : n);
    for (i64 j = 0; j < k; ++j) {
      i64 r = static_cast<i64>((word[j] * range) >> 32);
      row[end[word[j] / part]++] = r + (o.exclude_self && r >= own[s]);
    }
  });
  return index;
}

}  // namespace nacre
