// Normalisation of a [rows, cols] matrix per column: the map, and the statistics that batch norm takes for it.
//
//   AffineRelu     relu(x scale + shift)
//   moments_cols   mean[c], var[c] (biased)                      one pass over memory
//   dot_cols       s1[c] = sum gy, s2[c] = sum gy (x - mean[c])  one pass; gy may be gated by a relu on the way
//
// Rows are cut into chunks by the shape alone. Within a chunk, which stays in cache, the mean comes first and
// the squared deviations second; chunks are merged in order by Chan's formula, so nothing cancels.
// Tested in tests/backend/cpu/norm.cpp.
#pragma once

#include <nacre/backend/cpu/map.hpp>
#include <nacre/core/pool.hpp>
#include <nacre/math/elementwise.hpp>

#include <algorithm>
#include <type_traits>

namespace nacre::backend {

struct Affine {
  template <class A>
  NACRE_HD A operator()(A x, A scale, A shift) const {
    return x * scale + shift;
  }
};
struct AffineRelu {
  template <class A>
  NACRE_HD A operator()(A x, A scale, A shift) const {
    return math::Relu{}(Affine{}(x, scale, shift));
  }
};
struct AffineAddRelu {
  template <class A>
  NACRE_HD A operator()(A x, A residual, A scale, A shift) const {
    return math::Relu{}(Affine{}(x, scale, shift) + residual);
  }
};

// AffineRelu by a scale and a shift per column, for an op to do as it reads x; without them it reads x as it is.
template <class T>
struct ReluMap {
  const T *scale = nullptr, *shift = nullptr;
  explicit operator bool() const { return scale != nullptr; }
};

namespace detail {

struct Chunks {
  i64 size, count;
  static Chunks of(i64 rows, i64 cols) {
    i64 size = std::max<i64>({1, (1 << 13) / (cols + 1), (rows + 255) / 256});
    return {size, std::max<i64>(1, (rows + size - 1) / size)};
  }
};

// f(c) for each column, 16 at a time.
template <class F>
[[gnu::always_inline]] inline void each_col(i64 cols, const F& f) {
  i64 c = 0;
  for (; c + 16 <= cols; c += 16)
#pragma GCC ivdep
    for (int j = 0; j < 16; ++j) f(c + j);
  for (; c < cols; ++c) f(c);
}

// f(row, sum) for rows [begin, end), four at a time, then one: sum(at, c) adds at(row, c) over the rows of the group.
// So an accumulator is read and written once in four rows, and rows stay in cache between two sums of a group.
template <class F>
[[gnu::always_inline]] inline void each_group(i64 begin, i64 end, const F& f) {
  i64 r = begin;
  for (; r + 4 <= end; r += 4)
    f([r](const auto& at, i64 c) NACRE_INLINED {
      return (at(r, c) + at(r + 1, c)) + (at(r + 2, c) + at(r + 3, c));
    });
  for (; r < end; ++r) f([r](const auto& at, i64 c) NACRE_INLINED { return at(r, c); });
}

}  // namespace detail

template <class T>
void moments_cols(Cpu, const T* x, i64 rows, i64 cols, T* mean, T* var) {
  auto chunks = detail::Chunks::of(rows, cols);
  Buffer buffer(static_cast<std::size_t>(2 * chunks.count * cols) * sizeof(T));
  T* part = static_cast<T*>(buffer.data());  // [chunk, 2, cols]: mean, sum of squared deviations
  if (rows == 0) std::fill_n(part, 2 * cols, T(0));
  parallel_for(rows, chunks.size, [&](i64 begin, i64 end) {
    T* m = part + begin / chunks.size * 2 * cols;
    T* s = m + cols;
    simd::blocks([&] {
      auto value = [&](i64 r, i64 c) { return x[r * cols + c]; };
      auto squared = [&](i64 r, i64 c) { return (x[r * cols + c] - m[c]) * (x[r * cols + c] - m[c]); };
      for (i64 c = 0; c < 2 * cols; ++c) m[c] = 0;
      detail::each_group(begin, end, [&](auto sum) { detail::each_col(cols, [&](i64 c) { m[c] += sum(value, c); }); });
      for (i64 c = 0; c < cols; ++c) m[c] /= static_cast<T>(end - begin);
      detail::each_group(begin, end,
                         [&](auto sum) { detail::each_col(cols, [&](i64 c) { s[c] += sum(squared, c); }); });
    });
  });
  simd::blocks([&] {
    T *m = part, *s = part + cols;
    for (i64 k = 1; k < chunks.count; ++k) {
      T na = static_cast<T>(k * chunks.size), nb = static_cast<T>(std::min(chunks.size, rows - k * chunks.size));
      T weight = nb / (na + nb), both = na * weight;
      const T *mk = part + 2 * k * cols, *sk = mk + cols;
      detail::each_col(cols, [&](i64 c) {
        T d = mk[c] - m[c];
        m[c] += d * weight;
        s[c] += sk[c] + d * d * both;
      });
    }
    for (i64 c = 0; c < cols; ++c) {
      mean[c] = m[c];
      var[c] = s[c] / static_cast<T>(rows);
    }
  });
}

// The gradient that arrives, as dot_cols reads it: as it is, or gated by a relu of which y was the value.
template <class T>
struct Ungated {
  const T* gy;
  i64 cols;
  NACRE_HD T operator()(i64 row, i64 col) const { return gy[row * cols + col]; }
};
template <class T, class Y>
struct ReluGated {
  T* gy;  // written: gy becomes the gradient before the relu
  i64 cols;
  Y y;  // y(row, col)
  NACRE_HD T operator()(i64 row, i64 col) const {
    T& g = gy[row * cols + col];
    return g = math::Relu{}.grad(y(row, col), g);
  }
};

template <class T, class G>
  requires std::is_class_v<G>
void dot_cols(Cpu, const G& g, const T* x, const T* mean, i64 rows, i64 cols, T* s1, T* s2) {
  auto chunks = detail::Chunks::of(rows, cols);
  Buffer buffer(static_cast<std::size_t>(2 * chunks.count * cols) * sizeof(T));
  T* part = static_cast<T*>(buffer.data());  // [chunk, 2, cols]: s1, s2
  if (rows == 0) std::fill_n(part, 2 * cols, T(0));
  parallel_for(rows, chunks.size, [&](i64 begin, i64 end) {
    T* a = part + begin / chunks.size * 2 * cols;
    T* b = a + cols;
    simd::blocks([&] {
      auto product = [&](i64 r, i64 c) { return g.gy[r * cols + c] * (x[r * cols + c] - mean[c]); };
      for (i64 c = 0; c < 2 * cols; ++c) a[c] = 0;
      detail::each_group(begin, end, [&](auto sum) {
        detail::each_col(cols, [&](i64 c) { a[c] += sum(g, c); });
        detail::each_col(cols, [&](i64 c) { b[c] += sum(product, c); });
      });
    });
  });
  simd::blocks([&] {
    for (i64 k = 1; k < chunks.count; ++k)
      detail::each_col(2 * cols, [&](i64 c) { part[c] += part[2 * k * cols + c]; });
  });
  std::copy_n(part, cols, s1);
  std::copy_n(part + cols, cols, s2);
}
template <class T>
void dot_cols(Cpu, const T* gy, const T* x, const T* mean, i64 rows, i64 cols, T* s1, T* s2) {
  dot_cols(Cpu{}, Ungated<T>{gy, cols}, x, mean, rows, cols, s1, s2);
}

}  // namespace nacre::backend
