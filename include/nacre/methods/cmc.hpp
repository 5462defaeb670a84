// CMC: the lightness of a picture and its colours are two views of it; each is to tell which picture the other is of.
//
//   image [B, S, S, 3] -> Y  -> luma encoder   -> head -> unit row y [B, dim]
//                      -> CC -> chroma encoder -> head -> unit row c [B, dim]         models/color_pair.hpp
//   loss = 1/2 InfoNCE(y -> colour bank) + 1/2 InfoNCE(c -> lightness bank)           losses/cross_nce.hpp
//   after the step: rows of both banks <- moving averages of y and c
//
// Views: pretext::one_view, both encoders see the same crop. The paper crops and mirrors, no more: jitter blurs what
// the colours tell, and a grey picture has no second view. The heads are linear as the paper's, with a batch norm
// after: ours, for the rows of untrained encoders lie so close together that a short run hardly parts them.
// As an encoder the pair is twice as wide as one of its networks: compare at equal numbers.
// Slow to begin: 8 epochs of 4,000 small pictures taught next to nothing, 13 of 10,000 as much as SimCLR learns.
// Tian, Krishnan & Isola, "Contrastive multiview coding", 2020. Throws nacre::Error. Tested in tests/methods/cmc.cpp.
#pragma once

#include <nacre/bank/memory_bank.hpp>
#include <nacre/bank/negatives.hpp>
#include <nacre/losses/cross_nce.hpp>
#include <nacre/losses/pirl.hpp>
#include <nacre/methods/encode_bank.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/models/color_pair.hpp>
#include <nacre/models/mlp.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/normalize.hpp>

namespace nacre::methods {

struct CmcOptions {
  models::ResNetOptions encoder;  // of both, in_channels apart; unused with encoders of one's own
  i64 dim = 128;                  // of the embedding
  i64 negatives = 4096;           // rows of a bank that a sample is pushed from
  losses::CrossNceOptions nce{.form = losses::NceForm::info_nce};  // cross entropy; their NCE was 0.6 % worse
  double bank_momentum = 0.5;     // weight of a row's past
};

template <class T, class Encoder = models::ResNet<T>>
struct Cmc {
  CmcOptions options;
  models::ColorPair<T, Encoder> encoder;
  models::Mlp<T> head_luma, head_chroma;
  MemoryBank<T> bank_luma, bank_chroma;
  State<double> z{Tensor<double>::zeros({1})};  // of the form nce_constant, 0 until the first batch

  // bank_rows: the number of training images; normalization: that of the batches. The banks start with random rows;
  // see encode_banks.
  Cmc(const CmcOptions& o, i64 bank_rows, const data::Normalization& normalization, Key key)
      : Cmc(o, {o.encoder, normalization, key.fold("encoder")}, bank_rows, key) {}
  Cmc(const CmcOptions& o, models::ColorPair<T, Encoder> own, i64 bank_rows, Key key)
      : options(o),
        encoder(std::move(own)),
        head_luma({encoder.luma.features(), o.dim}, {.norm_output = true}, key.fold("head_luma")),
        head_chroma({encoder.chroma.features(), o.dim}, {.norm_output = true}, key.fold("head_chroma")),
        bank_luma(bank_rows, o.dim, key.fold("bank_luma"), o.bank_momentum),
        bank_chroma(bank_rows, o.dim, key.fold("bank_chroma"), o.bank_momentum) {}

  // x [B, S, S, 3] -> unit rows [B, dim], twice
  models::LumaChroma<T> embed(const Var<T>& x) const {
    auto [y, c] = models::luma_chroma(x, encoder.std);
    return {l2_normalize(head_luma(encoder.luma(y))), l2_normalize(head_chroma(encoder.chroma(c)))};
  }

  losses::CrossNceTerms<T> loss(Tape& tape, const Batch& batch) {
    auto [y, c] = embed(cast<T>(constant(tape, batch.image)));
    newest_ = {y.value(), c.value()};
    Tensor<i64> negatives =
        draw_negatives(batch.index, bank_luma.size(), {.count = options.negatives}, tape.next_key());
    return losses::cross_nce(y, c, bank_luma.rows(), bank_chroma.rows(), batch.index, negatives, options.nce,
                             z.value()[0]);
  }

  void after_step(const Batch& batch) {
    bank_luma.update(batch.index, newest_.a);
    bank_chroma.update(batch.index, newest_.b);
  }
  // The rows of the lightness and of the colours.
  const Related<T>& newest() const { return newest_; }
  // With banks of random rows.
  double expected_loss(i64) const {
    if (!options.nce.contrast.plain()) return 0;
    losses::PirlOptions like{.temperature = options.nce.temperature, .form = options.nce.form};
    return losses::expected_initial_loss(like, options.negatives, options.dim);
  }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("head_luma", self.head_luma);
    f("head_chroma", self.head_chroma);
    f("bank_luma", self.bank_luma);
    f("bank_chroma", self.bank_chroma);
    f("z", self.z);
  }

 private:
  Related<T> newest_;
};

// Fills both banks with what the untrained encoders say. image(begin, end) -> [end - begin, S, S, 3]
template <class T, class Encoder, class F>
void encode_banks(Cmc<T, Encoder>& cmc, F&& image, i64 chunk = 256) {
  Cmc<T, Encoder> untrained = cmc;  // running statistics of the original stay as they are
  each_chunk(cmc.bank_luma.size(), chunk, [&](Tape& tape, const Tensor<i64>& index, i64 begin, i64 end) {
    auto [y, c] = untrained.embed(constant(tape, image(begin, end)));
    cmc.bank_luma.assign(index, y.value());
    cmc.bank_chroma.assign(index, c.value());
  });
}

}  // namespace nacre::methods
