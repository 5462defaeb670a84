// What methods over pictures and sounds share: an encoder and a head for each, and unit rows in one space.
//
//   image [B, S, S, C]     -> encoder       -> head       -> unit row [B, dim]
//   sound [B, F, mels, 1]  -> sound_encoder -> sound_head -> unit row [B, dim]
//
// Heads have batch norm after each layer, the last included. That is ours: the rows of untrained networks all point
// one way, each modality's its own, and a short run would spend itself on spreading them. With it 128 pairs are
// learnt in a third of the steps.
// Any modules with `features()` that take these shapes may be the encoders.
// Throws nacre::Error. Tested in tests/methods/avid.cpp, avts.cpp.
#pragma once

#include <nacre/methods/method.hpp>
#include <nacre/models/mlp.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/normalize.hpp>

namespace nacre::methods {

struct SeenAndHeardOptions {
  models::ResNetOptions encoder;                          // unused with encoders of one's own, as the next
  models::ResNetOptions sound_encoder{.in_channels = 1};
  i64 dim = 128;          // of the embedding
  bool mlp_head = true;   // a hidden layer as wide as the features
  bool head_norm = true;  // batch norm in the heads; AVID's have none
};

template <class T, class Encoder = models::ResNet<T>, class SoundEncoder = Encoder>
struct SeenAndHeard {
  Encoder encoder;
  SoundEncoder sound_encoder;
  models::Mlp<T> head, sound_head;

  SeenAndHeard(const SeenAndHeardOptions& o, Encoder own, SoundEncoder own_sound, Key key)
      : encoder(std::move(own)),
        sound_encoder(std::move(own_sound)),
        head(make_head(encoder.features(), o, key.fold("head"))),
        sound_head(make_head(sound_encoder.features(), o, key.fold("sound_head"))) {}

  Var<T> embed_image(const Var<T>& images) const { return l2_normalize(head(encoder(images))); }
  Var<T> embed_sound(const Var<T>& sounds) const { return l2_normalize(sound_head(sound_encoder(sounds))); }

  // The pictures' rows and the sounds'.
  const Related<T>& newest() const { return newest_; }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("sound_encoder", self.sound_encoder);
    f("head", self.head);
    f("sound_head", self.sound_head);
  }

 protected:
  Related<T> newest_;

 private:
  static models::Mlp<T> make_head(i64 features, const SeenAndHeardOptions& o, Key key) {
    models::MlpOptions norm{.batch_norm = o.head_norm, .norm_output = o.head_norm};
    if (o.mlp_head) return models::Mlp<T>({features, features, o.dim}, norm, key);
    return models::Mlp<T>({features, o.dim}, norm, key);
  }
};

}  // namespace nacre::methods
