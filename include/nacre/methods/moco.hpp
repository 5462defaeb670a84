// MoCo: a query is to find the key of its other view among the keys of earlier batches.
//
//   query  q [B, dim]  view 0 -> encoder -> head, unit rows
//   key    k [B, dim]  view 1 -> momentum encoder -> momentum head, unit rows; not differentiated
//   loss = losses::contrast_queue(q, k, queue [K, dim]): InfoNCE, unless `contrast` chooses or weighs the negatives
//   after the step:  queue <- push(k),  momentum weights <- momentum old + (1 - momentum) new
//
// The queue makes the number of negatives independent of the batch; the slow copy keeps its old keys comparable.
// Both passes go through batch norm in groups (methods/momentum.hpp); running statistics of the copy are its own.
// v1 has a linear head and temperature 0.07; moco_v2() an mlp head and 0.2. The paper's momentum 0.999 and queue of
// 65,536 are made for a million pictures: at ten thousand 0.99 and 4,096 are the authors' own choice (CIFAR-10).
// Early losses lie below log(K + 1), since nothing in the queue is as near as two views of one picture.
// He et al., 2020; Chen et al., "Improved baselines with momentum contrastive learning", 2020.
// Throws nacre::Error. Tested in tests/methods/moco.cpp.
#pragma once

#include <nacre/bank/mochi.hpp>
#include <nacre/bank/queue.hpp>
#include <nacre/losses/contrast_batch.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/methods/momentum.hpp>
#include <nacre/models/heads.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/optim/ema.hpp>

namespace nacre::methods {

struct MocoOptions {
  models::ResNetOptions encoder;  // unused with an encoder of one's own
  i64 dim = 128;                  // of the embedding
  i64 queue = 4096;               // keys kept as negatives
  losses::ContrastOptions contrast{.temperature = 0.07};  // and a choice among the queue's negatives
  double momentum = 0.99;         // of the key encoder
  bool mlp_head = false;
  i64 groups = 8;                 // that a batch is cut into for batch norm
  bool mix_negatives = false;     // MoCHi: harder ones than the queue has (bank/mochi.hpp)
  MochiOptions mochi = {};
  double mochi_from = 0.075;      // share of the run after which they begin: 15 of 200 epochs in the paper
};
inline MocoOptions moco_v2(MocoOptions o = {}) {
  o.mlp_head = true;
  o.contrast.temperature = 0.2;
  return o;
}

template <class T, class Encoder = models::ResNet<T>>
struct Moco {
  MocoOptions options;
  Encoder encoder;
  models::ImageHead<T> head;
  Encoder key_encoder;
  models::ImageHead<T> key_head;
  Queue<T> queue;

  Moco(const MocoOptions& o, Key key) : Moco(o, Encoder(o.encoder, key.fold("encoder")), key) {}
  Moco(const MocoOptions& o, Encoder own, Key key)
      : options(o),
        encoder(std::move(own)),
        head(encoder.features(), o.dim, o.mlp_head, key.fold("head")),
        key_encoder(momentum_copy(encoder)),
        key_head(momentum_copy(head)),
        queue(o.queue, o.dim, key) {}

  Var<T> embed_image(const Var<T>& images) const { return l2_normalize(head(encoder(images))); }
  Var<T> embed_key(const Var<T>& images) const { return l2_normalize(key_head(key_encoder(images))); }

  Terms<T> loss(Tape& tape, const Batch& batch) {
    Var<T> images = cast<T>(constant(tape, batch.image));
    i64 n = images.dim(0) / 2;
    auto as_key = [&](const Var<T>& x) { return embed_key(x); };
    Tensor<T> k = shuffled_in_groups(images.value().rows(n, 2 * n), options.groups, as_key, tape.next_key());
    Var<T> q = in_groups(slice(images, 0, 0, n), options.groups, [&](const Var<T>& x) { return embed_image(x); });
    newest_ = {q.value(), k};
    Tensor<T> mixed;
    if (options.mix_negatives && batch.progress >= options.mochi_from)
      mixed = mochi(q.value(), queue.rows(), options.mochi, tape.next_key());
    return {losses::contrast_queue(q, k, queue.rows(), options.contrast, mixed)};
  }
  void after_step(const Batch&) {
    queue.push(newest_.b);
    optim::ema(key_encoder, encoder, options.momentum);
    optim::ema(key_head, head, options.momentum);
  }
  const Related<T>& newest() const { return newest_; }
  double expected_loss(i64) const {
    if (!options.contrast.plain() || options.mix_negatives) return 0;
    return std::log(static_cast<double>(options.queue + 1));
  }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("head", self.head);
    f("key_encoder", self.key_encoder);
    f("key_head", self.key_head);
    f("queue", self.queue);
  }

 private:
  Related<T> newest_;
};

}  // namespace nacre::methods
