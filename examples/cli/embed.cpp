// nacre embed: one row of features per picture, in the data's order.
#include "encoder.hpp"
#include "run.hpp"

#include <nacre/io/npy.hpp>

#include <cstdio>

namespace cli {

namespace {

struct Eye {  // an encoder and how it wants its pictures
  Encoder encoder;
  nc::data::Normalization normalization;
  nc::i64 image_size;
};

Eye open_eye(const Embed& o) {
  nc::check(!o.run.empty() || !o.weights.empty(), "embed",
            [] { return std::string("give --run RUN or --weights FILE.safetensors"); });
  if (!o.run.empty()) {
    Config config = read_config(o.run);
    nc::backend::exact_conv() |= config.exact_conv;
    std::string path = file_in(o.run, "encoder.safetensors");
    nc::check<nc::DataError>(exists(path), "embed",
                             [&] { return path + " is not there yet; finish the run with nacre pretrain --resume"; });
    return {Encoder::load(path), config.normalization, config.image_size};
  }
  check_file("embed", o.weights, "name an encoder.safetensors, or a run by --run RUN");
  nc::check<nc::DataError>(!nc::io::SafeTensors::open(o.weights).metadata().contains("step"), "embed", [&] {
    return o.weights + " is the checkpoint of a training; name the encoder.safetensors beside it, or the run by --run";
  });
  nc::models::EncoderFile info;
  Encoder encoder = Encoder::load(o.weights, &info);
  const auto found = encoder.options();
  auto same = [&](bool ok, const char* option, const std::string& wanted, const std::string& there) {
    nc::check<nc::DataError>(ok, "embed", [&] {
      return o.weights + " is not a match: " + option + " is " + there + " there, " + wanted + " was asked for";
    });
  };
  if (!o.model.empty())
    same(found.depth == depth_of(o.model), "--model", o.model, "resnet" + std::to_string(found.depth));
  if (!o.stem.empty()) {
    bool cifar = found.stem == nc::models::Stem::cifar;
    same(cifar == (o.stem == "cifar"), "--stem", o.stem, cifar ? "cifar" : "imagenet");
  }
  if (o.width > 0) same(found.width == o.width, "--width", std::to_string(o.width), std::to_string(found.width));
  return {std::move(encoder), info.normalization.known() ? info.normalization : nc::data::imagenet_normalization,
          info.image_size > 0 ? info.image_size : 224};
}

nc::Tensor<float> layer_of(const Encoder& encoder, const nc::Tensor<float>& batch, const std::string& layer) {
  if (layer == "pool") return encoder.embed(batch);
  auto s = encoder.stages(nc::Var<float>(batch));
  const auto& y = layer == "stem"     ? s.stem
                  : layer == "layer1" ? s.layer1
                  : layer == "layer2" ? s.layer2
                  : layer == "layer3" ? s.layer3
                                      : s.layer4;
  return y.value().reshape({batch.dim(0), -1});
}

}  // namespace

void embed(const Embed& o) {
  nc::set_threads(o.threads);
  nc::backend::exact_conv() = o.exact_conv;
  Eye eye = open_eye(o);
  if (o.image_size > 0) eye.image_size = o.image_size;
  nc::check(o.std.empty() || !eye.encoder.pair(), "std", [] {
    return std::string("a pair of encoders parts lightness and colours by the std it was trained on: leave out --std");
  });
  parse_channels(o.mean, "mean", eye.normalization.mean);
  parse_channels(o.std, "std", eye.normalization.std);
  Data data(o.data);
  std::vector<const nc::data::Images*> splits;
  nc::i64 rows = 0;
  for (auto [name, images] : {std::pair{"train", &data.train}, {"test", &data.test}, {"unlabeled", &data.unlabeled}})
    if (!images->empty() && (o.split == "all" || o.split == name)) splits.push_back(images), rows += images->size();
  nc::check<nc::DataError>(rows > 0, "embed", [&] { return o.data + " has no pictures in the split " + o.split; });
  check_channels(eye.encoder, *splits[0], o.data);

  // One picture first: it tells the width of a row before the file is begun.
  nc::i64 width =
      layer_of(eye.encoder, nc::data::evaluation_batch(*splits[0], 0, 1, eye.image_size, eye.normalization), o.layer)
          .dim(1);
  nc::io::NpyWriter<float> out(o.out, {rows, width});
  for (const auto* images : splits)
    for (nc::i64 begin = 0; begin < images->size(); begin += o.batch) {
      nc::i64 end = std::min(begin + o.batch, images->size());
      nc::Tensor<float> y = layer_of(
          eye.encoder, nc::data::evaluation_batch(*images, begin, end, eye.image_size, eye.normalization), o.layer);
      out.write(y.data(), y.size());
    }
  out.commit();
  std::printf("%s: float32 [%lld, %lld]\n", o.out.c_str(), static_cast<long long>(rows), static_cast<long long>(width));
}

}  // namespace cli
