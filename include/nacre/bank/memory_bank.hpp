// MemoryBank: one unit row per training image, the moving average of its embedding.
//
//   row <- normalise(momentum row + (1 - momentum) z)        rows [N, D], z [B, D] unit
//
// Update order: position by position in the batch, so an index that occurs twice is moved twice, the later
// position seeing the earlier one's result. Only the image branch writes (Misra & van der Maaten, 2020, section 3;
// Wu et al., 2018). Nothing is differentiated through the bank.
//
// Before training, rows are either random unit vectors (the papers') or the embeddings of the untrained encoder
// (`assign`; our default): with random rows a target is noise until it has been visited several times, which
// costs a short run most of what it could learn. Throws nacre::Error. Tested in tests/bank/memory_bank.cpp.
#pragma once

#include <nacre/autograd/parameter.hpp>
#include <nacre/core/parallel.hpp>

#include <cmath>

namespace nacre {

template <class T>
class MemoryBank {
 public:
  MemoryBank() = default;
  // n random unit rows of d numbers.
  MemoryBank(i64 n, i64 d, Key key, double momentum = 0.5) : rows_(Tensor<T>({n, d})), momentum_(momentum) {
    check(n >= 1 && d >= 1, "memory_bank",
          [&] { return std::to_string(n) + " rows of " + std::to_string(d) + " numbers; need at least one of each"; });
    check(momentum >= 0 && momentum <= 1, "memory_bank",
          [&] { return "momentum " + std::to_string(momentum) + " is not between 0 and 1"; });
    Key stream = key.fold("memory_bank");
    parallel_for(n, 256, [&](i64 begin, i64 end) {
      for (i64 r = begin; r < end; ++r) {
        Random random(stream.fold(static_cast<u64>(r)));
        T* row = rows_.value().data() + r * d;
        for (i64 i = 0; i < d; ++i) row[i] = static_cast<T>(random.normal());
        normalise(row, d);
      }
    });
  }

  i64 size() const { return rows_.shape()[0]; }
  i64 dim() const { return rows_.shape()[1]; }
  double momentum() const { return momentum_; }
  const Tensor<T>& rows() const { return rows_.value(); }

  // Overwrites the rows of `index` [B] by normalise(z [B, D]).
  void assign(const Tensor<i64>& index, const Tensor<T>& z) { move(index, z, 0); }

  void update(const Tensor<i64>& index, const Tensor<T>& z) { move(index, z, momentum_); }

  static void visit(auto& self, auto&& f) { f("rows", self.rows_); }

 private:
  static void normalise(T* row, i64 d) {
    T s = 0;
    for (i64 i = 0; i < d; ++i) s += row[i] * row[i];
    T r = 1 / std::max(std::sqrt(s), T(1e-12));
    for (i64 i = 0; i < d; ++i) row[i] *= r;
  }

  void check_index(const Tensor<i64>& index) const {
    for (i64 i : index.span())
      check(0 <= i && i < size(), "memory_bank",
            [&] { return "row " + std::to_string(i) + " of a bank of " + std::to_string(size()) + " rows"; });
  }

  void move(const Tensor<i64>& index, const Tensor<T>& z, double momentum) {
    check(z.rank() == 2 && z.dim(0) == index.size() && z.dim(1) == dim(), "memory_bank", [&] {
      return "index " + index.shape().str() + ", z " + z.shape().str() + ", rows " + rows_.shape().str() +
             "; need one row of z per index, as long as the bank's";
    });
    check_index(index);
    i64 d = dim();
    T m = static_cast<T>(momentum);
    for (i64 b = 0; b < index.size(); ++b) {
      T* row = rows_.value().data() + index[b] * d;
      const T* v = z.data() + b * d;
      for (i64 i = 0; i < d; ++i) row[i] = m * row[i] + (1 - m) * v[i];
      normalise(row, d);
    }
  }

  State<T> rows_;
  double momentum_ = 0.5;
};

}  // namespace nacre
