// A checkpoint: everything reachable by `visit` from named parts, in one safetensors file.
//
//   save_checkpoint(path, metadata, part("method", pirl), part("optimizer", opt));
//   Metadata m = load_checkpoint(path, part("method", pirl), part("optimizer", opt));
//
// Parameters and states are stored as they are (float stays float, double double), so continuing repeats the
// bits. The file is written beside, flushed, renamed; the one before is kept as checkpoint.prev.safetensors.
// Loading is all or nothing: every name, type and shape is compared first and every difference is listed in one
// message; then all tensors are read into fresh memory; only then is anything changed.
// Throws DataError, WriteError. Tested in tests/train/checkpoint.cpp.
#pragma once

#include <nacre/autograd/parameter.hpp>
#include <nacre/io/safetensors.hpp>
#include <nacre/nn/module.hpp>

#include <algorithm>
#include <tuple>

namespace nacre::train {

template <class M>
struct Part {
  const char* name;
  M& module;
};
template <class M>
Part<M> part(const char* name, M& module) {
  return {name, module};
}

namespace detail {

// f(name, tensor) for every parameter and state of the parts.
template <class F, class... M>
void each_tensor(F&& f, Part<M>... parts) {
  (nn::for_each_parameter(parts.module, [&](const std::string& n, auto& p) { f(parts.name + ("." + n), p.value()); }),
   ...);
  (nn::for_each_state(parts.module, [&](const std::string& n, auto& s) { f(parts.name + ("." + n), s.value()); }), ...);
}

}  // namespace detail

template <class... M>
void save_checkpoint(const std::string& path, const io::Metadata& metadata, Part<M>... parts) {
  io::SafeTensorsWriter writer;
  detail::each_tensor([&](const std::string& name, auto& tensor) { writer.add(name, tensor); }, parts...);
  for (const auto& [key, value] : metadata) writer.metadata(key, value);
  writer.save(path, io::Previous::keep);
}

enum class Others { refuse, ignore };  // tensors of other parts in the file

template <class... M>
void load_checkpoint(const io::SafeTensors& file, Others others, Part<M>... parts) {
  check<DataError>(file.has_checksum(), "checkpoint",
                   [&] { return file.file_name() + " has no checksum, so it is not a checkpoint or was changed"; });
  std::string wrong;
  std::vector<std::string> names;
  auto text = [](io::DType dtype, const Shape& shape) { return std::string(io::name_of(dtype)) + " " + shape.str(); };
  detail::each_tensor([&]<class T>(const std::string& name, Tensor<T>& tensor) {
    names.push_back(name);
    const io::TensorInfo* info = file.find(name);
    std::string here = text(io::dtype_of<T>(), tensor.shape()), there = info ? text(info->dtype, info->shape) : "";
    if (!info) wrong += "\n  missing there: " + name + " " + here;
    else if (here != there) wrong += "\n  differs: " + name + " is " + there + " there, " + here + " here";
  }, parts...);
  std::sort(names.begin(), names.end());
  auto asked = [&](const std::string& name) {
    return others == Others::refuse || (name.starts_with(parts.name + std::string(".")) || ...);
  };
  for (const io::TensorInfo& t : file.tensors())
    if (asked(t.name) && !std::binary_search(names.begin(), names.end(), t.name))
      wrong += "\n  missing here: " + t.name + " " + text(t.dtype, t.shape);
  check<DataError>(wrong.empty(), "checkpoint",
                   [&] { return file.file_name() + " belongs to another configuration:" + wrong; });

  auto staged =
      std::make_tuple(std::vector<Tensor<float>>{}, std::vector<Tensor<double>>{}, std::vector<Tensor<i64>>{});
  detail::each_tensor([&]<class T>(const std::string& name, Tensor<T>&) {
    std::get<std::vector<Tensor<T>>>(staged).push_back(file.get<T>(name));
  }, parts...);
  std::size_t next_float = 0, next_double = 0, next_i64 = 0;
  detail::each_tensor([&]<class T>(const std::string&, Tensor<T>& tensor) {
    std::size_t& next = std::same_as<T, float> ? next_float : std::same_as<T, double> ? next_double : next_i64;
    tensor.copy_from(std::get<std::vector<Tensor<T>>>(staged)[next++]);
  }, parts...);
}

template <class... M>
void load_checkpoint(const io::SafeTensors& file, Part<M>... parts) {
  load_checkpoint(file, Others::refuse, parts...);
}

// The same from a path; returns the metadata.
template <class... M>
io::Metadata load_checkpoint(const std::string& path, Part<M>... parts) {
  io::SafeTensors file = io::SafeTensors::open(path);
  load_checkpoint(file, parts...);
  return file.metadata();
}

}  // namespace nacre::train
