// Random numbers as a pure function of named keys: Philox4x32-10, host and device, bit for bit.
//
//   Key k = Key{seed}.fold("augment").fold(epoch).fold(sample).fold(view);
//   Random r(k);  float u = r.uniform();          // sequential draws, or k.bits(i) at any position
//
// Nothing has hidden state, so the loader, resuming and any thread count give the same bits. The standard
// distributions differ between standard libraries and are never used.
// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011. Tested in tests/core/random.cpp.
#pragma once

#include <nacre/core/config.hpp>

#include <cmath>
#include <string_view>

namespace nacre {

struct Bits128 {
  u32 v[4];
};

NACRE_HD inline Bits128 philox(u64 key, Bits128 counter) {
  u32 k0 = static_cast<u32>(key), k1 = static_cast<u32>(key >> 32);
  Bits128 c = counter;
  for (int round = 0; round < 10; ++round) {
    u64 p0 = u64{0xD2511F53u} * c.v[0], p1 = u64{0xCD9E8D57u} * c.v[2];
    c = {{static_cast<u32>(p1 >> 32) ^ c.v[1] ^ k0, static_cast<u32>(p1), static_cast<u32>(p0 >> 32) ^ c.v[3] ^ k1,
          static_cast<u32>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

struct Key {
  u64 seed = 0;

  // Four words at position i. Word 3 of the counter keeps draws and folds apart.
  NACRE_HD Bits128 bits(u64 i) const { return philox(seed, {{static_cast<u32>(i), static_cast<u32>(i >> 32), 0, 0}}); }
  NACRE_HD u32 word(u64 i) const { return bits(i >> 2).v[i & 3]; }

  NACRE_HD Key fold(u64 n) const {
    Bits128 b = philox(seed, {{static_cast<u32>(n), static_cast<u32>(n >> 32), 0, 1}});
    return {(u64{b.v[1]} << 32) | b.v[0]};
  }
  Key fold(std::string_view name) const {
    u64 h = 0xcbf29ce484222325u;  // FNV-1a
    for (char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    Bits128 b = philox(seed, {{static_cast<u32>(h), static_cast<u32>(h >> 32), 0, 2}});
    return {(u64{b.v[1]} << 32) | b.v[0]};
  }
};

// Draws from a key in sequence; copying it copies the position.
class Random {
 public:
  NACRE_HD explicit Random(Key key) : key_(key) {}

  NACRE_HD u32 word() {  // key.word(0), key.word(1), ..
    if ((next_ & 3) == 0) block_ = key_.bits(next_ >> 2);
    return block_.v[next_++ & 3];
  }
  NACRE_HD float uniform() { return static_cast<float>(word() >> 8) * 0x1p-24f; }  // [0, 1)
  NACRE_HD float uniform(float lo, float hi) { return lo + (hi - lo) * uniform(); }
  NACRE_HD bool chance(float p) { return uniform() < p; }
  NACRE_HD u32 below(u32 n) { return static_cast<u32>((u64{word()} * n) >> 32); }  // 0 .. n-1, bias below n / 2^32
  float normal() {                                                                 // Box-Muller
    float u = (static_cast<float>(word() >> 8) + 1) * 0x1p-24f, v = uniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586f * v);
  }

 private:
  Key key_;
  u64 next_ = 0;
  Bits128 block_{};  // the words around next_
};

// Where element i of 0 .. n-1 goes in the permutation named by the key, without building it: a four-round
// Feistel network over the next even power of two (at least 256: with shorter halves it is not uniform), walked
// until it falls inside.
NACRE_HD inline u64 permute(Key key, u64 i, u64 n) {
  int half = 4;
  while ((u64{1} << (2 * half)) < n) ++half;
  u64 mask = (u64{1} << half) - 1;
  do {
    u64 l = i >> half, r = i & mask;
    for (u32 round = 0; round < 4; ++round) {
      u64 f = philox(key.seed, {{static_cast<u32>(r), static_cast<u32>(r >> 32), round, 3}}).v[0] & mask;
      u64 t = l ^ f;
      l = r;
      r = t;
    }
    i = (l << half) | r;
  } while (i >= n);
  return i;
}

// Fisher-Yates shuffle of a[0 .. n-1].
template <class T>
void shuffle(T* a, u32 n, Random& random) {
  for (u32 i = n; i > 1; --i) {
    u32 j = random.below(i);
    T t = a[i - 1];
    a[i - 1] = a[j];
    a[j] = t;
  }
}

}  // namespace nacre
