#include "../io/scratch.hpp"
#include "../nn/check.hpp"

#include <nacre/models/color_pair_weights.hpp>

using namespace nacre;
using namespace nacre::test;
using models::ResNet, models::Stem;

namespace {

template <class Net>
Net with_statistics(Net net) {
  using T = typename Net::value_type;
  u64 k = 0;
  nn::for_each_state(net, [&](const std::string& name, State<T>& s) {
    s.value() = name.ends_with("var") ? uniform<T>(s.shape(), 0.5, 2, ++k) : uniform<T>(s.shape(), -0.3, 0.3, ++k);
  });
  return net;
}
template <class T = float>
ResNet<T> used(models::ResNetOptions o, u64 seed = 1) {
  return with_statistics(ResNet<T>(o, Key{seed}));
}

const models::ResNetOptions tiny{.width = 2, .stem = Stem::cifar};

// A valid file of `tiny` as a writer that a test may add to or leave things out of.
struct File {
  scratch::Directory directory;
  std::map<std::string, Tensor<float>> tensors;
  io::Metadata metadata;

  File() {
    std::string path = directory / "valid";
    models::save_encoder(path, used(tiny));
    auto file = io::SafeTensors::open(path);
    for (const auto& info : file.tensors()) tensors[info.name] = file.get<float>(info.name);
  }
  std::string save() {
    io::SafeTensorsWriter w;
    for (const auto& [name, t] : tensors) w.add(name, t);
    for (const auto& [key, value] : metadata) w.metadata(key, value);
    w.add("bn1.num_batches_tracked", Tensor<i64>::scalar(7));
    w.save(directory / "file");
    return directory / "file";
  }
  std::string load_error() {
    std::string path = save();
    return scratch::error<DataError>([&] { models::load_encoder<float>(path); });
  }
};

void check_says(const std::string& text, std::initializer_list<const char*> parts) {
  CAPTURE(text);
  for (const char* part : parts) CHECK_MESSAGE(scratch::has(text, part), part);
}

}  // namespace

TEST_CASE("an encoder comes back from its file with the same embeddings: every depth, stem, width and channel count") {
  scratch::Directory directory;
  for (models::ResNetOptions o : {models::ResNetOptions{.depth = 18, .width = 3, .stem = Stem::cifar, .in_channels = 1},
                                  {.depth = 34, .width = 2, .stem = Stem::imagenet, .in_channels = 3},
                                  {.depth = 18, .width = 2, .stem = Stem::cifar, .norm = nn::Norm::layer},
                                  {.depth = 18, .width = 32, .stem = Stem::cifar, .norm = nn::Norm::group},
                                  {.depth = 50, .width = 2, .stem = Stem::imagenet, .in_channels = 4}}) {
    auto net = used(o);
    models::save_encoder(directory / "e", net);
    auto back = models::load_encoder<float>(directory / "e");
    CHECK(back.options().depth == o.depth);
    CHECK(back.options().width == o.width);
    CHECK(back.options().stem == o.stem);
    CHECK(back.options().in_channels == o.in_channels);
    CHECK(back.options().norm == o.norm);
    auto x = randn<float>({2, 20, 17, o.in_channels});
    CHECK(same_bits(back.embed(x), net.embed(x)));
    CHECK(difference(models::load_encoder<double>(directory / "e").embed(converted<double>(x)), net.embed(x)) < 1e-5);
  }
}

TEST_CASE("a file holds torchvision's names and layouts, float32") {
  scratch::Directory directory;
  auto net = used<double>({.width = 2, .stem = Stem::imagenet});
  models::save_encoder(directory / "e", net);
  auto file = io::SafeTensors::open(directory / "e");
  auto w = file.get<float>("conv1.weight");  // OIHW
  CHECK(w.shape() == Shape{2, 3, 7, 7});
  nn::for_each_parameter(net, [&](const std::string& name, const auto& p) {
    if (name != "conv1.weight") return;
    for (i64 o : {0, 1})
      for (i64 i : {0, 2})
        for (i64 y : {0, 3, 6})
          for (i64 x : {1, 5})
            CHECK(w[((o * 3 + i) * 7 + y) * 7 + x] == static_cast<float>(p.value()[((o * 7 + y) * 7 + x) * 3 + i]));
  });
  for (const char* name : {"bn1.running_mean", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight",
                           "layer2.0.downsample.1.running_var", "layer4.1.bn2.bias"})
    CHECK_MESSAGE(file.contains(name), name);
  CHECK(file.tensors().size() == 100);  // 60 parameters, 40 statistics
  CHECK(file.metadata().at("model") == "resnet18");
  CHECK(file.metadata().at("stem") == "imagenet");
}

TEST_CASE("what torchvision adds is left out, and fc is named") {
  File file;
  file.tensors["fc.weight"] = Tensor<float>::zeros({1000, 16});
  file.tensors["fc.bias"] = Tensor<float>::zeros({1000});
  models::EncoderFile about;
  auto net = models::load_encoder<float>(file.save(), &about);
  CHECK(about.unused == std::vector<std::string>{"fc.bias", "fc.weight"});
  CHECK(!about.normalization.known());
  CHECK(about.image_size == 0);
  auto x = randn<float>({1, 8, 8, 3});
  CHECK(same_bits(net.embed(x), used(tiny).embed(x)));
}

TEST_CASE("a file says how its pictures were prepared") {
  scratch::Directory directory;
  data::Normalization n{{0.1f, 0.2f, 0.3f}, {0.4f, 0.5f, 0.6f}};
  models::save_encoder(directory / "e", used(tiny), {.normalization = n, .image_size = 48});
  models::EncoderFile about;
  models::load_encoder<float>(directory / "e", &about);
  CHECK(about.normalization.mean == n.mean);
  CHECK(about.normalization.std == n.std);
  CHECK(about.image_size == 48);
  models::save_encoder(directory / "again", used(tiny), about);
  CHECK(scratch::content(directory / "again") == scratch::content(directory / "e"));
}

TEST_CASE("a pair of encoders comes back from one file; a file without its std, or without one network, is refused") {
  scratch::Directory directory;
  const data::Normalization n{{0.1f, 0.2f, 0.3f}, {0.4f, 0.5f, 0.6f}};
  std::string path = directory / "e";
  for (models::ResNetOptions o : {tiny, models::ResNetOptions{.depth = 50, .width = 2, .stem = Stem::imagenet},
                                  {.depth = 34, .width = 2, .stem = Stem::cifar, .norm = nn::Norm::layer}}) {
    auto pair = with_statistics(models::ColorPair<float>(o, n, Key{1}));
    models::save_encoder(path, pair, {.normalization = n, .image_size = 48});
    CHECK(models::holds_color_pair(io::SafeTensors::open(path)));
    models::EncoderFile about;
    auto back = models::load_color_pair<float>(path, &about);
    CHECK(back.std == n.std);
    CHECK(about.normalization.mean == n.mean);
    CHECK(about.image_size == 48);
    CHECK(back.options().depth == o.depth);
    CHECK(back.options().in_channels == 3);
    CHECK(back.options().norm == o.norm);
    auto x = randn<float>({2, 20, 17, 3});
    CHECK(same_bits(back.embed(x), pair.embed(x)));
  }
  check_says(scratch::error<DataError>([&] { models::load_encoder<float>(path); }), {"load_color_pair"});
  models::ColorPair<float> pair(tiny, n, Key{1});
  check_message([&] { models::save_encoder(path, pair); }, {"save_encoder", "normalization"});

  models::save_encoder(path, pair, {.normalization = n});
  auto file = io::SafeTensors::open(path);
  auto without = [&](const std::string& tensors, const std::string& key) {
    io::SafeTensorsWriter w;
    for (const auto& info : file.tensors())
      if (!info.name.starts_with(tensors)) w.add(info.name, file.get<float>(info.name));
    for (const auto& [name, value] : file.metadata())
      if (name != key) w.metadata(name, value);
    w.save(directory / "less");
    return scratch::error<DataError>([&] { models::load_color_pair<float>(directory / "less"); });
  };
  check_says(without("none", "std"), {"load_color_pair", "normalised"});
  check_says(without("chroma.", ""), {"missing: chroma.conv1.weight", "and 60 more"});
  check_says(without("luma.", ""), {"needs luma.conv1.weight"});
}

TEST_CASE("preparation that no picture can have is an error, not a guess") {
  for (auto [key, value] : {std::pair{"std", "[0.2, 0, 0.2]"},
                            {"std", "[1e300, 1, 1]"},
                            {"mean", "[0.5, 0.5]"},
                            {"mean", "0.5"},
                            {"mean", "[0.5, \"x\", 0.5]"},
                            {"std", "[nan, 1, 1]"},
                            {"std", ""}}) {
    File file;
    file.metadata[key] = value;
    models::EncoderFile about;
    std::string path = file.save(),
                text = scratch::error<DataError>([&] { models::load_encoder<float>(path, &about); });
    check_says(text, {key});
  }
}

TEST_CASE("the norm of a network is part of its file, and another one is an error") {
  scratch::Directory directory;
  ResNet<float> group({.width = 32, .stem = Stem::cifar, .norm = nn::Norm::group}, Key{1});
  models::save_encoder(directory / "e", group);
  auto file = io::SafeTensors::open(directory / "e");
  CHECK(file.metadata().at("norm") == "group");
  CHECK(!file.contains("bn1.running_mean"));
  auto x = randn<float>({1, 8, 8, 3});
  ResNet<float> layer({.width = 32, .stem = Stem::cifar, .norm = nn::Norm::layer}, Key{1});
  CHECK(!same_bits(layer.embed(x), group.embed(x)));  // the same weights under the same names
  check_says(scratch::error<DataError>([&] { models::load_weights(file, layer); }),
             {"the norm is group, expected layer"});
  ResNet<float> batch({.width = 32, .stem = Stem::cifar}, Key{1});
  check_says(scratch::error<DataError>([&] { models::load_weights(file, batch); }),
             {"the norm is group, expected batch", "missing: bn1.running_mean [32]"});

  File batch_file;
  CHECK(io::SafeTensors::open(batch_file.directory / "valid").metadata().count("norm") == 0);  // as torchvision's
  batch_file.metadata["norm"] = "layer";
  check_says(batch_file.load_error(), {"unexpected: bn1.running_mean [2]"});
  batch_file.metadata["norm"] = "instance";
  check_says(batch_file.load_error(), {"metadata 'norm' is", "instance", "batch, group or layer"});
}

TEST_CASE("missing, unexpected and mis-shaped tensors are listed in one message") {
  File file;
  file.tensors.erase("layer3.0.bn1.running_mean");
  file.tensors.erase("layer1.0.conv2.weight");
  file.tensors["layer9.weight"] = Tensor<float>::zeros({3});
  file.tensors["layer4.1.bn2.bias"] = Tensor<float>::zeros({5});
  check_says(file.load_error(), {"file", "ResNet-18 of width 2", "missing: layer3.0.bn1.running_mean [8]",
                                 "missing: layer1.0.conv2.weight [2, 2, 3, 3]", "unexpected: layer9.weight [3]",
                                 "differs: layer4.1.bn2.bias", "[5]", "[16]"});
}

TEST_CASE("a message about a file that is altogether different stays readable") {
  File file;
  for (int i = 0; i < 5000; ++i) file.tensors["extra." + std::to_string(i)] = Tensor<float>::zeros({1});
  std::string text = file.load_error();
  check_says(text, {"unexpected: extra.", "and 4960 more"});
  CHECK(text.size() < 4000);
}

TEST_CASE("weights that are not finite are bad data, named by tensor") {
  File file;
  file.tensors["layer2.0.downsample.0.weight"][3] = std::nanf("");
  file.tensors["layer4.1.bn2.running_var"][0] = INFINITY;
  check_says(file.load_error(),
             {"not finite: layer2.0.downsample.0.weight, 1 value", "not finite: layer4.1.bn2.running_var"});
}

TEST_CASE("loading is all or nothing") {
  File file;
  file.tensors["layer4.1.bn2.bias"][0] = std::nanf("");
  auto net = used(tiny, 5);
  auto x = randn<float>({1, 8, 8, 3}), before = net.embed(x);
  auto bad = io::SafeTensors::open(file.save());
  CHECK(scratch::error<DataError>([&] { models::load_weights(bad, net); }) != "");
  CHECK(same_bits(net.embed(x), before));
  file.tensors["layer4.1.bn2.bias"][0] = 0;
  auto good = io::SafeTensors::open(file.save());
  models::load_weights(good, net);
  CHECK(!same_bits(net.embed(x), before));
  auto wide = used({.width = 3, .stem = Stem::cifar});
  CHECK(scratch::has(scratch::error<DataError>([&] { models::load_weights(good, wide); }), "width 3"));
}

TEST_CASE("integers where floats belong are refused; other float types are read") {
  File file;
  file.tensors.erase("bn1.bias");
  io::SafeTensorsWriter w, doubles;
  for (const auto& [name, t] : file.tensors) {
    w.add(name, t);
    doubles.add(name, converted<double>(t));
  }
  w.add("bn1.bias", Tensor<i64>::zeros({2}));
  doubles.add("bn1.bias", Tensor<double>::zeros({2}));
  w.save(file.directory / "integers");
  doubles.save(file.directory / "doubles");
  check_says(scratch::error<DataError>([&] { models::load_encoder<float>(file.directory / "integers"); }),
             {"differs: bn1.bias is I64 [2], expected floats"});
  auto x = randn<float>({1, 8, 8, 3});
  CHECK(same_bits(models::load_encoder<float>(file.directory / "doubles").embed(x), used(tiny).embed(x)));
}

TEST_CASE("a file that is no ResNet, or claims a width that it cannot hold, is refused before memory is taken") {
  File file;
  u64 before = pool::stats().bytes_reserved;
  auto conv1 = file.tensors["conv1.weight"];
  file.tensors["conv1.weight"] = Tensor<float>::zeros({5000, 3, 3, 3});
  check_says(file.load_error(), {"conv1.weight is [5000, 3, 3, 3]", "too small"});
  file.tensors["conv1.weight"] = Tensor<float>::zeros({2, 3, 5, 5});
  check_says(file.load_error(), {"torchvision's names", "[2, 3, 5, 5]"});
  file.tensors["conv1.weight"] = Tensor<float>::zeros({2, 3, 3, 0});
  check_says(file.load_error(), {"torchvision's names"});
  file.tensors.erase("conv1.weight");
  check_says(file.load_error(), {"torchvision's names"});
  CHECK(pool::stats().bytes_reserved - before <= 64u << 20);
  CHECK(scratch::error<DataError>([&] { models::load_encoder<float>(file.directory / "nowhere"); }) != "");
}
