// Extents of a dense row-major tensor: rank 0 (scalar) to 6, stored inline.
//
// Throws nacre::Error on a negative extent, a rank above 6, or a product above 2^62.
// Tested in tests/core/shape.cpp.
#pragma once

#include <nacre/core/error.hpp>

#include <initializer_list>

namespace nacre {

class Shape {
 public:
  static constexpr int max_rank = 6;

  Shape() = default;
  Shape(std::initializer_list<i64> extents) : Shape(extents.begin(), static_cast<int>(extents.size())) {}
  Shape(const i64* extents, int rank) : rank_(rank) {
    check(rank >= 0 && rank <= max_rank, "shape",
          [&] { return "rank " + std::to_string(rank) + " is not between 0 and 6"; });
    for (int i = 0; i < rank; ++i) {
      extent_[i] = extents[i];
      check(extents[i] >= 0, "shape", [&] { return "extent " + std::to_string(extents[i]) + " is negative"; });
      check(!__builtin_mul_overflow(size_, extents[i], &size_) && size_ < (i64{1} << 62), "shape",
            [] { return std::string("the number of elements overflows 2^62"); });
    }
  }

  int rank() const { return rank_; }
  i64 size() const { return size_; }  // number of elements; 1 for a scalar
  i64 operator[](int i) const { return extent_[i < 0 ? i + rank_ : i]; }  // negative counts from the end
  const i64* begin() const { return extent_; }
  const i64* end() const { return extent_ + rank_; }

  // The tensor seen as a matrix: everything but the last extent is rows.
  i64 cols() const { return rank_ == 0 ? 1 : extent_[rank_ - 1]; }
  i64 rows() const {
    i64 r = 1;
    for (int i = 0; i + 1 < rank_; ++i) r *= extent_[i];
    return r;
  }

  bool operator==(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (int i = 0; i < rank_; ++i)
      if (extent_[i] != other.extent_[i]) return false;
    return true;
  }

  // The same shape with extent i replaced.
  Shape with(int i, i64 extent) const {
    i64 e[max_rank];
    for (int k = 0; k < rank_; ++k) e[k] = extent_[k];
    e[i < 0 ? i + rank_ : i] = extent;
    return Shape(e, rank_);
  }

  std::string str() const {  // "[128, 32, 32, 3]"
    std::string s = "[";
    for (int i = 0; i < rank_; ++i) s += (i ? ", " : "") + std::to_string(extent_[i]);
    return s + "]";
  }

 private:
  i64 extent_[max_rank] = {};
  i64 size_ = 1;
  int rank_ = 0;
};

}  // namespace nacre
