// The labelled bound: the same encoder trained to name the classes.
//
//   image [B, S, S, C] -> encoder -> linear [B, classes]        loss = cross_entropy(logits, labels)
//
// Not self-supervised: what it reaches is what the labels are worth beside a pretext task (the `Supervised` row of
// Misra & van der Maaten, 2020, tables 1 and 7). It has no use for pictures without labels.
// Throws nacre::Error. Tested in tests/methods/supervised.cpp.
#pragma once

#include <nacre/methods/method.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/nn/linear.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/ops/softmax.hpp>

namespace nacre::methods {

struct SupervisedOptions {
  models::ResNetOptions encoder;  // unused with an encoder of one's own
  i64 classes = 10;
};

template <class T, class Encoder = models::ResNet<T>>
struct Supervised {
  SupervisedOptions options;
  Encoder encoder;
  nn::Linear<T> head;

  Supervised(const SupervisedOptions& o, Key key) : Supervised(o, Encoder(o.encoder, key.fold("encoder")), key) {}
  Supervised(const SupervisedOptions& o, Encoder own, Key key)
      : options(o), encoder(std::move(own)), head(encoder.features(), o.classes, key.fold("head")) {}

  Terms<T> loss(Tape& tape, const Batch& batch) {
    check(batch.label.size() == batch.index.size() && !batch.label.empty(), "supervised",
          [] { return std::string("the pictures have no labels; need a labelled set"); });
    Var<T> features = encoder(cast<T>(constant(tape, batch.image)));
    newest_ = {l2_normalize(Var<T>(features.value())).value(), {}};
    return {cross_entropy(head(features), batch.label)};
  }
  void after_step(const Batch&) {}
  const Related<T>& newest() const { return newest_; }
  double expected_loss(i64) const { return std::log(static_cast<double>(options.classes)); }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("head", self.head);
  }

 private:
  Related<T> newest_;
};

}  // namespace nacre::methods
