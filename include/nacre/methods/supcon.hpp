// Supervised contrastive learning: what SimCLR would be if the labels said who is related. A bound, not a method
// without labels. Relatives come from the batch: where it is far smaller than the number of classes, most rows have
// only their own second view, and this is SimCLR.
//
//   views [2B, S, S, C] -> encoder -> mlp head -> unit rows z [2B, dim]
//   loss = losses::contrast(z z^T, label_relations): each row against all others of its class, both views,
//   mean over its positives of log sum_{j != i} e^{s_ij / temperature} - s_ip / temperature
//
// Khosla et al., "Supervised contrastive learning", 2020, their L_out.
// Throws nacre::Error. Tested in tests/methods/supcon.cpp.
#pragma once

#include <nacre/methods/simclr.hpp>

namespace nacre::methods {

struct SupConOptions : SimclrOptions {
  SupConOptions() { contrast.temperature = 0.1; }
};

template <class T, class Encoder = models::ResNet<T>>
struct SupCon : Simclr<T, Encoder> {
  using Simclr<T, Encoder>::Simclr;

  Terms<T> loss(Tape& tape, const Batch& batch) {
    i64 n = batch.image.dim(0) / 2;
    check(batch.label.size() == n && n > 0, "supcon", [&] {
      return "image is " + batch.image.shape().str() + ", label is " + batch.label.shape().str() +
             "; need two views of each picture, and the pictures' labels [B]";
    });
    Var<T> z = this->embed(tape, batch);
    Tensor<i64> label({2 * n});
    for (i64 i = 0; i < 2 * n; ++i) label[i] = batch.label[i % n];
    return {losses::contrast(matmul(z, z, {.transpose_b = true}), losses::label_relations(label),
                             this->options.contrast)};
  }
};

}  // namespace nacre::methods
