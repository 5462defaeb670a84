// safetensors: the file format of weights and checkpoints. 8 bytes N, N bytes of JSON, then the data.
//
//   auto file = SafeTensors::open("encoder.safetensors");     SafeTensorsWriter w;
//   Tensor<float> a = file.get<float>("conv1.weight");        w.add("conv1.weight", a);
//   Tensor<float> b = file.as<float>("stored.as.double");     w.save("encoder.safetensors");
//
// The reader is strict: the whole header is validated before anything is allocated or read, every byte of the
// file belongs to exactly one tensor, nothing is said twice (tests/io/safetensors_rules.cpp, one test a rule).
// Tensors are read from disk one by one, so a load needs the memory of what it gets plus the header.
// Our writer is deterministic (same content, same bytes) and stores a CRC-32 of header and data in the
// metadata under `nacre.crc32`; `open` verifies it when it is there (files of other writers have none).
// Throws DataError (reading), WriteError (writing). Format: github.com/huggingface/safetensors.
// Tested in tests/io/safetensors.cpp.
#pragma once

#include <nacre/core/tensor.hpp>
#include <nacre/io/dtype.hpp>
#include <nacre/io/file.hpp>

#include <cmath>
#include <map>
#include <memory>

namespace nacre::io {

struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  u64 begin = 0, end = 0;  // of its bytes in the data
};

using Metadata = std::map<std::string, std::string, std::less<>>;

class SafeTensors {
 public:
  static constexpr u64 max_header = 100'000'000;
  static constexpr std::size_t max_tensors = 1'000'000, max_metadata = 100'000, max_name = 4096;

  NACRE_INLINE static SafeTensors open(const std::string& path);
  NACRE_INLINE static SafeTensors parse(std::string bytes, std::string name = "memory");

  const std::string& file_name() const { return source_.name(); }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }  // sorted by name
  const Metadata& metadata() const { return metadata_; }               // without the checksum
  bool has_checksum() const { return has_checksum_; }

  NACRE_INLINE const TensorInfo* find(std::string_view name) const;  // nullptr: not there
  NACRE_INLINE const TensorInfo& info(std::string_view name) const;  // DataError: not there
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const TensorInfo& t : tensors_) all.push_back(t.name);
    return all;
  }

  // The tensor as stored. DataError when its element type is not T.
  template <class T>
  Tensor<T> get(std::string_view name) const {
    Tensor<T> t(info(name).shape);
    get_into(name, t);
    return t;
  }

  // The same into memory that exists. An I/O error may leave it half overwritten: stage where that matters.
  template <class T>
  void get_into(std::string_view name, Tensor<T>& into) const {
    const TensorInfo& t = info(name);
    check<DataError>(t.dtype == dtype_of<T>(), "safetensors", [&] {
      return describe(t) + " was asked for as " + name_of(dtype_of<T>()) + ": as<T>() converts between float types";
    });
    check<DataError>(t.shape == into.shape(), "safetensors",
                     [&] { return describe(t) + " does not fit the shape " + into.shape().str(); });
    read(t, 0, into.data(), static_cast<std::size_t>(t.end - t.begin));
  }

  // The tensor converted from any float type (F16 BF16 F32 F64). A finite value must stay finite.
  template <class T>
  Tensor<T> as(std::string_view name) const {
    static_assert(Real<T> || std::same_as<T, bf16>, "as<T>() converts to float, double or bf16");
    const TensorInfo& t = info(name);
    if (t.dtype == dtype_of<T>()) return get<T>(name);
    Tensor<T> out(t.shape);
    double chunk[512];
    for (i64 i = 0; i < out.size(); i += 512) {
      int n = static_cast<int>(out.size() - i < 512 ? out.size() - i : 512);
      read_doubles(t, static_cast<u64>(i), chunk, n);
      for (int k = 0; k < n; ++k) {
        acc_t<T> x = static_cast<acc_t<T>>(chunk[k]);
        out[i + k] = static_cast<T>(x);
        check<DataError>(std::isfinite(static_cast<acc_t<T>>(out[i + k])) || !std::isfinite(chunk[k]), "safetensors",
                         [&] { return describe(t) + " holds a value too large for " + name_of(dtype_of<T>()); });
      }
    }
    return out;
  }

 private:
  explicit SafeTensors(Source source) : source_(std::move(source)) {}
  NACRE_INLINE void read_header();
  NACRE_INLINE std::vector<u32> data_order() const;  // checks that the ranges tile the data
  NACRE_INLINE void verify_checksum(const std::vector<u32>& order, const std::string& expected) const;
  NACRE_INLINE void read(const TensorInfo& t, u64 offset, void* into, std::size_t bytes) const;
  NACRE_INLINE void read_doubles(const TensorInfo& t, u64 first, double* into, int count) const;
  NACRE_INLINE std::string describe(const TensorInfo& t) const;  // "FILE: tensor 'x' (F32 [2, 3])"

  Source source_;
  u64 data_begin_ = 0;
  std::vector<TensorInfo> tensors_;
  Metadata metadata_;
  bool has_checksum_ = false;
};

class SafeTensorsWriter {
 public:
  // Shares the tensor's memory until the writer is gone: what `save` finds there is what is written.
  template <class T>
  void add(std::string name, const Tensor<T>& tensor) {
    auto owner = std::make_shared<const Tensor<T>>(tensor);
    const void* data = owner->data();
    add({std::move(name), dtype_of<T>(), tensor.shape()}, data, std::move(owner));
  }
  NACRE_INLINE void metadata(std::string key, std::string value);

  NACRE_INLINE void save(const std::string& path, Previous previous = Previous::drop) const;
  NACRE_INLINE std::string bytes() const;  // the file's content

 private:
  struct Item {
    TensorInfo info;
    const void* data;
    std::shared_ptr<const void> owner;
    std::size_t bytes() const { return static_cast<std::size_t>(info.end - info.begin); }
  };
  NACRE_INLINE void add(TensorInfo info, const void* data, std::shared_ptr<const void> owner);
  NACRE_INLINE std::vector<Item> sorted() const;  // widest type first, so that every tensor is aligned
  NACRE_INLINE std::string head(const std::vector<Item>& items) const;  // 8 bytes and header, with the checksum

  std::map<std::string, Item> items_;
  Metadata metadata_;
};

// How many elements are NaN or infinite: loading allows them, a program asks.
template <class T>
i64 count_non_finite(const Tensor<T>& t) {
  i64 n = 0;
  for (const T& x : t.span()) n += !std::isfinite(static_cast<acc_t<T>>(x));
  return n;
}

}  // namespace nacre::io

#if NACRE_DEFINITIONS
#include <nacre/io/safetensors_impl.hpp>
#endif
