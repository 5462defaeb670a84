// AVTS: a picture is to lie near the sound of its moment, and away from other videos' sounds and other moments'.
//
//   image [B, S, S, C]       -> encoder       -> head       -> unit row v [B, dim]
//   sound [V B, F, mels, 1]  -> sound_encoder -> sound_head -> unit row s; view 1 is the same video, shifted
//   loss = mean over at most 2 B pairs of |v_i - s_i|^2 and max(0, eta - |v_i - s_n(i)|)^2  losses/margin.hpp
//
//   n(i)   easy   the sound of another source in the batch, drawn uniformly from those that `negatives` leaves
//          hard   view 1 of i: from progress `hard_from` on, for a share `hard_share` of the pictures
//
// Hard pairs from the start keep a network from learning at all, says the paper. A picture alone with its source
// gets view 1, or no negative where there is none, nor where `negatives` (hardest, semi-hard, ring: by the cosines
// v_i . s_j against v_i . s_i) leaves none. Views: pretext::sound_views with shift half a second. The paper embeds
// 2 s of video; one picture tells moments apart only where they look apart. Unrelated unit rows lie at sqrt 2 > eta.
// Korbar, Tran & Torresani, "Cooperative learning of audio and video models from self-supervised synchronization",
// 2018. Throws nacre::Error. Tested in tests/methods/avts.cpp.
#pragma once

#include <nacre/losses/margin.hpp>
#include <nacre/methods/seen_and_heard.hpp>
#include <nacre/ops/matmul.hpp>
#include <nacre/ops/shape.hpp>
#include <nacre/ops/similarity.hpp>

namespace nacre::methods {

struct AvtsOptions : SeenAndHeardOptions {
  double eta = 0.99;          // the margin
  double hard_from = 5.0 / 9; // of the run: the paper's epoch 51 of 90
  double hard_share = 0.25;   // 0: the sounds need no view 1
  losses::NegativeChoice negatives = {};  // among other sources' sounds; the paper's is all
};

template <class T, class Encoder = models::ResNet<T>, class SoundEncoder = Encoder>
struct Avts : SeenAndHeard<T, Encoder, SoundEncoder> {
  AvtsOptions options;

  Avts(const AvtsOptions& o, Key key)
      : Avts(o, Encoder(o.encoder, key.fold("encoder")), SoundEncoder(o.sound_encoder, key.fold("sound_encoder")),
             key) {}
  Avts(const AvtsOptions& o, Encoder own, SoundEncoder own_sound, Key key)
      : SeenAndHeard<T, Encoder, SoundEncoder>(o, std::move(own), std::move(own_sound), key), options(o) {
    losses::detail::check_choice("avts", o.negatives);
    check(o.hard_from >= 0 && o.hard_share >= 0 && o.hard_share <= 1, "avts", [&] {
      return "hard_from " + std::to_string(o.hard_from) + ", hard_share " + std::to_string(o.hard_share) +
             "; need no negative ones and a share of at most 1";
    });
  }

  // For each picture the row of `sound` that is its negative; -1: it has none. cosines [B, B] of pictures and matching
  // sounds, by which options.negatives chooses; without them it does not. Who gets view 1 does not depend on them.
  Tensor<i64> negatives(const Batch& batch, Key key, const Tensor<T>& cosines = {}) const {
    i64 n = batch.image.dim(0);
    bool shifted = batch.sound.dim(0) == 2 * n, hard_phase = static_cast<double>(batch.progress) >= options.hard_from;
    check(shifted || options.hard_share == 0, "avts", [&] {
      return "sound is " + batch.sound.shape().str() + ", image is " + batch.image.shape().str() +
             "; hard negatives need two windows a picture (sound_views with shift), or hard_share 0";
    });
    Tensor<i64> index({n});
    for (i64 i = 0; i < n; ++i) {
      Random random(key.fold(static_cast<u64>(i)));
      bool hard = hard_phase && random.chance(static_cast<float>(options.hard_share));
      std::vector<i64> others;
      for (i64 j = 0; j < n; ++j)
        if (batch.clip[j] != batch.clip[i]) others.push_back(j);
      bool own_video = hard || (others.empty() && shifted);
      if (!cosines.empty()) others = chosen(others, cosines.data() + i * n, cosines[i * n + i]);
      if (own_video) index[i] = n + i;
      else index[i] = others.empty() ? -1 : others[random.below(static_cast<u32>(others.size()))];
    }
    return index;
  }

  Terms<T> loss(Tape& tape, const Batch& batch) {
    i64 n = batch.image.rank() == 4 ? batch.image.dim(0) : 0;
    i64 windows = batch.sound.rank() == 4 ? batch.sound.dim(0) : 0;
    check(n >= 1 && (windows == n || windows == 2 * n) && batch.clip.size() == n, "avts", [&] {
      return "sound is " + batch.sound.shape().str() + ", image is " + batch.image.shape().str() + ", clip is " +
             batch.clip.shape().str() + "; need one or two windows [F, mels, 1] and one clip a picture";
    });
    // All matching windows, and of the shifted ones those that are needed.
    Key draws = tape.next_key();
    Tensor<i64> negative = negatives(batch, draws), used({2 * n});
    i64 rows = n;
    for (i64 i = 0; i < n; ++i) {
      used[i] = i;
      if (negative[i] >= n) used[rows++] = negative[i];
    }
    Var<T> seen = this->embed_image(cast<T>(constant(tape, batch.image)));
    Var<T> heard = this->embed_sound(cast<T>(gather_rows(constant(tape, batch.sound), used.rows(0, rows))));
    this->newest_ = {seen.value(), heard.value().rows(0, n)};
    if (!options.negatives.all()) {
      Var<T> v(seen.value()), s(this->newest_.b);
      negative = negatives(batch, draws, matmul(v, s, {.transpose_b = true}).value());
    }
    Tensor<i64> pair({2 * n});
    Tensor<losses::Relation> relation({2 * n});
    for (i64 i = 0, shifted = n; i < n; ++i) {
      pair[i] = i;
      pair[n + i] = negative[i] < n ? std::max<i64>(negative[i], 0) : shifted++;
      relation[i] = losses::Relation::positive;
      relation[n + i] = negative[i] < 0 ? losses::Relation::ignored : losses::Relation::negative;
    }
    Var<T> squared = row_dot(concat<T>({seen, seen}, 0), gather_rows(heard, pair)) * -2.0 + 2.0;  // of unit rows
    return {losses::contrastive_margin(squared, relation, options.eta)};
  }

  void after_step(const Batch&) {}
  // Two encoders that know nothing of one another: right angles, |v - s|^2 = 2 of each related pair, half of all.
  double expected_loss(i64) const {
    if (!options.negatives.all()) return 0;
    double push = std::max(0.0, options.eta - std::sqrt(2.0));
    return (2 + push * push) / 2;
  }

 private:
  // Those of the columns of one picture's cosines that options.negatives chooses.
  std::vector<i64> chosen(const std::vector<i64>& columns, const T* cosine, T positive) const {
    std::vector<T> x;
    std::vector<i64> order, left;
    for (i64 j : columns) x.push_back(cosine[j]);
    losses::detail::choose(x.data(), static_cast<i64>(x.size()), positive, T(1), options.negatives, order);
    for (std::size_t k = 0; k < x.size(); ++k)
      if (x[k] != losses::detail::left_out<T>) left.push_back(columns[k]);
    return left;
  }
};

}  // namespace nacre::methods
