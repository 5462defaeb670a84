// Videos teach: frames near in time are related, frames far apart or of other clips are not. In two forms.
//
//   VideoContrast   z [V B, dim]  every frame -> encoder -> mlp head, unit rows
//                   loss = losses::contrast(z z^T, frame_relations(clip, frame, radii)): the batch alone
//   Vince           of the 2 V views of a clip the first V are queries q, the others keys k by a momentum encoder
//                   loss = losses::contrast(q [k; queue]^T, ..): all keys of the clip are positives, each held against
//                   the negatives alone (Denominator::own), and a queue makes the negatives many
//
// Frames of a clip correlate, so statistics over a batch give the answer away: the encoder has group norm.
// Vince's queue remembers clips and frames: its keys of the query's own clip are no negatives (the original, with far
// more clips than keys, does not ask). Views: pretext/frame_pairs.hpp, for Vince an even number of them.
// Few films give few scenes: what is learnt then is these scenes, more than what things are.
// Gordon et al., "Watching the world go by", 2020 (dim 64, temperature 0.07, momentum 0.999, four frames a clip).
// Throws nacre::Error. Tested in tests/methods/video.cpp.
#pragma once

#include <nacre/bank/queue.hpp>
#include <nacre/losses/contrast.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/methods/momentum.hpp>
#include <nacre/models/heads.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/matmul.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/optim/ema.hpp>

#include <algorithm>
#include <limits>

namespace nacre::methods {

inline constexpr losses::FrameRadii whole_clip{std::numeric_limits<i64>::max() - 1, std::numeric_limits<i64>::max()};

// The loss of an encoder that tells nothing apart: of each positive held against so many negatives.
inline double loss_of_equals(const losses::ContrastOptions& o, i64 positives, i64 negatives) {
  if (!o.plain()) return 0;
  return std::log(static_cast<double>(negatives + (o.denominator == losses::Denominator::all ? positives : 1)));
}

struct VideoContrastOptions {
  models::ResNetOptions encoder{.norm = nn::Norm::group};      // unused with an encoder of one's own
  i64 dim = 64;                                                // of the embedding
  losses::FrameRadii radii{.positive = 2, .negative = 10};     // FramePairSampler's
  losses::ContrastOptions contrast{.temperature = 0.1, .denominator = losses::Denominator::own};
};

template <class T, class Encoder = models::ResNet<T>>
struct VideoContrast {
  VideoContrastOptions options;
  Encoder encoder;
  models::ImageHead<T> head;

  VideoContrast(const VideoContrastOptions& o, Key key)
      : VideoContrast(o, Encoder(o.encoder, key.fold("encoder")), key) {}
  VideoContrast(const VideoContrastOptions& o, Encoder own, Key key)
      : options(o), encoder(std::move(own)), head(encoder.features(), o.dim, true, key.fold("head")) {}

  Var<T> embed_image(const Var<T>& images) const { return l2_normalize(head(encoder(images))); }

  Terms<T> loss(Tape& tape, const Batch& batch) {
    Var<T> z = embed_image(cast<T>(constant(tape, batch.image)));
    i64 n = batch.index.size();
    check(n >= 1 && z.dim(0) >= 2 * n && batch.clip.size() == z.dim(0) && batch.frame.size() == z.dim(0),
          "video_contrast", [&] {
            return "image is " + batch.image.shape().str() + ", clip " + batch.clip.shape().str() + ", frame " +
                   batch.frame.shape().str() + ", index " + batch.index.shape().str() +
                   "; need two views or more of each sample, with their clips and frames";
          });
    newest_ = {z.value().rows(0, n), z.value().rows(n, 2 * n)};
    losses::Relations relation = losses::frame_relations(batch.clip, batch.frame, options.radii);
    return {losses::contrast(matmul(z, z, {.transpose_b = true}), relation, options.contrast)};
  }
  void after_step(const Batch&) {}
  const Related<T>& newest() const { return newest_; }
  // Where frames of other samples are negatives; those that are neither lower it.
  double expected_loss(i64 batch, i64 views = 2) const {
    return loss_of_equals(options.contrast, views - 1, views * (batch - 1));
  }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("head", self.head);
  }

 private:
  Related<T> newest_;
};

struct VinceOptions {
  models::ResNetOptions encoder{.norm = nn::Norm::group};  // unused with an encoder of one's own
  i64 dim = 64;                                            // of the embedding
  i64 queue = 1024;                                        // keys; the paper, with far more clips: 65,536
  losses::FrameRadii radii = whole_clip;                   // the paper's: all frames of a clip are related
  losses::ContrastOptions contrast{.temperature = 0.07, .denominator = losses::Denominator::own};
  double momentum = 0.99;                                  // of the key encoder; 0.999 for 200 epochs of 5,000 steps
};

template <class T, class Encoder = models::ResNet<T>>
struct Vince {
  VinceOptions options;
  Encoder encoder;
  models::ImageHead<T> head;
  Encoder key_encoder;
  models::ImageHead<T> key_head;
  Queue<T> queue;
  State<i64> queue_clip, queue_frame;  // [K]; clip -1: a random row from before training

  Vince(const VinceOptions& o, Key key) : Vince(o, Encoder(o.encoder, key.fold("encoder")), key) {}
  Vince(const VinceOptions& o, Encoder own, Key key)
      : options(o),
        encoder(std::move(own)),
        head(encoder.features(), o.dim, true, key.fold("head")),
        key_encoder(momentum_copy(encoder)),
        key_head(momentum_copy(head)),
        queue(o.queue, o.dim, key),
        queue_clip(Tensor<i64>::full({o.queue}, -1)),
        queue_frame(Tensor<i64>::zeros({o.queue})) {}

  Var<T> embed_image(const Var<T>& images) const { return l2_normalize(head(encoder(images))); }
  Var<T> embed_key(const Var<T>& images) const { return l2_normalize(key_head(key_encoder(images))); }

  Terms<T> loss(Tape& tape, const Batch& batch) {
    Var<T> images = cast<T>(constant(tape, batch.image));
    i64 n = images.dim(0) / 2;
    check(n >= 1 && images.dim(0) % 2 == 0 && batch.clip.size() == 2 * n && batch.frame.size() == 2 * n, "vince", [&] {
      return "image is " + batch.image.shape().str() + ", clip " + batch.clip.shape().str() + ", frame " +
             batch.frame.shape().str() + "; need an even number of views, with their clips and frames";
    });
    auto as_key = [&](const Var<T>& x) { return embed_key(x); };
    Tensor<T> k = shuffled_in_groups(images.value().rows(n, 2 * n), 1, as_key, tape.next_key());
    Var<T> q = embed_image(slice(images, 0, 0, n));
    newest_ = {q.value(), k};
    std::vector<Var<T>> scores{matmul(q, Var<T>(k), {.transpose_b = true}),
                               matmul(q, Var<T>(queue.rows()), {.transpose_b = true})};
    return {losses::contrast(concat(scores, 1), relations(batch), options.contrast)};
  }
  void after_step(const Batch& batch) {
    i64 at = queue.cursor(), n = batch.clip.size() / 2;
    for (i64 i = n; i < 2 * n; ++i, at = (at + 1) % queue.size()) {
      queue_clip.value()[at] = batch.clip[i];
      queue_frame.value()[at] = batch.frame[i];
    }
    queue.push(newest_.b);
    optim::ema(key_encoder, encoder, options.momentum);
    optim::ema(key_head, head, options.momentum);
  }
  const Related<T>& newest() const { return newest_; }
  // Where keys of other samples and a queue full of keys are negatives; those of the query's own clip lower it.
  double expected_loss(i64 batch, i64 views = 2) const {
    return loss_of_equals(options.contrast, views / 2, views / 2 * (batch - 1) + options.queue);
  }

  // [n, n + K]: the queries beside the keys of the batch, and beside the queue, where nothing is a positive.
  losses::Relations relations(const Batch& batch) const {
    i64 n = batch.clip.size() / 2;
    Tensor<i64> clip = batch.clip.rows(0, n), frame = batch.frame.rows(0, n);
    auto to = [&](const Tensor<i64>& other_clip, const Tensor<i64>& other_frame) {
      return losses::frame_relations(clip, frame, other_clip, other_frame, options.radii);
    };
    losses::Relations old = to(queue_clip.value(), queue_frame.value());
    std::replace(old.data(), old.data() + old.size(), losses::Relation::positive, losses::Relation::ignored);
    return losses::beside(to(batch.clip.rows(n, 2 * n), batch.frame.rows(n, 2 * n)), old);
  }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("head", self.head);
    f("key_encoder", self.key_encoder);
    f("key_head", self.key_head);
    f("queue", self.queue);
    f("queue_clip", self.queue_clip);
    f("queue_frame", self.queue_frame);
  }

 private:
  Related<T> newest_;
};

}  // namespace nacre::methods
