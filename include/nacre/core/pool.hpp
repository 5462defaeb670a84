// A caching memory pool: pages are taken from the system 32 MB at a time and never given back before exit.
//
// Blocks above 1 MB are runs of pages: the smallest free run that fits is cut, and a freed one joins its neighbours, so
// that the memory of a step's small tensors serves its large ones. Smaller blocks come in classes 1/8 of a power of two
// apart; a freed one waits in the list of its class. All pages lie in one range of addresses, on huge pages where the
// system has them, and are touched once: a training step that repeats the sizes of the step before makes no system
// call and no page fault (tested in tests/train/steady.cpp).
// A fresh 4 KiB page costs 2 to 3 us on a virtual machine: this is a quarter of a step elsewhere.
//
// `Buffer` is a counted reference to one block: 64 bytes of header, then 64-byte aligned data.
// Throws std::bad_alloc. Thread-safe. Tested in tests/core/pool.cpp.
#pragma once

#include <nacre/core/config.hpp>

#include <atomic>
#include <new>
#include <utility>

namespace nacre {

struct PoolStats {
  u64 bytes_in_use = 0;         // handed out now, rounded to classes and pages
  u64 bytes_peak = 0;           // highest value of bytes_in_use
  u64 bytes_reserved = 0;       // taken from the system
  u64 system_allocations = 0;   // how often they were taken
};

namespace pool {

NACRE_INLINE void* allocate(std::size_t bytes);             // 64-byte aligned
NACRE_INLINE void release(void* block, std::size_t bytes);  // bytes as asked for
NACRE_INLINE PoolStats stats();
NACRE_INLINE void reset_peak();

}  // namespace pool

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes) : block_(new (pool::allocate(bytes + header)) Block{{1}, bytes}) {}
  Buffer(const Buffer& o) : block_(o.block_) {
    if (block_) block_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  Buffer(Buffer&& o) noexcept : block_(std::exchange(o.block_, nullptr)) {}
  Buffer& operator=(Buffer o) noexcept {
    std::swap(block_, o.block_);
    return *this;
  }
  ~Buffer() {
    if (block_ && block_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1)
      pool::release(block_, block_->bytes + header);
  }

  void* data() const { return block_ ? reinterpret_cast<char*>(block_) + header : nullptr; }
  std::size_t bytes() const { return block_ ? block_->bytes : 0; }
  bool unique() const { return block_ && block_->owners.load(std::memory_order_acquire) == 1; }
  bool same(const Buffer& o) const { return block_ == o.block_; }

 private:
  static constexpr std::size_t header = 64;
  struct Block {
    std::atomic<i64> owners;
    std::size_t bytes;
  };
  Block* block_ = nullptr;
};

}  // namespace nacre

#if NACRE_DEFINITIONS
#include <nacre/core/pool_impl.hpp>
#endif
