// Definitions of core/pool.hpp.
#pragma once

#include <nacre/core/pool.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include <sys/mman.h>
#include <sys/resource.h>

namespace nacre::pool::detail {

inline constexpr std::size_t page = 4096, huge_page = std::size_t{2} << 20, growth = std::size_t{32} << 20;
inline constexpr std::size_t small = std::size_t{1} << 20;  // the largest block that comes from a list

// Classes 64, 128, ... 512, then eight steps to each doubling.
inline int size_class(std::size_t bytes) {
  if (bytes <= 512) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / 64);
  int log2 = std::bit_width(bytes - 1) - 1;  // bytes in (2^log2, 2^(log2+1)]
  return 8 * (log2 - 8) + static_cast<int>((bytes - 1) >> (log2 - 3)) - 8;
}
inline std::size_t class_bytes(int c) {
  if (c < 8) return static_cast<std::size_t>(c + 1) * 64;
  return static_cast<std::size_t>(c % 8 + 9) << (c / 8 + 5);
}
inline std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }
inline std::size_t block_bytes(std::size_t bytes) {
  return bytes <= small ? class_bytes(size_class(bytes)) : round_up(bytes, page);
}

struct State {
  std::mutex lock;
  void* free_list[128] = {};               // newest small block of each class; it begins with the address of the next
  std::map<char*, std::size_t> free_runs;  // of pages, no two of them adjacent
  char *end = nullptr, *limit = nullptr;   // pages are in use up to `end`, addresses are reserved up to `limit`
  char* cursor = nullptr;                  // what is left of the newest run for small blocks
  std::size_t left = 0;
  PoolStats stats;
};
inline State& state() {
  static State* s = new State;  // never destroyed: tensors of static lifetime may outlive any order
  return *s;
}

// Addresses cost nothing until they may be written; where they are limited, no more are taken than are needed.
inline void reserve(State& s, std::size_t least) {
  rlimit addresses{};
  const bool limited = getrlimit(RLIMIT_AS, &addresses) != 0 || addresses.rlim_cur != RLIM_INFINITY;
  const std::size_t bytes = std::max(limited ? std::size_t{0} : std::size_t{1} << 40, least + huge_page);
  void* p = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  s.limit = static_cast<char*>(p) + bytes;
  s.end = reinterpret_cast<char*>(round_up(reinterpret_cast<std::uintptr_t>(p), huge_page));
}

inline void release_run(State& s, char* run, std::size_t bytes) {
  auto next = s.free_runs.lower_bound(run);
  if (next != s.free_runs.end() && run + bytes == next->first) {
    bytes += next->second;
    next = s.free_runs.erase(next);
  }
  if (next != s.free_runs.begin()) {
    auto before = std::prev(next);
    if (before->first + before->second == run) {
      before->second += bytes;
      return;
    }
  }
  s.free_runs.emplace(run, bytes);
}

// Touches new pages behind those in use, so that a run of `bytes` is free at the end.
inline void grow(State& s, std::size_t bytes) {
  if (static_cast<std::size_t>(s.limit - s.end) < bytes + growth) reserve(s, bytes + growth);
  std::size_t there = 0;
  if (auto last = s.free_runs.lower_bound(s.end); last != s.free_runs.begin()) {
    --last;
    if (last->first + last->second == s.end) there = last->second;
  }
  std::size_t more = round_up(bytes - there, growth);
  if (mprotect(s.end, more, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  madvise(s.end, more, MADV_HUGEPAGE);
  for (std::size_t i = 0; i < more; i += page) s.end[i] = 0;
  ++s.stats.system_allocations;
  s.stats.bytes_reserved += more;
  char* run = std::exchange(s.end, s.end + more);
  release_run(s, run, more);
}

// The smallest free run that is large enough.
inline char* allocate_run(State& s, std::size_t bytes) {
  auto find = [&] {
    auto best = s.free_runs.end();
    for (auto i = s.free_runs.begin(); i != s.free_runs.end(); ++i)
      if (i->second >= bytes && (best == s.free_runs.end() || i->second < best->second)) best = i;
    return best;
  };
  auto run = find();
  if (run == s.free_runs.end()) {
    grow(s, bytes);
    run = find();
  }
  auto [start, size] = *run;
  s.free_runs.erase(run);
  if (size > bytes) s.free_runs.emplace(start + bytes, size - bytes);
  return start;
}

}  // namespace nacre::pool::detail

namespace nacre::pool {

NACRE_INLINE void* allocate(std::size_t bytes) {
  using namespace detail;
  if (bytes > (std::size_t{1} << 46)) throw std::bad_alloc();
  State& s = state();
  std::size_t size = block_bytes(bytes);
  std::lock_guard guard(s.lock);
  void* block;
  if (bytes > small) {
    block = allocate_run(s, size);
  } else if (void*& first = s.free_list[size_class(bytes)]) {
    block = first;
    first = *static_cast<void**>(block);
  } else {
    if (s.left < size) {
      char* whole = reinterpret_cast<char*>(round_up(reinterpret_cast<std::uintptr_t>(s.cursor), page));
      if (s.cursor + s.left > whole) release_run(s, whole, static_cast<std::size_t>(s.cursor + s.left - whole));
      s.left = 0;
      s.cursor = allocate_run(s, 4 * small);
      s.left = 4 * small;
    }
    block = s.cursor;
    s.cursor += size;
    s.left -= size;
  }
  s.stats.bytes_in_use += size;
  if (s.stats.bytes_in_use > s.stats.bytes_peak) s.stats.bytes_peak = s.stats.bytes_in_use;
  return block;
}

NACRE_INLINE void release(void* block, std::size_t bytes) {
  using namespace detail;
  State& s = state();
  std::lock_guard guard(s.lock);
  if (bytes > small) {
    release_run(s, static_cast<char*>(block), block_bytes(bytes));
  } else {
    void*& first = s.free_list[size_class(bytes)];
    *static_cast<void**>(block) = first;
    first = block;
  }
  s.stats.bytes_in_use -= block_bytes(bytes);
}

NACRE_INLINE PoolStats stats() {
  std::lock_guard guard(detail::state().lock);
  return detail::state().stats;
}

NACRE_INLINE void reset_peak() {
  std::lock_guard guard(detail::state().lock);
  detail::state().stats.bytes_peak = detail::state().stats.bytes_in_use;
}

}  // namespace nacre::pool
