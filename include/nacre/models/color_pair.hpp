// ColorPair: two encoders of one picture, one sees how light it is and the other which colours it has.
//
//   x [N, H, W, 3], normalised -> Y [N, H, W, 1]       -> luma    [N, F]
//                              -> Cb, Cr [N, H, W, 2]  -> chroma  [N, F]       together [N, 2 F]
//
//   rgb = x std;  Y = .299 r + .587 g + .114 b,  Cb = .564 (b - Y),  Cr = .713 (r - Y)
//
// A fixed linear map of the deviations from the mean colour, which stays 0, as padding is; Lab, the paper's other
// choice, is not linear. The pair is an encoder as any other: features(), stages() (channels side by side), embed().
// `luma` and `chroma` are encoders of their own; a pair of ResNets has one file (models/weights.hpp).
// ITU-R BT.601; Tian et al., "Contrastive multiview coding", 2020. Throws nacre::Error.
// Tested in tests/models/color_pair.cpp.
#pragma once

#include <nacre/data/dataset.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/ops/matmul.hpp>
#include <nacre/ops/shape.hpp>

namespace nacre::models {

template <class T>
struct LumaChroma {
  Var<T> luma, chroma;
};

// x [.., 3] -> [.., 1] and [.., 2]
template <class T>
LumaChroma<T> luma_chroma(const Var<T>& x, const std::array<float, 3>& std) {
  check(x.shape().rank() >= 1 && x.dim(-1) == 3, "luma_chroma",
        [&] { return "x is " + x.shape().str() + "; need [.., 3], red, green and blue"; });
  const double y[3] = {0.299, 0.587, 0.114};
  Tensor<T> luma({1, 3}), chroma({2, 3});
  for (i64 i = 0; i < 3; ++i) {
    const double scale = std[static_cast<std::size_t>(i)], weight = y[i];
    luma[i] = static_cast<T>(weight * scale);
    chroma[i] = static_cast<T>(0.564 * ((i == 2) - weight) * scale);
    chroma[3 + i] = static_cast<T>(0.713 * ((i == 0) - weight) * scale);
  }
  return {linear(x, Var<T>(luma), Var<T>()), linear(x, Var<T>(chroma), Var<T>())};
}

template <class T, class Encoder = ResNet<T>>
struct ColorPair {
  using value_type = T;
  std::array<float, 3> std;  // by which pictures were divided
  Encoder luma, chroma;      // of 1 and of 2 channels

  // in_channels of the options is not looked at. The normalization must be known.
  ColorPair(const ResNetOptions& o, const data::Normalization& n, Key key)
      : ColorPair(Encoder(with(o, 1), key.fold("luma")), Encoder(with(o, 2), key.fold("chroma")), n) {}
  ColorPair(Encoder y, Encoder c, const data::Normalization& n)
      : std(n.std), luma(std::move(y)), chroma(std::move(c)) {
    check(n.known(), "color_pair", [] { return std::string("the normalization is not known"); });
  }

  // Of both, but for the channels: those of the pictures.
  ResNetOptions options() const
    requires requires(const Encoder& e) { e.options(); }
  {
    return with(luma.options(), 3);
  }
  i64 features() const { return luma.features() + chroma.features(); }
  Stages<T> stages(const Var<T>& x) const
    requires requires(const Encoder& e) { e.stages(x); }
  {
    auto [y, c] = luma_chroma(x, std);
    Stages<T> a = luma.stages(y), b = chroma.stages(c);
    auto both = [&](Var<T> Stages<T>::*stage) { return concat<T>({a.*stage, b.*stage}, -1); };
    using S = Stages<T>;
    return {both(&S::stem), both(&S::layer1), both(&S::layer2), both(&S::layer3), both(&S::layer4), both(&S::pool)};
  }
  // x [N, H, W, 3] -> [N, features()]
  Var<T> operator()(const Var<T>& x) const {
    auto [y, c] = luma_chroma(x, std);
    return concat<T>({luma(y), chroma(c)}, -1);
  }
  // As ResNet::embed: a row depends on its picture alone.
  Tensor<T> embed(const Tensor<T>& images, i64 chunk = 0) const {
    auto [y, c] = luma_chroma(Var<T>(images), std);
    Var<T> a(luma.embed(y.value(), chunk)), b(chroma.embed(c.value(), chunk));
    return concat<T>({a, b}, -1).value();
  }

  static void visit(auto& self, auto&& f) {
    f("luma", self.luma);
    f("chroma", self.chroma);
  }

 private:
  static ResNetOptions with(ResNetOptions o, i64 channels) {
    o.in_channels = channels;
    return o;
  }
};

}  // namespace nacre::models
