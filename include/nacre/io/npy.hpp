// .npy: one array in NumPy's file format. A magic, a version, a header that is a Python dictionary, the data.
//
//   Tensor<float> x = read_npy<float>("features.npy");           write_npy("features.npy", x);
//   Npy images = Npy::open("images.npy");  images.rows<u8>(0, 128);     // [128, H, W, C], read from disk
//   NpyWriter<float> out("features.npy", {n, 512});  out.write(row, 512);  ...  out.commit();
//
// Reads versions 1.0, 2.0 and 3.0 of u8, i32, i64, f32 and f64 in row-major order; writes 1.0, byte for byte as
// NumPy does. Strict: a fixed grammar instead of Python, sizes checked before anything is allocated.
// Throws DataError (reading), WriteError (writing). Tested in tests/io/npy.cpp.
// Format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <nacre/core/tensor.hpp>
#include <nacre/io/dtype.hpp>
#include <nacre/io/file.hpp>

namespace nacre::io {

class Npy {
 public:
  static constexpr u64 max_header = 10'000;  // NumPy's own limit

  NACRE_INLINE static Npy open(const std::string& path);
  NACRE_INLINE static Npy parse(std::string bytes, std::string name = "memory");

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }

  // The whole array. DataError when its element type is not T.
  template <class T>
  Tensor<T> get() const {
    Tensor<T> t(shape_);
    read(dtype_of<T>(), 0, t.data(), static_cast<std::size_t>(t.size()) * sizeof(T));
    return t;
  }

  // Rows [begin, end) of the first extent.
  template <class T>
  Tensor<T> rows(i64 begin, i64 end) const {
    check(shape_.rank() >= 1 && 0 <= begin && begin <= end && end <= shape_[0], "npy", [&] {
      return "rows [" + std::to_string(begin) + ", " + std::to_string(end) + ") are not inside " + shape_.str();
    });
    Tensor<T> t(shape_.with(0, end - begin));
    i64 row = end == begin ? 0 : t.size() / (end - begin);
    u64 offset = static_cast<u64>(begin * row) * sizeof(T);
    read(dtype_of<T>(), offset, t.data(), static_cast<std::size_t>(t.size()) * sizeof(T));
    return t;
  }

 private:
  explicit Npy(Source source) : source_(std::move(source)) {}
  NACRE_INLINE void read_header();
  NACRE_INLINE void read(DType wanted, u64 offset, void* into, std::size_t bytes) const;

  Source source_;
  u64 data_begin_ = 0;
  DType dtype_ = DType::f32;
  Shape shape_;
};

// Magic, version and header of an array, padded to whole 64 bytes. Error when .npy has no such element type here.
NACRE_INLINE std::string npy_header(DType dtype, const Shape& shape);

// Writes an array piece by piece, for one that is larger than memory. The file appears with `commit`.
template <class T>
class NpyWriter {
 public:
  NpyWriter(std::string path, const Shape& shape)
      : left_(shape.size()), file_(std::move(path), static_cast<u64>(shape.size()) * sizeof(T)) {
    file_.write(npy_header(dtype_of<T>(), shape));
  }
  void write(const T* values, i64 count) {
    check(count >= 0 && count <= left_, "npy", [&] {
      return std::to_string(count) + " more values were given, " + std::to_string(left_) + " are left in the shape";
    });
    left_ -= count;
    file_.write(values, static_cast<std::size_t>(count) * sizeof(T));
  }
  void commit() {
    check(left_ == 0, "npy", [&] { return std::to_string(left_) + " values of the shape were never written"; });
    file_.commit();
  }

 private:
  i64 left_;
  AtomicFile file_;
};

template <class T>
Tensor<T> read_npy(const std::string& path) {
  return Npy::open(path).get<T>();
}

template <class T>
void write_npy(const std::string& path, const Tensor<T>& t) {
  NpyWriter<T> w(path, t.shape());
  w.write(t.data(), t.size());
  w.commit();
}

}  // namespace nacre::io

#if NACRE_DEFINITIONS
#include <nacre/io/npy_impl.hpp>
#endif
