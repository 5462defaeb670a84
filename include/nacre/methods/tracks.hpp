// Tracked objects teach: two patches of one object are nearer than patches of two, by a margin.
//
//   image [2 B, S, S, C] -> encoder -> head -> unit rows z [2 B, dim]        clip [2 B]: the track of each
//   loss = losses::triplet(z z^T, same track, margin): mean of max(0, D(x, x+) - D(x, x-) + margin), D = 1 - cos
//
// For the first `random_share` of the run each row is pushed from K negatives drawn at random, then from its K
// hardest: the hardest of an untrained network pull all to one point, and so do they in a short run while the learning
// rate is high: the loss then stays at the margin.
// Two tracks may show the same object, before and after it was hidden: as negatives they are wrong. The paper learns
// from 8 million patches of 100,000 videos; one film of people walking teaches to tell these people apart.
// Views: pretext/tracks.hpp. Wang & Gupta, "Unsupervised learning of visual representations using videos", 2015 (margin
// 0.5, K 4, random for 150,000 iterations). Throws nacre::Error. Tested in tests/methods/tracks.cpp.
#pragma once

#include <nacre/losses/margin.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/models/heads.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/matmul.hpp>
#include <nacre/ops/normalize.hpp>

namespace nacre::methods {

struct TracksOptions {
  models::ResNetOptions encoder{.norm = nn::Norm::group};  // patches of a track correlate, as frames do
  i64 dim = 64;                                            // of the embedding
  double margin = 0.5;
  i64 negatives = 4;                                       // K, for each row
  double random_share = 0.75;                              // of the run
};

template <class T, class Encoder = models::ResNet<T>>
struct Tracks {
  TracksOptions options;
  Encoder encoder;
  models::ImageHead<T> head;

  Tracks(const TracksOptions& o, Key key) : Tracks(o, Encoder(o.encoder, key.fold("encoder")), key) {}
  Tracks(const TracksOptions& o, Encoder own, Key key)
      : options(o), encoder(std::move(own)), head(encoder.features(), o.dim, false, key.fold("head")) {
    check(o.negatives >= 1 && o.random_share >= 0 && o.random_share <= 1, "tracks", [&] {
      return "negatives " + std::to_string(o.negatives) + ", random_share " + std::to_string(o.random_share) +
             "; need at least one negative, and a share in [0, 1]";
    });
  }

  Var<T> embed_image(const Var<T>& images) const { return l2_normalize(head(encoder(images))); }

  Terms<T> loss(Tape& tape, const Batch& batch) {
    Var<T> z = embed_image(cast<T>(constant(tape, batch.image)));
    i64 n = z.dim(0) / 2;
    check(n >= 1 && z.dim(0) == 2 * n && batch.clip.size() == 2 * n, "tracks", [&] {
      return "image is " + batch.image.shape().str() + ", clip " + batch.clip.shape().str() +
             "; need two views of each sample, with their tracks";
    });
    newest_ = {z.value().rows(0, n), z.value().rows(n, 2 * n)};
    losses::Relations relation = losses::label_relations(batch.clip);
    losses::TripletOptions triplet{.margin = options.margin};
    Key draws = tape.next_key();
    if (static_cast<double>(batch.progress) < options.random_share)
      relation = losses::random_negatives(relation, options.negatives, draws);
    else triplet.negatives.hardest = options.negatives;
    return {losses::triplet(matmul(z, z, {.transpose_b = true}), relation, triplet)};
  }
  void after_step(const Batch&) {}
  const Related<T>& newest() const { return newest_; }
  double expected_loss(i64) const { return options.margin; }  // D(x, x+) and D(x, x-) are alike

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("head", self.head);
  }

 private:
  Related<T> newest_;
};

}  // namespace nacre::methods
