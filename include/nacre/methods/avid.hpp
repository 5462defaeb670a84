// AVID: what is seen and what is heard of one source meet in one space; each modality teaches the other's encoder.
//
//   image [B, S, S, C]     -> encoder       -> head       -> unit row v [B, dim]
//   sound [B, F, mels, 1]  -> sound_encoder -> sound_head -> unit row s [B, dim]
//   loss = 1/2 NCE(v -> sound bank) + 1/2 NCE(s -> picture bank)            losses/cross_nce.hpp
//   after the step: rows of both banks <- moving averages of v and s
//
// Related: picture and sound of one sample, never of two. Negatives are drawn without the sample's own row: a loss
// of attraction alone would send both encoders to one point. Views: pretext::sound_views. The paper sees clips of 8
// frames by R(2+1)D-18 and 2 s of sound, on 230,000 videos; here a picture stands for its clip, which leaves motion
// out, and on a thousand sources names are learnt rather than kinds.
// Any modules with `features()` that take these shapes may be the encoders.
// Morgado, Vasconcelos & Misra, 2021. Throws nacre::Error. Tested in tests/methods/avid.cpp.
#pragma once

#include <nacre/bank/memory_bank.hpp>
#include <nacre/bank/negatives.hpp>
#include <nacre/losses/cross_nce.hpp>
#include <nacre/losses/pirl.hpp>
#include <nacre/methods/encode_bank.hpp>
#include <nacre/methods/seen_and_heard.hpp>

namespace nacre::methods {

struct AvidOptions : losses::CrossNceOptions, SeenAndHeardOptions {
  i64 negatives = 1024;       // rows of a bank that a sample is pushed from
  double bank_momentum = 0.5; // weight of a row's past
};

template <class T, class Encoder = models::ResNet<T>, class SoundEncoder = Encoder>
struct Avid : SeenAndHeard<T, Encoder, SoundEncoder> {
  using Both = SeenAndHeard<T, Encoder, SoundEncoder>;
  AvidOptions options;
  MemoryBank<T> bank, sound_bank;
  State<double> z{Tensor<double>::zeros({1})};  // Zbar of nce_constant, 0 until the first batch

  // bank_rows: the number of samples. The banks start with random rows; see encode_banks.
  Avid(const AvidOptions& o, i64 bank_rows, Key key)
      : Avid(o, Encoder(o.encoder, key.fold("encoder")), SoundEncoder(o.sound_encoder, key.fold("sound_encoder")),
             bank_rows, key) {}
  Avid(const AvidOptions& o, Encoder own, SoundEncoder own_sound, i64 bank_rows, Key key)
      : Both(o, std::move(own), std::move(own_sound), key),
        options(o),
        bank(bank_rows, o.dim, key.fold("bank"), o.bank_momentum),
        sound_bank(bank_rows, o.dim, key.fold("sound_bank"), o.bank_momentum) {}

  losses::CrossNceTerms<T> loss(Tape& tape, const Batch& batch) {
    check(batch.sound.rank() == 4 && batch.sound.dim(0) == batch.image.dim(0), "avid", [&] {
      return "sound is " + batch.sound.shape().str() + ", image is " + batch.image.shape().str() +
             "; need one window [F, mels, 1] a picture";
    });
    Var<T> seen = this->embed_image(cast<T>(constant(tape, batch.image)));
    Var<T> heard = this->embed_sound(cast<T>(constant(tape, batch.sound)));
    this->newest_ = {seen.value(), heard.value()};
    Tensor<i64> negatives =
        draw_negatives(batch.index, bank.size(), {.count = options.negatives}, tape.next_key());
    return losses::cross_nce(seen, heard, bank.rows(), sound_bank.rows(), batch.index, negatives, options,
                             z.value()[0]);
  }

  void after_step(const Batch& batch) {
    bank.update(batch.index, this->newest_.a);
    sound_bank.update(batch.index, this->newest_.b);
  }
  // With banks of random rows. Zbar is measured, so that at the first step nce_constant costs log(K c) + 1 too.
  double expected_loss(i64) const {
    if (!options.contrast.plain()) return 0;
    losses::PirlOptions like{.temperature = options.temperature, .form = options.form};
    return losses::expected_initial_loss(like, options.negatives, options.dim);
  }

  static void visit(auto& self, auto&& f) {
    Both::visit(self, f);
    f("bank", self.bank);
    f("sound_bank", self.sound_bank);
    f("z", self.z);
  }
};

// Fills both banks with what the untrained encoders say of samples [begin, end), of which image(begin, end) and
// sound(begin, end) are the inputs.
template <class T, class Encoder, class SoundEncoder, class Image, class Sound>
void encode_banks(Avid<T, Encoder, SoundEncoder>& avid, Image&& image, Sound&& sound, i64 chunk = 256) {
  auto untrained = avid;  // running statistics of the original stay as they are
  each_chunk(avid.bank.size(), chunk, [&](Tape& tape, const Tensor<i64>& index, i64 begin, i64 end) {
    avid.bank.assign(index, untrained.embed_image(constant(tape, image(begin, end))).value());
    avid.sound_bank.assign(index, untrained.embed_sound(constant(tape, sound(begin, end))).value());
  });
}

}  // namespace nacre::methods
