// ResNet-18, -34 and -50 at any width and image size, every stage's output within reach.
//
//   x [N, H, W, C] -> stem -> layer1 .. layer4 -> pool [N, features()]
//   stem   imagenet: 7x7 / 2, batch norm, relu, 3x3 / 2 max pool      cifar: 3x3, batch norm, relu
//   stage i: width 2^(i-1) channels (times 4 for ResNet-50), stride 2 from the second on
//   norm     batch; or group or layer norm in its places, where samples must not meet (CPC) (nn/norm.hpp)
//
// Names are torchvision's, so its weights load (models/weights.hpp). Without a tape a ResNet is const and
// thread-safe. He et al., "Deep residual learning for image recognition", 2015. Throws nacre::Error.
// Tested in tests/models/resnet.cpp.
#pragma once

#include <nacre/nn/residual.hpp>
#include <nacre/ops/pool2d.hpp>

#include <algorithm>

namespace nacre::models {

enum class Stem { imagenet, cifar };

struct ResNetOptions {
  i64 depth = 18;  // 18, 34 or 50
  i64 width = 64;  // channels of the first stage
  Stem stem = Stem::imagenet;
  i64 in_channels = 3;
  nn::Norm norm = nn::Norm::batch;
  bool zero_init_residual = false;  // last gamma of each block starts at 0, as torchvision's option of that name
};

template <class T>
struct Stages {
  Var<T> stem, layer1, layer2, layer3, layer4;  // [N, h, w, c]
  Var<T> pool;                                  // [N, features]
};

template <class T>
struct Stage {
  std::vector<nn::Residual<T>> blocks;

  Var<T> operator()(Var<T> x) const {
    for (const auto& block : blocks) x = block(x);
    return x;
  }
  static void visit(auto& self, auto&& f) {
    for (std::size_t i = 0; i < self.blocks.size(); ++i) f(std::to_string(i), self.blocks[i]);
  }
};

template <class T>
class ResNet {
 public:
  ResNet(const ResNetOptions& o, Key key) : options_(o) {
    check(o.depth == 18 || o.depth == 34 || o.depth == 50, "resnet",
          [&] { return "depth " + std::to_string(o.depth) + " is not 18, 34 or 50"; });
    check(o.width >= 1 && o.in_channels >= 1, "resnet", [&] {
      return "width " + std::to_string(o.width) + ", in_channels " + std::to_string(o.in_channels) +
             "; need at least 1";
    });
    bool imagenet = o.stem == Stem::imagenet, bottleneck = o.depth == 50;
    conv1_ = nn::Conv2d<T>(o.in_channels, o.width, imagenet ? 7 : 3,
                           {.stride = imagenet ? 2 : 1, .padding = imagenet ? 3 : 1}, key.fold("conv1"));
    bn1_ = nn::ImageNorm<T>(o.width, o.norm);
    i64 in = o.width;
    for (int s = 0; s < 4; ++s) {
      i64 channels = o.width << s, count = o.depth == 18 ? 2 : (s == 0 ? 3 : s == 1 ? 4 : s == 2 ? 6 : 3);
      for (i64 b = 0; b < count; ++b) {
        Key block = key.fold("layer").fold(static_cast<u64>(s)).fold(static_cast<u64>(b));
        layers_[s].blocks.emplace_back(in, channels, s > 0 && b == 0 ? 2 : 1, bottleneck, block, o.norm);
        if (o.zero_init_residual) layers_[s].blocks.back().zero_last_gamma();
        in = bottleneck ? 4 * channels : channels;
      }
    }
    features_ = in;
  }

  using value_type = T;
  const ResNetOptions& options() const { return options_; }
  i64 features() const { return features_; }  // numbers a picture: 8 width, 32 width for ResNet-50

  Stages<T> stages(const Var<T>& x) const;

  // x [N, H, W, C] -> [N, features()]
  Var<T> operator()(const Var<T>& x) const { return stages(x).pool; }

  // Inference without a tape, `chunk` pictures at a time (0: about a million pixels, 256 pictures at most). A row
  // depends on its picture alone: neither on the others nor on chunk or threads.
  Tensor<T> embed(const Tensor<T>& images, i64 chunk = 0) const {
    const Shape& shape = images.shape();
    check(shape.rank() == 4 && shape[3] == options_.in_channels && shape[1] >= 1 && shape[2] >= 1, "embed", [&] {
      return "images are " + shape.str() + "; need [N, H, W, " + std::to_string(options_.in_channels) + "]";
    });
    i64 n = shape[0];
    if (chunk < 1) chunk = std::clamp<i64>((1 << 20) / (shape[1] * shape[2]), 1, 256);
    Tensor<T> y({n, features_});
    for (i64 begin = 0; begin < n; begin += chunk) {
      i64 end = std::min(begin + chunk, n);
      y.rows(begin, end).copy_from((*this)(Var<T>(images.rows(begin, end))).value());
    }
    return y;
  }

  static void visit(auto& self, auto&& f) {
    f("conv1", self.conv1_);
    f("bn1", self.bn1_);
    f("layer1", self.layers_[0]);
    f("layer2", self.layers_[1]);
    f("layer3", self.layers_[2]);
    f("layer4", self.layers_[3]);
  }

 private:
  ResNetOptions options_;
  i64 features_ = 0;
  nn::Conv2d<T> conv1_;
  nn::ImageNorm<T> bn1_;
  Stage<T> layers_[4];
};

template <class T>
Stages<T> ResNet<T>::stages(const Var<T>& x) const {
  check(x.shape().rank() == 4 && x.dim(3) == options_.in_channels, "resnet",
        [&] { return "x is " + x.shape().str() + "; need [N, H, W, " + std::to_string(options_.in_channels) + "]"; });
  Stages<T> s;
  s.stem = bn1_.relu(conv1_(x));
  bool imagenet = options_.stem == Stem::imagenet;
  s.layer1 = layers_[0](imagenet ? max_pool2d(s.stem, {.kernel = 3, .stride = 2, .padding = 1}) : s.stem);
  s.layer2 = layers_[1](s.layer1);
  s.layer3 = layers_[2](s.layer2);
  s.layer4 = layers_[3](s.layer3);
  s.pool = global_avg_pool(s.layer4);
  return s;
}

NACRE_INSTANCE(class ResNet<float>)

}  // namespace nacre::models
