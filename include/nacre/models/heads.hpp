// What stands on an encoder during pre-training and is dropped afterwards.
//
//   ImageHead   features [B, F] -> [B, dim]       linear, or linear - relu - linear (hidden as wide as F)
//   JigsawHead  features [B 9, F] -> [B, dim]     each patch: linear to dim; the nine in their shuffled order
//                                                 concatenated to 9 dim; linear to dim. Of one patch (a picture
//                                                 turned as a whole): the first linear alone
//   PuzzleHead  features [B 9, F] -> [B, P]       names the permutation: per patch linear, batch norm, relu
//
// Misra & van der Maaten, 2020, section 3.2; Noroozi & Favaro, 2016 (PuzzleHead, in the form of Goyal et al., 2019).
// Throws nacre::Error. Tested in tests/models/heads.cpp.
#pragma once

#include <nacre/nn/batchnorm.hpp>
#include <nacre/nn/linear.hpp>
#include <nacre/ops/shape.hpp>

namespace nacre::models {

template <class T>
struct ImageHead {
  bool mlp = false;
  nn::Linear<T> hidden, out;

  ImageHead(i64 features, i64 dim, bool with_hidden, Key key) : mlp(with_hidden), out(features, dim, key) {
    if (mlp) hidden = nn::Linear<T>(features, features, key.fold("hidden"));
  }
  Var<T> operator()(const Var<T>& x) const { return out(mlp ? relu(hidden(x)) : x); }

  static void visit(auto& self, auto&& f) {
    if (self.mlp) f("hidden", self.hidden);
    decltype(self.out)::visit(self.out, f);
  }
};

namespace detail {

// [B cells, d] -> [B, cells d]: the rows of one picture are neighbours, so this is a view of the same numbers.
template <class T>
Var<T> side_by_side(const char* op, const Var<T>& x, i64 cells) {
  check(x.shape().rank() == 2 && x.dim(0) % cells == 0, op, [&] {
    return "features of the patches are " + x.shape().str() + "; need [B * " + std::to_string(cells) + ", F]";
  });
  return reshape(x, {x.dim(0) / cells, cells * x.dim(1)});
}

}  // namespace detail

template <class T>
struct JigsawHead {
  i64 cells;
  nn::Linear<T> patch, jigsaw;

  JigsawHead(i64 features, i64 dim, i64 count, Key key) : cells(count), patch(features, dim, key.fold("patch")) {
    if (cells > 1) jigsaw = nn::Linear<T>(cells * dim, dim, key.fold("jigsaw"));
  }

  Var<T> operator()(const Var<T>& x) const {
    return cells > 1 ? jigsaw(detail::side_by_side("jigsaw_head", patch(x), cells)) : patch(x);
  }

  static void visit(auto& self, auto&& f) {
    f("patch", self.patch);
    if (self.cells > 1) f("jigsaw", self.jigsaw);
  }
};

template <class T>
struct PuzzleHead {
  i64 cells;
  nn::Linear<T> patch, out;
  nn::BatchNorm<T> bn;

  PuzzleHead(i64 features, i64 hidden, i64 count, i64 permutations, Key key)
      : cells(count),
        patch(features, hidden, key.fold("patch")),
        out(count * hidden, permutations, key.fold("out")),
        bn(hidden) {}

  Var<T> operator()(const Var<T>& x) const {
    return out(detail::side_by_side("puzzle_head", relu(bn(patch(x))), cells));
  }

  static void visit(auto& self, auto&& f) {
    f("patch", self.patch);
    f("bn", self.bn);
    f("out", self.out);
  }
};

}  // namespace nacre::models
