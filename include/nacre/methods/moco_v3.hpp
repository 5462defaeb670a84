// MoCo v3: no queue; each view is to find the other view's key among the keys of the batch.
//
//   q_v [B, dim]  view v -> encoder -> projector -> predictor, unit rows
//   k_v [B, dim]  view v -> momentum encoder -> momentum projector, unit rows; not differentiated
//   loss = 2 temperature (CE(q_0 k_1^T / temperature) + CE(q_1 k_0^T / temperature)),   labels on the diagonal
//          CE = losses::contrast_pairs, in which `contrast` chooses or weighs the negatives
//   after the step:  momentum weights move; momentum rises from its option to 1 along half a cosine
//
// The stop of the gradient at the keys and the predictor are what tells it from a symmetric SimCLR. Keys of both views
// pass the copy together, in one batch norm. Its strength is a batch of 4,096; a small one leaves few negatives.
// Chen, Xie & He, "An empirical study of training self-supervised vision transformers", 2021.
// Throws nacre::Error. Tested in tests/methods/moco.cpp.
#pragma once

#include <nacre/losses/contrast_batch.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/methods/momentum.hpp>
#include <nacre/models/mlp.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/optim/ema.hpp>

#include <numbers>

namespace nacre::methods {

struct MocoV3Options {
  models::ResNetOptions encoder;  // unused with an encoder of one's own
  i64 hidden = 512;               // of projector and predictor; the paper's 4,096 goes with 2,048 features
  i64 dim = 256;                  // of the embedding
  losses::ContrastOptions contrast{.temperature = 0.2};  // 1.0 in the paper's ResNet-50 runs of batch 4,096
  double momentum = 0.99;         // of the key encoder, at the start
};

template <class T, class Encoder = models::ResNet<T>>
struct MocoV3 {
  MocoV3Options options;
  Encoder encoder;
  models::Mlp<T> projector, predictor;
  Encoder key_encoder;
  models::Mlp<T> key_projector;

  MocoV3(const MocoV3Options& o, Key key) : MocoV3(o, Encoder(o.encoder, key.fold("encoder")), key) {}
  MocoV3(const MocoV3Options& o, Encoder own, Key key)
      : options(o),
        encoder(std::move(own)),
        projector({encoder.features(), o.hidden, o.dim}, {.batch_norm = true, .norm_output = true},
                  key.fold("projector")),
        predictor({o.dim, o.hidden, o.dim}, {.batch_norm = true}, key.fold("predictor")),
        key_encoder(momentum_copy(encoder)),
        key_projector(momentum_copy(projector)) {}

  Var<T> embed_image(const Var<T>& images) const { return l2_normalize(predictor(projector(encoder(images)))); }
  Var<T> embed_key(const Var<T>& images) const { return l2_normalize(key_projector(key_encoder(images))); }

  Terms<T> loss(Tape& tape, const Batch& batch) {
    Var<T> images = cast<T>(constant(tape, batch.image));
    i64 n = images.dim(0) / 2;
    auto as_key = [&](const Var<T>& x) { return embed_key(x); };
    Tensor<T> k = shuffled_in_groups(images.value(), 1, as_key, tape.next_key());
    Var<T> q = embed_image(images);
    newest_ = {q.value().rows(0, n), k.rows(n, 2 * n)};
    Var<T> first = losses::contrast_pairs(slice(q, 0, 0, n), k.rows(n, 2 * n), options.contrast);
    Var<T> second = losses::contrast_pairs(slice(q, 0, n, 2 * n), k.rows(0, n), options.contrast);
    return {(first + second) * (2 * options.contrast.temperature)};
  }
  void after_step(const Batch& batch) {
    double m = momentum(batch.progress);
    optim::ema(key_encoder, encoder, m);
    optim::ema(key_projector, projector, m);
  }
  double momentum(double progress) const {
    return 1 - (1 - options.momentum) * (1 + std::cos(std::numbers::pi * progress)) / 2;
  }
  const Related<T>& newest() const { return newest_; }
  double expected_loss(i64 batch) const {
    if (!options.contrast.plain()) return 0;
    return 4 * options.contrast.temperature * std::log(static_cast<double>(batch));
  }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("projector", self.projector);
    f("predictor", self.predictor);
    f("key_encoder", self.key_encoder);
    f("key_projector", self.key_projector);
  }

 private:
  Related<T> newest_;
};

}  // namespace nacre::methods
