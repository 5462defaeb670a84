// Devices, memory and copies: the non-template half of backend/cuda.hpp.
#include <nacre/core/pool_impl.hpp>
#include <nacre/cuda/runtime.cuh>

#include <mutex>

namespace nacre::cuda {

int device_count() {
  int n = 0;
  if (cudaGetDeviceCount(&n) == cudaSuccess) return n;
  (void)cudaGetLastError();  // forgotten: having no GPU is not an error
  return 0;
}

static int current_device() {
  int device = 0;
  succeed("cudaGetDevice", cudaGetDevice(&device));
  return device;
}

std::string device_name() {
  cudaDeviceProp properties{};
  succeed("cudaGetDeviceProperties", cudaGetDeviceProperties(&properties, current_device()));
  return properties.name;
}

cudaStream_t stream() { return nullptr; }

int grid_limit() {
  static const int limit = [] {
    int processors = 0;
    succeed("cudaDeviceGetAttribute(cudaDevAttrMultiProcessorCount)",
            cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, current_device()));
    return processors * (2048 / block_size);
  }();
  return limit;
}

// As core/pool.hpp: size classes, small blocks cut from chunks, nothing given back before exit. A freed block may be
// reused at once although kernels that read it are still queued, because there is one stream.
namespace {

struct DevicePool {
  std::mutex lock;
  std::vector<void*> free_list[512];
  char* cursor = nullptr;
  std::size_t left = 0;
  PoolStats stats;
};
DevicePool& device_pool() {
  static DevicePool* pool = new DevicePool;  // never destroyed: arrays of static lifetime may outlive any order
  return *pool;
}

char* system_chunk(DevicePool& pool, std::size_t bytes) {
  void* p = nullptr;
  std::string call = "cudaMalloc(" + std::to_string(bytes) + " bytes)";
  succeed(call.c_str(), cudaMalloc(&p, bytes));
  ++pool.stats.system_allocations;
  pool.stats.bytes_reserved += bytes;
  return static_cast<char*>(p);
}

// The classes of core/pool.hpp for blocks of every size; from 2048 bytes on they are multiples of 256 as they are.
int size_class(std::size_t bytes) {
  return nacre::pool::detail::size_class(bytes < 2048 ? (bytes + 255) / 256 * 256 : bytes);
}

}  // namespace

void* allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  constexpr std::size_t chunk_bytes = std::size_t{32} << 20;  // taken from the device at a time
  DevicePool& pool = device_pool();
  int c = size_class(bytes);
  std::size_t size = nacre::pool::detail::class_bytes(c);
  std::lock_guard guard(pool.lock);
  void* block;
  if (!pool.free_list[c].empty()) {
    block = pool.free_list[c].back();
    pool.free_list[c].pop_back();
  } else if (size > chunk_bytes / 2) {
    block = system_chunk(pool, size);
  } else {
    if (pool.left < size) {
      pool.cursor = system_chunk(pool, chunk_bytes);
      pool.left = chunk_bytes;
    }
    block = pool.cursor;
    pool.cursor += size;
    pool.left -= size;
  }
  pool.stats.bytes_in_use += size;
  pool.stats.bytes_peak = std::max(pool.stats.bytes_peak, pool.stats.bytes_in_use);
  return block;
}

void release(void* block, std::size_t bytes) noexcept {
  if (!block) return;
  DevicePool& pool = device_pool();
  int c = size_class(bytes);
  std::lock_guard guard(pool.lock);
  pool.free_list[c].push_back(block);
  pool.stats.bytes_in_use -= nacre::pool::detail::class_bytes(c);
}

PoolStats stats() {
  std::lock_guard guard(device_pool().lock);
  return device_pool().stats;
}

void synchronize() { succeed("cudaStreamSynchronize", cudaStreamSynchronize(stream())); }

void upload(void* device, const void* host, std::size_t bytes) {
  if (bytes == 0) return;
  succeed("cudaMemcpyAsync(host to device)", cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream()));
  synchronize();
}

void download(void* host, const void* device, std::size_t bytes) {
  if (bytes == 0) return;
  succeed("cudaMemcpyAsync(device to host)", cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream()));
  synchronize();
}

void copy(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  succeed("cudaMemcpyAsync(device to device)", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream()));
}

void zero(void* device, std::size_t bytes) {
  if (bytes == 0) return;
  succeed("cudaMemsetAsync", cudaMemsetAsync(device, 0, bytes, stream()));
}

}  // namespace nacre::cuda
