// nacre inspect: what is in a .safetensors or .npy file.
#include "run.hpp"

#include <nacre/io/npy.hpp>
#include <nacre/io/safetensors.hpp>

#include <cstdio>

namespace cli {

namespace nc = nacre;

namespace {

template <class T>
void line(const std::string& name, const char* type, const nc::Tensor<T>& t) {
  double lo = 0, hi = 0, sum = 0;
  nc::i64 finite = 0;
  for (const T& raw : t.span()) {
    double x = static_cast<double>(static_cast<nc::acc_t<T>>(raw));
    if (!std::isfinite(x)) continue;
    lo = finite == 0 || x < lo ? x : lo;
    hi = finite == 0 || x > hi ? x : hi;
    sum += x;
    ++finite;
  }
  std::printf("%-44s %-5s %-20s %12.5g %12.5g %12.5g %lld\n", name.c_str(), type, t.shape().str().c_str(), lo, hi,
              finite ? sum / static_cast<double>(finite) : 0.0, static_cast<long long>(t.size() - finite));
}

}  // namespace

void inspect(const Inspect& o) {
  auto head = [] {
    std::printf("%-44s %-5s %-20s %12s %12s %12s %s\n", "name", "type", "shape", "min", "max", "mean", "non-finite");
  };
  check_file("inspect", o.file, "name a .safetensors or .npy file");
  if (o.file.size() > 4 && o.file.compare(o.file.size() - 4, 4, ".npy") == 0) {
    nc::io::Npy file = nc::io::Npy::open(o.file);
    const char* type = nc::io::name_of(file.dtype());
    head();
    switch (file.dtype()) {
      case nc::io::DType::f32: return line("array", type, file.get<float>());
      case nc::io::DType::f64: return line("array", type, file.get<double>());
      case nc::io::DType::i64: return line("array", type, file.get<nc::i64>());
      case nc::io::DType::i32: return line("array", type, file.get<std::int32_t>());
      case nc::io::DType::u8: return line("array", type, file.get<nc::u8>());
      default: std::printf("%-44s %-5s %s\n", "array", type, file.shape().str().c_str()); return;
    }
  }
  nc::io::SafeTensors file = nc::io::SafeTensors::open(o.file);
  head();
  for (const auto& t : file.tensors()) {
    const char* type = nc::io::name_of(t.dtype);
    if (nc::io::is_float(t.dtype)) line(t.name, type, file.as<double>(t.name));
    else if (t.dtype == nc::io::DType::i64) line(t.name, type, file.get<nc::i64>(t.name));
    else if (t.dtype == nc::io::DType::u8) line(t.name, type, file.get<nc::u8>(t.name));
    else std::printf("%-44s %-5s %s\n", t.name.c_str(), type, t.shape.str().c_str());
  }
  for (const auto& [key, value] : file.metadata()) std::printf("metadata %s: %s\n", key.c_str(), value.c_str());
}

}  // namespace cli
