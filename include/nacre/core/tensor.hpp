// Tensor<T, D>: a shape and a counted reference to dense row-major memory from the pool.
//
// A copy is shallow (two names for one memory), `clone` is deep. Leading-row slices and reshapes are views;
// anything else is an op. There are no strides and no arithmetic here: a tensor is storage, `Var` is where
// mathematics happens. A new tensor is uninitialised unless it says otherwise.
// Throws nacre::Error. Tested in tests/core/tensor.cpp.
#pragma once

#include <nacre/core/bf16.hpp>
#include <nacre/core/device.hpp>
#include <nacre/core/pool.hpp>
#include <nacre/core/shape.hpp>

#include <cstring>
#include <span>
#include <vector>

namespace nacre {

template <class T, class D = Cpu>
class Tensor {
 public:
  using value_type = T;

  Tensor() : shape_{0} {}  // no elements: "not there"
  explicit Tensor(const Shape& shape) : shape_(shape), buffer_(bytes_of(shape)) {}

  static Tensor zeros(const Shape& shape) {
    Tensor t(shape);
    std::memset(static_cast<void*>(t.data()), 0, static_cast<std::size_t>(t.size()) * sizeof(T));
    return t;
  }
  static Tensor full(const Shape& shape, T value) {
    Tensor t(shape);
    t.fill(value);
    return t;
  }
  static Tensor of(const Shape& shape, const std::vector<T>& values) {
    check(static_cast<i64>(values.size()) == shape.size(), "tensor", [&] {
      return std::to_string(values.size()) + " values do not fill the shape " + shape.str();
    });
    Tensor t(shape);
    for (i64 i = 0; i < t.size(); ++i) t.data()[i] = values[static_cast<std::size_t>(i)];
    return t;
  }
  static Tensor scalar(T value) { return full({}, value); }

  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  i64 dim(int i) const { return shape_[i]; }
  i64 size() const { return shape_.size(); }
  bool empty() const { return shape_.size() == 0; }

  T* data() { return static_cast<T*>(buffer_.data()) + offset_; }
  const T* data() const { return static_cast<const T*>(buffer_.data()) + offset_; }
  std::span<T> span() { return {data(), static_cast<std::size_t>(size())}; }
  std::span<const T> span() const { return {data(), static_cast<std::size_t>(size())}; }
  T& operator[](i64 i) { return data()[i]; }  // flat index
  const T& operator[](i64 i) const { return data()[i]; }

  T item() const {  // the only element
    check(size() == 1, "item", [&] { return "needs exactly one element, got " + shape_.str(); });
    return data()[0];
  }

  void fill(T value) {
    for (i64 i = 0; i < size(); ++i) data()[i] = value;
  }

  // View with another shape of as many elements; one extent may be -1.
  Tensor reshape(std::initializer_list<i64> extents) const {
    i64 e[Shape::max_rank] = {}, known = 1;
    int rank = 0, open = -1;
    check(extents.size() <= Shape::max_rank, "reshape", [] { return std::string("rank above 6"); });
    for (i64 x : extents) {
      if (x == -1 && open < 0) open = rank;
      else known *= x;
      e[rank++] = x;
    }
    if (open >= 0) e[open] = known > 0 ? size() / known : 0;
    return reshape(Shape(e, rank));
  }
  Tensor reshape(const Shape& shape) const {
    check(shape.size() == size(), "reshape", [&] {
      return shape_.str() + " to " + shape.str() + ": the number of elements differs";
    });
    Tensor t = *this;
    t.shape_ = shape;
    return t;
  }

  // View of rows [begin, end) of the first extent.
  Tensor rows(i64 begin, i64 end) const {
    check(rank() >= 1 && 0 <= begin && begin <= end && end <= shape_[0], "rows", [&] {
      return "[" + std::to_string(begin) + ", " + std::to_string(end) + ") is not inside " + shape_.str();
    });
    Tensor t = *this;
    t.shape_ = shape_.with(0, end - begin);
    t.offset_ += shape_[0] == 0 ? 0 : begin * (size() / shape_[0]);
    return t;
  }

  Tensor clone() const {
    Tensor t(shape_);
    t.copy_from(*this);
    return t;
  }
  void copy_from(const Tensor& other) {
    check(other.shape_ == shape_, "copy_from",
          [&] { return "shapes differ: " + shape_.str() + " from " + other.shape_.str(); });
    if (size() > 0) std::memcpy(static_cast<void*>(data()), other.data(), static_cast<std::size_t>(size()) * sizeof(T));
  }

  // Nobody else refers to this memory, so an op may overwrite it.
  bool unique() const { return buffer_.unique(); }
  bool shares_memory(const Tensor& other) const { return buffer_.same(other.buffer_); }

 private:
  static std::size_t bytes_of(const Shape& shape) {  // a product that would overflow stays too much for the pool
    constexpr i64 most = i64{1} << 56;
    return static_cast<std::size_t>(shape.size() < most ? shape.size() : most) * sizeof(T);
  }

  Shape shape_;
  Buffer buffer_;
  i64 offset_ = 0;
};

template <class T, class D>
Tensor<T, D> like(const Tensor<T, D>& x) {
  return Tensor<T, D>(x.shape());
}

}  // namespace nacre
