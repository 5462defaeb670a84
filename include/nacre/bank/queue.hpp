// Queue: the newest K keys, as negatives; a ring.
//
//   push(z [B, D])   the oldest B rows become those of z; any B, whether it divides K or not
//
// Before training the rows are random unit vectors; they are gone after K pushed keys. Push after the loss: a key must
// not be its own query's negative. Nothing is differentiated through a queue.
// He et al., "Momentum contrast for unsupervised visual representation learning", 2020.
// Throws nacre::Error. Tested in tests/bank/queue.cpp.
#pragma once

#include <nacre/bank/memory_bank.hpp>

#include <algorithm>

namespace nacre {

template <class T>
class Queue {
 public:
  Queue(i64 k, i64 d, Key key) : rows_(MemoryBank<T>(k, d, key.fold("queue")).rows().clone()) {}

  i64 size() const { return rows_.shape()[0]; }
  i64 dim() const { return rows_.shape()[1]; }
  i64 cursor() const { return cursor_.value()[0]; }  // the row that is written next, the oldest
  const Tensor<T>& rows() const { return rows_.value(); }

  // Rows of z in their order; of more than K the last K remain.
  void push(const Tensor<T>& z) {
    check(z.rank() == 2 && z.dim(1) == dim(), "queue", [&] {
      return "z is " + z.shape().str() + ", rows are " + rows_.shape().str() + "; need [B, " + std::to_string(dim()) +
             "]";
    });
    i64 at = cursor();
    for (i64 b = 0; b < z.dim(0); ++b, at = (at + 1) % size())
      std::copy_n(z.data() + b * dim(), dim(), rows_.value().data() + at * dim());
    cursor_.value()[0] = at;
  }

  static void visit(auto& self, auto&& f) {
    f("rows", self.rows_);
    f("cursor", self.cursor_);
  }

 private:
  State<T> rows_;
  State<i64> cursor_{Tensor<i64>::zeros({1})};
};

}  // namespace nacre
