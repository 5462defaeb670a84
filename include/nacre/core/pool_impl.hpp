// Definitions of core/pool.hpp.
#pragma once

#include <nacre/core/pool.hpp>

#include <bit>
#include <cstring>
#include <mutex>
#include <new>

#include <sys/mman.h>

namespace nacre::pool::detail {

inline constexpr std::size_t page = 4096, huge_page = std::size_t{2} << 20, chunk_bytes = std::size_t{32} << 20;

// Classes 64, 128, ... 512, then eight steps to each doubling; each 64 larger, so that a header before a power of two
// does not cost an eighth.
inline int size_class(std::size_t bytes) {
  if (bytes <= 64) return 0;
  bytes -= 64;
  if (bytes <= 512) return static_cast<int>((bytes - 1) / 64) + 1;
  int log2 = std::bit_width(bytes - 1) - 1;  // bytes in (2^log2, 2^(log2+1)]
  return 8 * (log2 - 8) + static_cast<int>((bytes - 1) >> (log2 - 3)) - 7;
}
inline std::size_t class_bytes(int c) {
  if (c < 9) return static_cast<std::size_t>(c + 1) * 64;
  return (static_cast<std::size_t>((c - 1) % 8 + 9) << ((c - 1) / 8 + 5)) + 64;
}

struct State {
  std::mutex lock;
  void* free_list[512] = {};  // newest block of each class; a free block begins with the address of the next
  char* cursor = nullptr;  // what is left of the newest chunk
  std::size_t left = 0;
  PoolStats stats;
};
inline State& state() {
  static State* s = new State;  // never destroyed: tensors of static lifetime may outlive any order
  return *s;
}

inline char* system_chunk(State& s, std::size_t bytes) {
  std::size_t padded = bytes + huge_page;
  void* p = mmap(nullptr, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  auto start = (reinterpret_cast<std::uintptr_t>(p) + huge_page - 1) / huge_page * huge_page;
  char* chunk = reinterpret_cast<char*>(start);
  madvise(chunk, bytes, MADV_HUGEPAGE);
  for (std::size_t i = 0; i < bytes; i += page) chunk[i] = 0;
  ++s.stats.system_allocations;
  s.stats.bytes_reserved += bytes;
  return chunk;
}

}  // namespace nacre::pool::detail

namespace nacre::pool {

NACRE_INLINE void* allocate(std::size_t bytes) {
  using namespace detail;
  if (bytes > (std::size_t{1} << 46)) throw std::bad_alloc();
  State& s = state();
  int c = size_class(bytes);
  std::size_t size = class_bytes(c);
  std::lock_guard guard(s.lock);
  void* block;
  if (s.free_list[c]) {
    block = s.free_list[c];
    s.free_list[c] = *static_cast<void**>(block);
  } else if (size > chunk_bytes / 2) {
    block = system_chunk(s, (size + page - 1) / page * page);
  } else {
    if (s.left < size) {
      s.cursor = system_chunk(s, chunk_bytes);
      s.left = chunk_bytes;
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
  int c = size_class(bytes);
  std::lock_guard guard(s.lock);
  *static_cast<void**>(block) = s.free_list[c];
  s.free_list[c] = block;
  s.stats.bytes_in_use -= class_bytes(c);
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
