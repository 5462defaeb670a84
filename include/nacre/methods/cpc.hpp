// CPC: from the rows of patches above, tell which patch comes k rows below.
//
//   patches [B, G G, P, P, C] -> encoder -> z [B, G, G, d]
//   c = context(z)                          c[b, r, col] sees z of the rows <= r alone
//   score of target (b', r' + k, col') for (b, r, col):  z[b', r' + k, col'] . W_k c[b, r, col] / sqrt(d)
//   loss = mean over k = skip + 1 .. skip + offsets of InfoNCE_k: the right target among those of `pictures` pictures
//
// Near patches are related, other places and other pictures are not; k starts where patches share no pixels
// (pretext/patches.hpp). No batch norm: through its statistics the patches of a picture would tell of one another.
// In a probe the encoder sees whole pictures; `OnPatches` shows it patches, as in training, and averages over the grid.
// One direction, downwards, as in the first paper (the second: four). Patches of 8 pixels teach textures: on pictures
// of 32 expect less than of methods that compare whole views.
// van den Oord et al., 2018; Hénaff et al., 2019 (context network). Tested in tests/methods/cpc.cpp.
#pragma once

#include <nacre/losses/contrast.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/nn/linear.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/ops/shape.hpp>
#include <nacre/pretext/patches.hpp>

namespace nacre::methods {

struct CpcOptions {
  models::ResNetOptions encoder{.norm = nn::Norm::layer};  // unused with an encoder of one's own
  i64 grid = 7;       // G
  i64 skip = 1;       // rows below that still share pixels
  i64 offsets = 5;    // as many W_k
  i64 layers = 4;     // of the context network, each of which sees one row more
  i64 hidden = 64;    // channels inside its layers
  i64 pictures = 16;  // of a batch whose patches are one another's negatives; a GPU of the first paper held 16
  losses::ContrastOptions contrast{.temperature = 1};  // of the scores above
};

// [B, H, W, d] -> the same shape: c = z, and layer by layer c += out(relu(rows(relu(in(c))))), `rows` a window of
// 2 x 3 places: this row and the one above.
template <class T>
struct RowContext {
  struct Layer {
    nn::Linear<T> in, out;
    Parameter<T> rows, bias;

    Layer(i64 d, i64 hidden, Key key)
        : in(d, hidden, key.fold("in")), out(hidden, d, key.fold("out")),
          rows(nn::he_normal<T>({hidden, 2, 3, hidden}, key.fold("rows"))),
          bias(Tensor<T>::zeros({hidden}), false) {}

    Var<T> operator()(const Var<T>& c) const {
      Var<T> h = relu(in(c));
      Var<T> y = conv2d(h, rows(h), {.padding = 1});             // H + 1 rows; row r saw r - 1 and r
      y = slice(y, 1, 0, c.dim(1)) + bias(h);
      return c + out(relu(y));
    }
    static void visit(auto& self, auto&& f) {
      f("in", self.in);
      f("rows", self.rows);
      f("bias", self.bias);
      f("out", self.out);
    }
  };
  std::vector<Layer> layers;

  RowContext(i64 d, i64 hidden, i64 count, Key key) {
    for (i64 i = 0; i < count; ++i) layers.emplace_back(d, hidden, key.fold(static_cast<u64>(i)));
  }
  Var<T> operator()(Var<T> z) const {
    for (const Layer& layer : layers) z = layer(z);
    return z;
  }
  static void visit(auto& self, auto&& f) {
    for (std::size_t i = 0; i < self.layers.size(); ++i) f(std::to_string(i), self.layers[i]);
  }
};

template <class T>
struct CpcTerms {
  Var<T> loss;
  std::vector<Var<T>> offset;  // of k = skip + 1, ..
};

template <class T, class Encoder = models::ResNet<T>>
struct Cpc {
  CpcOptions options;
  Encoder encoder;
  RowContext<T> context;
  std::vector<nn::Linear<T>> predict;  // W_k

  Cpc(const CpcOptions& o, Key key) : Cpc(o, Encoder(o.encoder, key.fold("encoder")), key) {}
  Cpc(const CpcOptions& o, Encoder own, Key key)
      : options(o), encoder(std::move(own)),
        context(encoder.features(), o.hidden, o.layers, key.fold("context")) {
    check(o.grid >= 2 && o.skip >= 0 && o.offsets >= 1 && o.skip + o.offsets < o.grid && o.pictures >= 1, "cpc", [&] {
      auto s = [](i64 v) { return std::to_string(v); };
      return "grid " + s(o.grid) + ", skip " + s(o.skip) + ", offsets " + s(o.offsets) + ", pictures " + s(o.pictures) +
             "; need skip + offsets below grid, and at least one offset and picture";
    });
    for (i64 k = 0; k < o.offsets; ++k)
      predict.emplace_back(encoder.features(), encoder.features(), key.fold("predict").fold(static_cast<u64>(k)),
                           false);
  }

  // patches [B, G G, P, P, C] -> z [B, G, G, d]
  Var<T> embed(Tape& tape, const Tensor<float>& patches) const {
    const Shape& s = patches.shape();
    const i64 g = options.grid;
    check(s.rank() == 5 && s[1] == g * g, "cpc", [&] {
      return "patches are " + s.str() + "; need [B, " + std::to_string(g * g) + ", P, P, C], a grid of " +
             std::to_string(g);
    });
    Var<T> z = encoder(cast<T>(constant(tape, patches.reshape({s[0] * s[1], s[2], s[3], s[4]}))));
    return reshape(z, {s[0], g, g, encoder.features()});
  }

  CpcTerms<T> loss(Tape& tape, const Batch& batch) { return loss(embed(tape, batch.patches)); }

  // z [B, G, G, d]
  CpcTerms<T> loss(const Var<T>& z) {
    const i64 g = options.grid, batch = z.dim(0), d = z.dim(3);
    Var<T> c = context(z);
    CpcTerms<T> terms;
    for (i64 i = 0; i < options.offsets; ++i) {
      const i64 k = options.skip + 1 + i, n = (g - k) * g;  // predictions a picture
      Var<T> what = reshape(predict[static_cast<std::size_t>(i)](slice(c, 1, 0, g - k)), {batch * n, d});
      Var<T> target = reshape(slice(z, 1, k, g), {batch * n, d});
      if (i == 0) keep(what.value(), target.value(), n, batch);
      Var<T> sum;
      for (i64 b = 0; b < batch; b += options.pictures) {
        const i64 end = std::min(b + options.pictures, batch);
        Var<T> scores = matmul(slice(what, 0, b * n, end * n), slice(target, 0, b * n, end * n), {.transpose_b = true});
        Var<T> term = losses::contrast(scores * (1 / std::sqrt(static_cast<double>(d))),
                                       losses::pair_relations((end - b) * n), options.contrast);
        term = term * (static_cast<double>(end - b) / static_cast<double>(batch));
        sum = b == 0 ? term : sum + term;
      }
      terms.offset.push_back(sum);
      terms.loss = i == 0 ? sum : terms.loss + sum;
    }
    terms.loss = terms.loss * (1 / static_cast<double>(options.offsets));
    return terms;
  }

  void after_step(const Batch&) {}
  // One place a picture, in the middle of the last row: what came there, and the nearest offset's prediction of it.
  const Related<T>& newest() const { return newest_; }
  // Each of n candidates equally likely: log n.
  double expected_loss(i64 batch) const {
    if (!options.contrast.plain()) return 0;
    double sum = 0;
    for (i64 b = 0; b < batch; b += options.pictures)
      for (i64 k = options.skip + 1; k <= options.skip + options.offsets; ++k) {
        const i64 pictures = std::min(options.pictures, batch - b), g = options.grid;
        sum += static_cast<double>(pictures) * std::log(static_cast<double>(pictures * (g - k) * g));
      }
    return sum / static_cast<double>(batch * options.offsets);
  }

  static void visit(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("context", self.context);
    for (std::size_t i = 0; i < self.predict.size(); ++i)
      f("predict." + std::to_string(self.options.skip + 1 + static_cast<i64>(i)), self.predict[i]);
  }

 private:
  void keep(const Tensor<T>& what, const Tensor<T>& target, i64 n, i64 batch) {
    Tensor<i64> place({batch});
    for (i64 b = 0; b < batch; ++b) place[b] = (b + 1) * n - (options.grid + 1) / 2;
    auto rows = [&](const Tensor<T>& all) { return l2_normalize(gather_rows(Var<T>(all), place)).value(); };
    newest_ = {rows(target), rows(what)};
  }

  Related<T> newest_;
};

// An encoder of patches as an encoder of pictures: the mean over the grid. [N, H, W, C] -> [N, features()].
template <class Encoder>
struct OnPatches {
  const Encoder& encoder;
  i64 patch, stride;

  i64 features() const { return encoder.features(); }
  template <class T>
  Tensor<T> embed(const Tensor<T>& images) const {
    Tensor<T> patches = pretext::patch_grid(images, patch, stride);
    const Shape& s = patches.shape();
    Var<T> z(encoder.embed(patches.reshape({s[0] * s[1], s[2], s[3], s[4]})));
    return global_avg_pool(reshape(z, {s[0], s[1], 1, z.dim(1)})).value();
  }
};
template <class Encoder>
OnPatches(const Encoder&, i64, i64) -> OnPatches<Encoder>;

}  // namespace nacre::methods
