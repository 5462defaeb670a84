// grad_cache: the rows of a large batch, and their gradient, in the memory of a chunk.
//
//   first pass    z [N, ..] = embed(chunk), one chunk after the other, without a tape: only z is kept
//   loss          whatever is made of z on the caller's tape; its backward brings dL/dz [N, ..]
//   second pass   embed(chunk) again, now on a tape, and its backward from the chunk's rows of dL/dz; the gradients
//                 of the parameters add up
//
// The price is a second forward pass. The gradient is that of the whole batch where no layer lets samples meet (layer
// and group norm). Batch norm takes the statistics of each chunk; running ones move once a chunk, in the first pass.
// A chunk draws from the same key in both passes, so dropout repeats itself; masks are per chunk.
// Gao et al., "Scaling deep contrastive learning batch size under memory limited setup", 2021.
// Throws nacre::Error. Tested in tests/autograd/grad_cache.cpp.
#pragma once

#include <nacre/autograd/var.hpp>

#include <cstring>

namespace nacre {

namespace detail {

struct Parameters {  // of embed, as one input of make_op
  Tape* on;
  Tape* tape() const { return on; }
  bool needs_grad() const { return true; }
};

}  // namespace detail

// embed(Tape&, begin, end) -> rows [end - begin, ..] of type T, computed on the tape it is given from that tape's keys
// and parameters alone. It is copied and called again by the backward, so what it refers to must live until then.
// The rows are cut into as few chunks of at most `chunk` as there may be, all of the same length or one less.
template <class T, class F>
Var<T> grad_cache(Tape& tape, i64 rows, i64 chunk, F embed) {
  check(rows >= 1 && chunk >= 1, "grad_cache", [&] {
    return "rows is " + std::to_string(rows) + ", chunk is " + std::to_string(chunk) + "; need at least 1 of each";
  });
  const i64 chunks = (rows - 1) / chunk + 1;
  auto pass = [=, mode = tape.mode(), key = tape.next_key()](Record record, Pass turn, auto&& use) {
    for (i64 c = 0; c < chunks; ++c) {
      const i64 begin = c * rows / chunks, end = (c + 1) * rows / chunks;
      Tape own(mode, key.fold(static_cast<u64>(c)), record, turn);
      const Var<T> part = embed(own, begin, end);
      check(part.tape() == &own && part.shape().rank() > 0 && part.dim(0) == end - begin, "grad_cache", [&] {
        return "rows " + std::to_string(begin) + " to " + std::to_string(end) + " became " + part.shape().str() +
               "; need one row for each, computed on the tape that embed is given";
      });
      use(part, begin, end);
    }
  };

  Tensor<T> z;
  pass(Record::no, tape.pass(), [&](const Var<T>& part, i64 begin, i64 end) {
    if (begin == 0) z = Tensor<T>(part.shape().with(0, rows));
    z.rows(begin, end).copy_from(part.value());
  });

  auto backward = [=](const Tensor<T>& gz) {
    pass(Record::yes, Pass::again, [&](const Var<T>& part, i64 begin, i64 end) {
      const Tensor<T> before = z.rows(begin, end);
      check(std::memcmp(part.value().data(), before.data(), before.span().size_bytes()) == 0, "grad_cache", [&] {
        return "rows " + std::to_string(begin) + " to " + std::to_string(end) +
               " came out differently the second time; embed may depend on nothing that changes, and draw from the "
               "keys of its tape alone";
      });
      auto g = gradient_of(part);
      if (!g) return;  // nothing in it is trained
      const Tensor<T> share = gz.rows(begin, end);
      for (i64 i = 0; i < share.size(); ++i) g.data()[i] = g.into == Into::add ? g.data()[i] + share[i] : share[i];
      part.tape()->run_backward();
    });
  };
  return make_op("grad_cache", z, backward, detail::Parameters{&tape});
}

}  // namespace nacre
