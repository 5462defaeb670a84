// Residual: y = relu(F(x) + shortcut(x)), the block of a ResNet, with torchvision's names.
//
//   basic       F = bn2 conv2(3x3) relu bn1 conv1(3x3 / stride)                                     out = channels
//   bottleneck  F = bn3 conv3(1x1) relu bn2 conv2(3x3 / stride) relu bn1 conv1(1x1)             out = 4 channels
//
// The shortcut is the identity where shapes allow, else `downsample`: a strided 1x1 convolution and the norm. bn is
// batch norm, or group or layer norm under the same names (nn/norm.hpp).
// He et al., 2015; the stride on the 3x3 of a bottleneck is torchvision's ("ResNet V1.5").
// Tested in tests/nn/residual.cpp.
#pragma once

#include <nacre/nn/conv2d.hpp>
#include <nacre/nn/norm.hpp>
#include <nacre/ops/batchnorm_conv.hpp>

namespace nacre::nn {

// conv(relu(bn(x))); with batch norm it keeps x alone for the backward (ops/batchnorm_conv.hpp).
template <class T>
Var<T> relu_conv(const ImageNorm<T>& bn, const Conv2d<T>& conv, const Var<T>& x) {
  if (bn.groups > 0) return conv(bn.relu(x));
  return batch_norm_relu_conv2d(x, bn.weight(x), bn.bias(x), bn.running_mean, bn.running_var, conv.weight(x),
                                conv.options, bn.options);
}

template <class T>
struct Downsample {
  Conv2d<T> conv;
  ImageNorm<T> bn;

  Var<T> operator()(const Var<T>& x) const { return bn(conv(x)); }
  static void visit(auto& self, auto&& f) {
    f("0", self.conv);
    f("1", self.bn);
  }
};

template <class T>
struct Residual {
  bool bottleneck = false, projected = false;  // projected: the shortcut is `downsample`
  Conv2d<T> conv1, conv2, conv3;
  ImageNorm<T> bn1, bn2, bn3;
  Downsample<T> downsample;

  Residual(i64 in, i64 channels, i64 stride, bool narrow, Key key, Norm norm = Norm::batch)
      : bottleneck(narrow), bn1(channels, norm), bn2(channels, norm) {
    i64 out = narrow ? 4 * channels : channels;
    ConvOptions strided{.stride = stride, .padding = 1};
    if (narrow) {
      conv1 = Conv2d<T>(in, channels, 1, {}, key.fold("conv1"));
      conv2 = Conv2d<T>(channels, channels, 3, strided, key.fold("conv2"));
      conv3 = Conv2d<T>(channels, out, 1, {}, key.fold("conv3"));
      bn3 = ImageNorm<T>(out, norm);
    } else {
      conv1 = Conv2d<T>(in, channels, 3, strided, key.fold("conv1"));
      conv2 = Conv2d<T>(channels, channels, 3, {.padding = 1}, key.fold("conv2"));
    }
    projected = stride != 1 || in != out;
    if (!projected) return;
    downsample = {Conv2d<T>(in, out, 1, {.stride = stride}, key.fold("downsample")), ImageNorm<T>(out, norm)};
  }

  Var<T> operator()(const Var<T>& x) const {
    Var<T> y = relu_conv(bn1, conv2, conv1(x));
    if (bottleneck) y = relu_conv(bn2, conv3, y);
    return (bottleneck ? bn3 : bn2).relu(y, projected ? downsample(x) : x);
  }

  // Each block starts as its shortcut (Goyal et al., 2017).
  void zero_last_gamma() { (bottleneck ? bn3 : bn2).weight.value().fill(T(0)); }

  static void visit(auto& self, auto&& f) {
    f("conv1", self.conv1);
    f("bn1", self.bn1);
    f("conv2", self.conv2);
    f("bn2", self.bn2);
    if (self.bottleneck) {
      f("conv3", self.conv3);
      f("bn3", self.bn3);
    }
    if (self.projected) f("downsample", self.downsample);
  }
};

}  // namespace nacre::nn
