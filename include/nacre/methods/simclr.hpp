// SimCLR: two crops of one picture are to be nearer than crops of different pictures.
//
//   views [2B, S, S, C] -> encoder -> mlp head -> unit rows z [2B, dim]
//   loss = losses::contrast_views(z): NT-Xent, unless `contrast` chooses or weighs the negatives
//
// The other views of the batch are the negatives, so the batch is what makes it strong: at 128 rows it has 254 where
// the paper's has 8,190. Batch statistics run over both views of the batch; on one device nothing splits a
// positive pair from the rest, so they give no pair away. With `chunk` they run over random chunks of the views:
// of views in order, chunks of the same pictures would know one another by their statistics.
// `batch.image` holds the first view of every sample, then the second (pretext::two_views).
// Chen et al., "A simple framework for contrastive learning of visual representations", 2020.
// Throws nacre::Error. Tested in tests/methods/simclr.cpp.
#pragma once

#include <nacre/autograd/grad_cache.hpp>
#include <nacre/losses/contrast_batch.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/models/mlp.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/ops/shape.hpp>

namespace nacre::methods {

struct SimclrOptions {
  models::ResNetOptions encoder;  // unused with an encoder of one's own
  i64 dim = 128;                  // of the embedding
  losses::ContrastOptions contrast{.temperature = 0.5};  // the paper's for CIFAR-10; 0.1 for ImageNet
  i64 chunk = 0;  // views in the encoder at a time, for batches beyond memory (autograd/grad_cache.hpp); 0: all 2B
};

template <class T, class Encoder = models::ResNet<T>>
struct Simclr {
  SimclrOptions options;
  Encoder encoder;
  models::Mlp<T> head;

  Simclr(const SimclrOptions& o, Key key) : Simclr(o, Encoder(o.encoder, key.fold("encoder")), key) {}
  Simclr(const SimclrOptions& o, Encoder own, Key key)
      : options(o),
        encoder(std::move(own)),
        head({encoder.features(), encoder.features(), o.dim}, {}, key.fold("head")) {}

  Var<T> embed_image(const Var<T>& images) const { return l2_normalize(head(encoder(images))); }

  // The rows of both views [2B, dim]; kept for newest.
  Var<T> embed(Tape& tape, const Batch& batch) {
    Var<T> z = options.chunk == 0 ? embed_image(cast<T>(constant(tape, batch.image))) : in_chunks(tape, batch.image);
    i64 n = z.dim(0) / 2;
    newest_ = {z.value().rows(0, n), z.value().rows(n, 2 * n)};
    return z;
  }

  Terms<T> loss(Tape& tape, const Batch& batch) {
    return {losses::contrast_views(embed(tape, batch), options.contrast)};
  }
  void after_step(const Batch&) {}
  const Related<T>& newest() const { return newest_; }
  double expected_loss(i64 batch) const {
    return options.contrast.plain() ? std::log(static_cast<double>(2 * batch - 1)) : 0;
  }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("head", self.head);
  }

 private:
  Var<T> in_chunks(Tape& tape, const Tensor<float>& views) const {
    const i64 n = views.dim(0);
    const Key key = tape.next_key();
    Tensor<i64> order({n}), back({n});
    for (i64 i = 0; i < n; ++i) back[i] = static_cast<i64>(permute(key, static_cast<u64>(i), static_cast<u64>(n)));
    for (i64 i = 0; i < n; ++i) order[back[i]] = i;
    auto embed_chunk = [=, this](Tape& own, i64 begin, i64 end) {
      return embed_image(cast<T>(gather_rows(constant(own, views), order.rows(begin, end))));
    };
    return gather_rows(grad_cache<T>(tape, n, options.chunk, embed_chunk), back);
  }

  Related<T> newest_;
};

}  // namespace nacre::methods
