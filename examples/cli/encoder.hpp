// What a run trains for others to use: a ResNet, or CMC's pair of them.
#pragma once

#include <nacre/data/dataset.hpp>
#include <nacre/models/color_pair_weights.hpp>

#include <variant>

namespace cli {

namespace nc = nacre;

// An encoder as any other, of whichever kind it holds.
class Encoder {
 public:
  using ResNet = nc::models::ResNet<float>;
  using ColorPair = nc::models::ColorPair<float>;
  Encoder(ResNet net) : net_(std::move(net)) {}
  Encoder(ColorPair pair) : net_(std::move(pair)) {}

  bool pair() const { return std::holds_alternative<ColorPair>(net_); }
  nc::models::ResNetOptions options() const {
    return std::visit([](const auto& e) -> nc::models::ResNetOptions { return e.options(); }, net_);
  }
  nc::models::Stages<float> stages(const nc::Var<float>& x) const {
    return std::visit([&](const auto& e) { return e.stages(x); }, net_);
  }
  nc::Var<float> operator()(const nc::Var<float>& x) const {
    return std::visit([&](const auto& e) { return e(x); }, net_);
  }
  nc::Tensor<float> embed(const nc::Tensor<float>& images, nc::i64 chunk = 0) const {
    return std::visit([&](const auto& e) { return e.embed(images, chunk); }, net_);
  }

  void save(const std::string& path, const nc::models::EncoderFile& about) const {
    std::visit([&](const auto& e) { nc::models::save_encoder(path, e, about); }, net_);
  }
  static Encoder load(const std::string& path, nc::models::EncoderFile* about = nullptr) {
    if (nc::models::holds_color_pair(nc::io::SafeTensors::open(path)))
      return nc::models::load_color_pair<float>(path, about);
    return nc::models::load_encoder<float>(path, about);
  }

 private:
  std::variant<ResNet, ColorPair> net_;
};

// DataError where the pictures of the SPEC have other channels than the encoder takes.
inline void check_channels(const Encoder& encoder, const nc::data::Images& images, const std::string& spec) {
  nc::i64 taken = encoder.options().in_channels;
  nc::check<nc::DataError>(images.channels == taken, "channels", [&] {
    return spec + " has pictures of " + std::to_string(images.channels) + " channels, the encoder takes " +
           std::to_string(taken);
  });
}

}  // namespace cli
