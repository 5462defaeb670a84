// PIRL: an encoder that maps an image and its shuffled patches to the same point.
//
//   image   [B, S, S, C]     -> encoder -> image head              -> unit row [B, dim]
//   patches [B, 9, P, P, C]  -> encoder -> jigsaw head (nine rows) -> unit row [B, dim]
//   loss = losses::pirl(image, patches, bank)       after the step: bank row <- moving average of the image's row
//
// Pretext::rotation has one piece instead of nine, the turned picture [B, 1, S, S, C]; pretext::pirl_views makes them.
// The encoder runs on the images, then on all patches at once. Heads are dropped after training. lambda = 0 is
// NPID (Wu et al., 2018): the patch branch is not run at all. Any module with `features()` that turns pictures
// [N, H, W, C] into rows [N, features()] may be the encoder (examples/05_my_backbone.cpp).
// Patches need pixels: of pictures of 32 a patch has 8, and there NPID learns as much in less time.
// Misra & van der Maaten, 2020. Tested in tests/methods/pirl.cpp, pirl_golden.cpp.
#pragma once

#include <nacre/bank/memory_bank.hpp>
#include <nacre/bank/negatives.hpp>
#include <nacre/data/loader.hpp>
#include <nacre/losses/contrast_batch.hpp>
#include <nacre/losses/pirl.hpp>
#include <nacre/methods/encode_bank.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/models/heads.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/pretext/jigsaw.hpp>

namespace nacre::methods {

using pretext::Pretext;
struct PirlOptions : losses::PirlOptions {
  models::ResNetOptions encoder; // unused with an encoder of one's own
  Pretext pretext = Pretext::jigsaw;
  i64 dim = 128;                 // of the embedding
  i64 negatives = 4096;          // rows of the bank a sample is pushed from
  bool shared_negatives = false; // one set for the whole batch
  bool mlp_head = false;         // a hidden layer in the image head, as in VISSL's better recipe
  double bank_momentum = 0.5;    // weight of a row's past
  losses::ContrastOptions contrast = {};  // choice and weights of negatives, for info_nce; its temperature is not used
};

template <class T, class Encoder = models::ResNet<T>>
struct Pirl {
  PirlOptions options;
  Encoder encoder;
  models::ImageHead<T> head_image;
  models::JigsawHead<T> head_jigsaw;
  MemoryBank<T> bank;
  State<double> z{Tensor<double>::zeros({1})};  // Z of nce_constant, 0 until the first batch

  struct Output {
    Var<T> image, patches;  // unit rows [B, dim]; patches is empty when lambda is 0
  };

  // bank_rows: the number of training images. The bank starts with random rows; see encode_bank.
  Pirl(const PirlOptions& o, i64 bank_rows, Key key)
      : Pirl(o, Encoder(o.encoder, key.fold("encoder")), bank_rows, key) {}
  Pirl(const PirlOptions& o, Encoder own, i64 bank_rows, Key key)
      : options(o), encoder(std::move(own)),
        head_image(encoder.features(), o.dim, o.mlp_head, key.fold("head_image")),
        head_jigsaw(encoder.features(), o.dim, o.pretext == Pretext::rotation ? 1 : 9, key.fold("head_jigsaw")),
        bank(bank_rows, o.dim, key, o.bank_momentum) {}

  Var<T> embed_image(const Var<T>& images) const;
  Var<T> embed_patches(Tape& tape, const Tensor<T>& patches) const;

  Output operator()(Tape& tape, const Tensor<T>& images, const Tensor<T>& patches) const {
    Output out;
    out.image = embed_image(constant(tape, images));
    if (options.lambda > 0) out.patches = embed_patches(tape, patches);
    return out;
  }

  // One batch to its loss, negatives drawn from the tape's key. Keeps the image rows for after_step.
  losses::PirlTerms<T> loss(Tape& tape, const Batch& batch);
  void after_step(const Batch& batch) { bank.update(batch.index, newest_.a); }
  const Related<T>& newest() const { return newest_; }  // the pictures' rows; the patches' unless lambda is 0
  double expected_loss(i64) const {
    return options.contrast.plain() ? losses::expected_initial_loss(options, options.negatives, options.dim) : 0;
  }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("head_image", self.head_image);
    f("head_jigsaw", self.head_jigsaw);
    f("bank", self.bank);
    f("z", self.z);
  }

 private:
  // The same two terms where negatives are chosen or weighed.
  losses::PirlTerms<T> chosen(const Output& out, const Tensor<i64>& own, const Tensor<i64>& negatives) const {
    losses::ContrastOptions o = losses::in_place_of("pirl", options.form, options.temperature, options.contrast);
    losses::PirlTerms<T> t;
    t.loss = t.image = losses::contrast_bank(out.image, bank.rows(), own, negatives, o);
    if (options.lambda == 0) return t;
    t.patches = losses::contrast_bank(out.patches, bank.rows(), own, negatives, o);
    t.loss = t.patches * options.lambda + t.image * (1 - options.lambda);
    return t;
  }

  Related<T> newest_;
};

template <class T, class Encoder>
Var<T> Pirl<T, Encoder>::embed_image(const Var<T>& images) const {
  return l2_normalize(head_image(encoder(images)));
}

template <class T, class Encoder>
Var<T> Pirl<T, Encoder>::embed_patches(Tape& tape, const Tensor<T>& patches) const {
  const Shape& s = patches.shape();
  check(s.rank() == 5 && s[1] == head_jigsaw.cells, "pirl", [&] {
    return "patches are " + s.str() + "; need [B, " + std::to_string(head_jigsaw.cells) + ", P, P, C]";
  });
  return l2_normalize(head_jigsaw(encoder(constant(tape, patches.reshape({s[0] * s[1], s[2], s[3], s[4]})))));
}

template <class T, class Encoder>
losses::PirlTerms<T> Pirl<T, Encoder>::loss(Tape& tape, const Batch& batch) {
  auto in_t = [](const Tensor<float>& x) { return cast<T>(Var<float>(x)).value(); };
  Output out = (*this)(tape, in_t(batch.image), in_t(batch.patches));
  newest_ = {out.image.value(), options.lambda > 0 ? out.patches.value() : Tensor<T>()};
  NegativesOptions draw{
      .count = options.negatives, .shared = options.shared_negatives, .exclude_self = options.exclude_self};
  Tensor<i64> negatives = draw_negatives(batch.index, bank.size(), draw, tape.next_key());
  if (!options.contrast.plain()) return chosen(out, batch.index, negatives);
  return losses::pirl(out.image, out.patches, bank.rows(), batch.index, negatives, options, z.value()[0]);
}

// Fills the bank with the embeddings of the untrained encoder. image(begin, end) -> [end - begin, S, S, C]
template <class T, class Encoder, class F>
void encode_bank(Pirl<T, Encoder>& pirl, F&& image, i64 chunk = 256) {
  Pirl<T, Encoder> untrained = pirl;  // running statistics of the original stay as they are
  each_chunk(pirl.bank.size(), chunk, [&](Tape& tape, const Tensor<i64>& index, i64 begin, i64 end) {
    pirl.bank.assign(index, untrained.embed_image(constant(tape, image(begin, end))).value());
  });
}

NACRE_INSTANCE(struct Pirl<float>)

}  // namespace nacre::methods
