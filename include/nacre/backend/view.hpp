// Ways in which an operand meets a [rows, cols] matrix, in place of broadcasting machinery.
//
//   Dense   p[row * cols + col]     PerCol  p[col]   a bias, a scale per channel
//   PerRow  p[row]   a normaliser   Scalar  one value
//   Spread  p[row * row_step + col * col_step]: any of them, chosen at run time (slower; one instantiation)
//
// NHWC makes channels the columns, so these serve every elementwise kernel. Host and device. Tested in
// tests/backend/cpu/map.cpp.
#pragma once

#include <nacre/core/bf16.hpp>

namespace nacre::backend {

template <class T>
struct Dense {
  static constexpr bool flat = true;  // may be seen as one long row
  const T* p;
  i64 cols;
  NACRE_HD acc_t<T> operator()(i64 row, i64 col) const { return static_cast<acc_t<T>>(p[row * cols + col]); }
};

template <class T>
struct PerCol {
  static constexpr bool flat = false;
  const T* p;
  NACRE_HD acc_t<T> operator()(i64, i64 col) const { return static_cast<acc_t<T>>(p[col]); }
};

template <class T>
struct PerRow {
  static constexpr bool flat = false;
  const T* p;
  NACRE_HD acc_t<T> operator()(i64 row, i64) const { return static_cast<acc_t<T>>(p[row]); }
};

template <class T>
struct Scalar {
  static constexpr bool flat = true;
  T value;
  NACRE_HD T operator()(i64, i64) const { return value; }
};

struct Identity {
  template <class A>
  NACRE_HD A operator()(A x) const {
    return x;
  }
};

template <class T>
struct Spread {
  static constexpr bool flat = false;
  const T* p;
  i64 row_step, col_step;
  NACRE_HD acc_t<T> operator()(i64 row, i64 col) const {
    return static_cast<acc_t<T>>(p[row * row_step + col * col_step]);
  }
};

}  // namespace nacre::backend
