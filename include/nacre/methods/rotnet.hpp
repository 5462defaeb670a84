// RotNet: an encoder that learns by telling by how many quarter turns a picture was rotated.
//
//   image [R, S, S, C] -> encoder -> linear [F -> 4] -> scores [R, 4]
//   loss = cross entropy against Batch::turn [R]; chance: log 4
//
// Views: pretext/rotation.hpp. R is 4 B with all turns of each picture in a batch, which the paper found better than
// one turn drawn; a step then costs four images. Teaches nothing where pictures look alike in all turns (flowers,
// textures, cells), and makes features that differ by turn, which PIRL's do not.
// Gidaris, Singh & Komodakis, 2018. Throws nacre::Error. Tested in tests/methods/rotnet.cpp.
#pragma once

#include <nacre/data/batch.hpp>
#include <nacre/eval/rows.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/nn/linear.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/softmax.hpp>

namespace nacre::methods {

struct RotNetOptions {
  models::ResNetOptions encoder;  // unused with an encoder of one's own
};

template <class T, class Encoder = models::ResNet<T>>
struct RotNet {
  RotNetOptions options;
  Encoder encoder;
  nn::Linear<T> head;

  RotNet(const RotNetOptions& o, Key key) : RotNet(o, Encoder(o.encoder, key.fold("encoder")), key) {}
  RotNet(const RotNetOptions& o, Encoder own, Key key)
      : options(o), encoder(std::move(own)), head(encoder.features(), 4, key.fold("head")) {}

  Terms<T> loss(Tape& tape, const Batch& batch) {
    check(batch.image.rank() == 4 && batch.turn.shape() == Shape{batch.image.dim(0)}, "rotnet", [&] {
      return "image is " + batch.image.shape().str() + ", turn is " + batch.turn.shape().str() +
             "; need [R, S, S, C] and [R]: rotation_views";
    });
    Var<T> features = encoder(cast<T>(constant(tape, batch.image)));
    features_ = features.value();
    return {cross_entropy(head(features), batch.turn)};
  }

  void after_step(const Batch&) {}
  // The pictures' features as unit rows [R, F]; none is to lie near another.
  Related<T> newest() const { return {eval::unit_rows(features_), {}}; }
  double expected_loss(i64) const { return std::log(4.0); }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("head", self.head);
  }

 private:
  Tensor<T> features_;
};

}  // namespace nacre::methods
