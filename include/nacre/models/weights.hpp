// Weights that travel: a ResNet to and from one safetensors file with torchvision's names and layouts.
//
//   models::save_encoder("encoder.safetensors", encoder, {.normalization = n, .image_size = 32});
//   EncoderFile file;  auto encoder = models::load_encoder<float>("resnet50.safetensors", &file);
//
// A ColorPair likewise: both networks in one file, named after `luma.` and `chroma.` (color_pair_weights.hpp reads it).
//
// Convolutions are OIHW in the file and [O, KH, KW, I] here. Depth, width, stem and channels are read off the
// shapes, a norm that is not batch norm off the metadata. `fc.*` (named in EncoderFile::unused) and
// `*.num_batches_tracked` of torchvision are accepted and left out. Any float type is read. Loading is all or nothing:
// missing, unexpected, mis-shaped and non-finite tensors are listed in one message, before anything is changed.
// Throws DataError, WriteError. Tested in tests/models/weights.cpp.
#pragma once

#include <nacre/data/dataset.hpp>
#include <nacre/io/json.hpp>
#include <nacre/io/safetensors.hpp>
#include <nacre/models/resnet.hpp>

namespace nacre::models {

// What a file says about the pictures its encoder was trained on; unknown where it says nothing.
struct EncoderFile {
  data::Normalization normalization;
  i64 image_size = 0;
  std::vector<std::string> unused = {};  // read: tensors that an encoder has no place for, "fc.weight"
};

namespace detail {

// The last extent moved to the second place or back: [O, KH, KW, I] <-> [O, I, KH, KW].
template <class T>
Tensor<T> moved_axis(const Tensor<T>& t, bool to_file) {
  const Shape& s = t.shape();
  i64 o = s[0], rows = to_file ? s[1] * s[2] : s[1], cols = to_file ? s[3] : s[2] * s[3];
  Tensor<T> y(to_file ? Shape{o, s[3], s[1], s[2]} : Shape{o, s[2], s[3], s[1]});
  for (i64 k = 0; k < o; ++k)
    for (i64 r = 0; r < rows; ++r)
      for (i64 c = 0; c < cols; ++c) y[(k * cols + c) * rows + r] = t[(k * rows + r) * cols + c];
  return y;
}

inline bool left_out(std::string_view name) {
  return name.starts_with("fc.") || name.ends_with(".num_batches_tracked");
}

// Lines of a message; past the first 40 only their number.
struct Differences {
  std::string text;
  std::size_t lines = 0;
  void add(const std::string& line) {
    if (++lines <= 40) text += "\n  " + line;
  }
  std::string str() const { return lines <= 40 ? text : text + "\n  and " + std::to_string(lines - 40) + " more"; }
};

// f(name, tensor) over parameters, then states.
template <class Encoder, class F, class T = typename Encoder::value_type>
void each_weight(Encoder& encoder, F&& f) {
  nn::for_each_parameter(encoder, [&](const std::string& name, Parameter<T>& p) { f(name, p.value()); });
  nn::for_each_state(encoder, [&](const std::string& name, State<T>& s) { f(name, s.value()); });
}
template <class Encoder, class F, class T = typename Encoder::value_type>
void each_weight(const Encoder& encoder, F&& f) {
  nn::for_each_parameter(encoder, [&](const std::string& name, const Parameter<T>& p) { f(name, p.value()); });
  nn::for_each_state(encoder, [&](const std::string& name, const State<T>& s) { f(name, s.value()); });
}

inline std::string name_of(nn::Norm norm) {
  return norm == nn::Norm::group ? "group" : norm == nn::Norm::layer ? "layer" : "batch";
}

inline nn::Norm read_norm(const io::SafeTensors& file) {
  auto found = file.metadata().find("norm");
  if (found == file.metadata().end()) return nn::Norm::batch;
  for (nn::Norm norm : {nn::Norm::batch, nn::Norm::group, nn::Norm::layer})
    if (found->second == name_of(norm)) return norm;
  fail<DataError>("load_encoder", file.file_name() + ": metadata 'norm' is " + io::json::printable(found->second) +
                                      "; need batch, group or layer");
}

// Of the network whose names begin with `prefix`.
inline ResNetOptions read_options(const io::SafeTensors& file, const std::string& prefix = "") {
  const io::TensorInfo* conv1 = file.find(prefix + "conv1.weight");
  bool square = conv1 && conv1->shape.rank() == 4 && conv1->shape[2] == conv1->shape[3];
  check<DataError>(square && (conv1->shape[2] == 7 || conv1->shape[2] == 3), "load_encoder", [&] {
    return file.file_name() +
           " is not a ResNet of torchvision's names: needs " + prefix + "conv1.weight [width, channels, 7, 7] or " +
           "[width, channels, 3, 3]" + (conv1 ? ", got " + conv1->shape.str() : "");
  });
  u64 width = static_cast<u64>(conv1->shape[0]), bytes = 0;
  for (const auto& info : file.tensors()) bytes += info.end - info.begin;
  bool holds_it = width >= 1 && width < 100'000 && width * width * 27 <= bytes && conv1->shape[1] >= 1;
  check<DataError>(holds_it, "load_encoder", [&] {
    return file.file_name() + ": conv1.weight is " + conv1->shape.str() +
           ", but the file is too small for a ResNet of that width";
  });
  bool bottleneck = file.contains(prefix + "layer1.0.conv3.weight");
  bool deep = file.contains(prefix + "layer3.5.conv1.weight");
  return {.depth = bottleneck ? 50
                   : deep     ? 34
                              : 18,
          .width = conv1->shape[0],
          .stem = conv1->shape[2] == 7 ? Stem::imagenet : Stem::cifar,
          .in_channels = conv1->shape[1],
          .norm = read_norm(file)};
}

// [r, g, b], one number for each channel, or nothing.
inline void read_channels(const io::SafeTensors& file, const char* key, bool positive, std::array<float, 3>& into) {
  auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return;
  std::string name = file.file_name() + ": metadata '" + key + "'";
  io::json::Value v = io::json::parse(found->second, name);
  bool ok = v.kind == io::json::Kind::array && v.items.size() == 3;
  for (const auto& x : v.items)  // what pictures can have
    ok = ok && x.kind == io::json::Kind::number && std::abs(x.number) < 1e6 && (!positive || x.number > 1e-6);
  check<DataError>(ok, "load_encoder", [&] {
    return name + " is " + io::json::printable(found->second) + "; need three " + (positive ? "positive " : "") +
           "numbers";
  });
  for (std::size_t i = 0; i < 3; ++i) into[i] = static_cast<float>(v.items[i].number);
}

inline EncoderFile read_about(const io::SafeTensors& file) {
  EncoderFile about;
  read_channels(file, "mean", false, about.normalization.mean);
  read_channels(file, "std", true, about.normalization.std);
  for (const auto& info : file.tensors())
    if (info.name.starts_with("fc.")) about.unused.push_back(info.name);
  if (auto found = file.metadata().find("image_size"); found != file.metadata().end()) {
    u64 size = 0;
    if (io::json::parse_u64(found->second, size) && size <= 4096) about.image_size = static_cast<i64>(size);
  }
  return about;
}

}  // namespace detail

// Is it a file for load_color_pair (color_pair_weights.hpp)?
inline bool holds_color_pair(const io::SafeTensors& file) { return file.contains("luma.conv1.weight"); }

// `about` may say how pictures are prepared, so that whoever loads the file prepares them alike; for a
// ColorPair it says by which std pictures are divided.
template <class Encoder>
void save_encoder(const std::string& path, const Encoder& encoder, const EncoderFile& about = {}) {
  io::SafeTensorsWriter writer;
  detail::each_weight(encoder, [&]<class T>(const std::string& name, const Tensor<T>& t) {
    Tensor<T> stored = t.rank() == 4 ? detail::moved_axis(t, true) : t;
    Tensor<float> as_float(stored.shape());
    for (i64 i = 0; i < stored.size(); ++i) as_float[i] = static_cast<float>(stored[i]);
    writer.add(name, as_float);
  });
  if constexpr (requires { encoder.std; })
    check(about.normalization.std == encoder.std, "save_encoder",
          [] { return std::string("a pair of encoders needs the normalization it was made with"); });
  const ResNetOptions o = encoder.options();
  writer.metadata("model", "resnet" + std::to_string(o.depth));
  writer.metadata("stem", o.stem == Stem::cifar ? "cifar" : "imagenet");
  if (o.norm != nn::Norm::batch) writer.metadata("norm", detail::name_of(o.norm));
  if (about.image_size > 0) writer.metadata("image_size", std::to_string(about.image_size));
  if (about.normalization.known())
    for (auto [key, values] : {std::pair{"mean", about.normalization.mean}, {"std", about.normalization.std}}) {
      io::json::Writer w;
      w.array();
      for (float x : values) w.value(x);
      writer.metadata(key, w.end().str());
    }
  writer.save(path);
}

// Overwrites the weights of an encoder of the same shape.
template <class Encoder>
void load_weights(const io::SafeTensors& file, Encoder& encoder) {
  using T = typename Encoder::value_type;
  detail::Differences wrong;
  std::size_t used = 0;
  std::vector<Tensor<T>> staged;
  if (nn::Norm norm = detail::read_norm(file), expected = encoder.options().norm; norm != expected)
    wrong.add("differs: the norm is " + detail::name_of(norm) + ", expected " + detail::name_of(expected));
  detail::each_weight(encoder, [&](const std::string& name, const Tensor<T>& t) {
    const io::TensorInfo* info = file.find(name);
    const Shape& s = t.shape();
    Shape expected = s.rank() == 4 ? Shape{s[0], s[3], s[1], s[2]} : s;
    if (!info) wrong.add("missing: " + name + " " + expected.str());
    else if (info->shape != expected || !io::is_float(info->dtype))
      wrong.add("differs: " + name + " is " + io::name_of(info->dtype) + " " + info->shape.str() +
                ", expected floats " + expected.str());
    else {
      Tensor<T> read = file.as<T>(name);
      if (i64 bad = io::count_non_finite(read))
        wrong.add("not finite: " + name + ", " + std::to_string(bad) + (bad == 1 ? " value" : " values"));
      staged.push_back(read.rank() == 4 ? detail::moved_axis(read, false) : read);
    }
    used += info != nullptr;
  });
  std::size_t ignored = 0;
  for (const auto& info : file.tensors()) ignored += detail::left_out(info.name);
  if (used + ignored < file.tensors().size()) {
    std::string known = " ";
    detail::each_weight(encoder, [&](const std::string& name, const Tensor<T>&) { known += name + " "; });
    for (const auto& info : file.tensors())
      if (!detail::left_out(info.name) && known.find(" " + info.name + " ") == std::string::npos)
        wrong.add("unexpected: " + io::json::printable(info.name) + " " + info.shape.str());
  }
  check<DataError>(wrong.lines == 0, "load_encoder", [&] {
    return file.file_name() + " does not fit a ResNet-" + std::to_string(encoder.options().depth) + " of width " +
           std::to_string(encoder.options().width) + ":" + wrong.str();
  });
  std::size_t next = 0;
  detail::each_weight(encoder, [&](const std::string&, Tensor<T>& t) { t.copy_from(staged[next++]); });
}

// The encoder of a file, of the depth, width, stem and channels it was saved with.
template <class T>
ResNet<T> load_encoder(const std::string& path, EncoderFile* about = nullptr) {
  io::SafeTensors file = io::SafeTensors::open(path);
  check<DataError>(!holds_color_pair(file), "load_encoder",
                   [&] { return file.file_name() + " holds a pair of encoders: read it by load_color_pair"; });
  ResNet<T> encoder(detail::read_options(file), Key{});
  load_weights(file, encoder);
  if (about) *about = detail::read_about(file);
  return encoder;
}

}  // namespace nacre::models
