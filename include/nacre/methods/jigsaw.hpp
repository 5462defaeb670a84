// Jigsaw: an encoder that learns by naming the order in which the nine patches of a picture were laid.
//
//   patches [B, 9, P, P, C] -> encoder, each patch alone -> puzzle head (nine rows side by side) -> scores [B, |P|]
//   loss = cross entropy against the row of the permutation set, Batch::puzzle [B]; chance: log |P|
//
// The baseline of PIRL: it must keep what PIRL throws away, the place of each patch, so its last stage serves the
// puzzle and not the picture. One output an order: |P| stays in the thousands, of 362,880. The set is a pure function
// of options and key, so no state holds it; the views get it from puzzle_set. pretext/jigsaw.hpp has guards against
// shortcuts, off until asked for. On pictures of 32 pixels the patches are 8 wide: expect features of texture, no more.
// Noroozi & Favaro, 2016; Goyal et al., 2019 (head, scale). Throws nacre::Error. Tested in tests/methods/jigsaw.cpp.
#pragma once

#include <nacre/data/batch.hpp>
#include <nacre/eval/rows.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/models/heads.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/softmax.hpp>
#include <nacre/pretext/permutations.hpp>

namespace nacre::methods {

struct JigsawOptions {
  models::ResNetOptions encoder;                      // unused with an encoder of one's own
  i64 permutations = 100;                             // |P|; Goyal: more of them only help a large encoder
  pretext::Spread spread = pretext::Spread::max_min;  // no two orders nearer than 6 of 9 cells, at 100
  i64 hidden = 128;                                   // of the head, a patch; as in PIRL's (VISSL: 1,000 for 2,048)
};

// [|P|, 9]: the orders of a run, for the `permutations` of its views.
inline Tensor<i64> puzzle_set(const JigsawOptions& o, Key key) {
  return pretext::permutation_set(o.permutations, o.spread, key.fold("permutations"));
}

template <class T, class Encoder = models::ResNet<T>>
struct Jigsaw {
  JigsawOptions options;
  Encoder encoder;
  models::PuzzleHead<T> head;

  Jigsaw(const JigsawOptions& o, Key key) : Jigsaw(o, Encoder(o.encoder, key.fold("encoder")), key) {}
  Jigsaw(const JigsawOptions& o, Encoder own, Key key)
      : options(o), encoder(std::move(own)),
        head(encoder.features(), o.hidden, 9, o.permutations, key.fold("head")) {}

  // patches [B, 9, P, P, C] -> scores of the orders [B, |P|]
  Var<T> scores(Tape& tape, const Tensor<float>& patches) {
    const Shape& s = patches.shape();
    check(s.rank() == 5 && s[1] == 9, "jigsaw",
          [&] { return "patches are " + s.str() + "; need [B, 9, P, P, C]"; });
    Var<T> features = encoder(cast<T>(constant(tape, patches.reshape({s[0] * 9, s[2], s[3], s[4]}))));
    features_ = features.value();
    return head(features);
  }

  Terms<T> loss(Tape& tape, const Batch& batch) {
    Var<T> names = scores(tape, batch.patches);
    check(batch.puzzle.shape() == Shape{names.dim(0)}, "jigsaw", [&] {
      return "patches are " + batch.patches.shape().str() + ", puzzle is " + batch.puzzle.shape().str() +
             "; need [B, 9, P, P, C] and [B]: views with a permutation set";
    });
    return {cross_entropy(names, batch.puzzle)};
  }

  void after_step(const Batch&) {}
  // The patches' features as unit rows [B * 9, F]; none is to lie near another.
  Related<T> newest() const { return {eval::unit_rows(features_), {}}; }
  double expected_loss(i64) const { return std::log(static_cast<double>(options.permutations)); }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("head", self.head);
  }

 private:
  Tensor<T> features_;
};

}  // namespace nacre::methods
