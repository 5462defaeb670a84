#include "run.hpp"

#include <nacre/data/file.hpp>
#include <nacre/io/file.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace cli {

namespace json = nc::io::json;
namespace fs = std::filesystem;

std::string file_in(const std::string& run, const char* name) { return (fs::path(run) / name).string(); }
bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

void check_file(const char* command, const std::string& path, const char* remedy) {
  nc::check<nc::DataError>(nc::data::is_file(path), command, [&] {
    return (nc::data::is_directory(path) ? path + " is a folder; " : "there is no file " + path + "; ") + remedy;
  });
}

bool saved(const std::string& run) {
  for (const char* name : {"checkpoint.safetensors", "checkpoint.prev.safetensors", "encoder.safetensors"})
    if (exists(file_in(run, name))) return true;
  return false;
}

void check_free(const std::string& run) {
  if (exists(file_in(run, "config.json")) || saved(run)) return;
  for (const char* name : {"env.json", "metrics.jsonl", "probe.json", "report.html"})
    nc::check(!exists(file_in(run, name)), "out", [&] {
      return file_in(run, name) + " lies there, but no run does (there is no config.json); move it away, or choose "
                                  "another --out";
    });
}

void make_directory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  nc::check<nc::WriteError>(!error && fs::is_directory(path), "out", [&] {
    return "cannot make the directory " + path + ": " + (error ? error.message() : "a file of that name is in the way");
  });
}

void write_config(const std::string& run, const Config& config) {
  json::Writer w;
  w.object().key("version").value(nc::version);
  each_option(config, [&](const char* name, const auto& value) { w.key(name).value(value); });
  w.key("fingerprint")
      .value(config.fingerprint)
      .key("pictures")
      .value(config.pictures)
      .key("channels")
      .value(config.channels)
      .key("expected_loss")
      .value(config.expected_loss);
  w.key("normalization").object();
  w.key("mean").array();
  for (float x : config.normalization.mean) w.value(x);
  w.end().key("std").array();
  for (float x : config.normalization.std) w.value(x);
  w.end().end().end();
  nc::io::replace_file(file_in(run, "config.json"), w.str() + "\n");
}

namespace {

void read_config(const json::Value& v, Config& c) {
  auto read = [&]<class T>(const char* name, T& into) {
    if (!v.find(name) && name == std::string_view("exact-conv")) {  // runs from before the choice were exact
      c.exact_conv = true;
      return;
    }
    if (!v.find(name) && came_later(name)) return;
    const json::Value& x = v.at(name);
    if constexpr (std::same_as<T, std::string>) into = x.as_string();
    else if constexpr (std::same_as<T, bool>) into = x.as_bool();
    else if constexpr (std::same_as<T, double>) into = x.as_double();
    else into = x.as_i64();
  };
  each_option(c, read);
  read("fingerprint", c.fingerprint);
  read("pictures", c.pictures);
  read("channels", c.channels);
  if (const json::Value* expected = v.find("expected_loss")) c.expected_loss = expected->as_double();
  const json::Value& n = v.at("normalization");
  for (std::size_t i = 0; i < 3; ++i) {
    nc::check<nc::DataError>(n.at("mean").items.size() == 3 && n.at("std").items.size() == 3, "run",
                             [] { return std::string("normalization needs three numbers each"); });
    c.normalization.mean[i] = static_cast<float>(n.at("mean").items[i].as_double());
    c.normalization.std[i] = static_cast<float>(n.at("std").items[i].as_double());
  }
}

}  // namespace

Config read_config(const std::string& run) {
  std::string path = file_in(run, "config.json");
  nc::check<nc::DataError>(exists(path), "run", [&] {
    return run + " holds no run (there is no config.json); name the directory of a run";
  });
  std::string text = nc::io::read_file(path, 1 << 20);
  Config c;
  try {
    read_config(json::parse(text), c);
  } catch (const nc::DataError& e) {
    nc::fail<nc::DataError>("run", path + " is not the config.json of a run: " + e.what());
  }
  c.out = run;
  return c;
}

void parse_channels(const std::string& text, const char* option, std::array<float, 3>& into) {
  if (text.empty()) return;
  const char* p = text.c_str();
  int n = 0;
  for (; n < 3; ++n) {
    char* end = nullptr;
    into[static_cast<std::size_t>(n)] = std::strtof(p, &end);
    if (end == p) break;
    p = end;
    if (*p != ',') { ++n; break; }
    ++p;
  }
  nc::check(*p == 0 && (n == 1 || n == 3), option,
            [&] { return "'" + text + "' is not r,g,b; give three numbers, or one for all"; });
  if (n == 1) into[1] = into[2] = into[0];
  for (float x : into)
    nc::check(std::abs(x) < 1e6f && (x > 1e-6f || std::string_view(option) != "std"), option,
              [&] { return "'" + text + "' is not what pictures can have"; });
}

nc::i64 depth_of(const std::string& model) { return std::atoi(model.c_str() + 6); }  // "resnet18"

nc::models::ResNetOptions encoder_options(const Config& c) {
  return {.depth = depth_of(c.model),
          .width = c.width,
          .stem = c.stem == "cifar" ? nc::models::Stem::cifar : nc::models::Stem::imagenet,
          .in_channels = c.channels,
          .norm = c.norm == "group"   ? nc::nn::Norm::group
                  : c.norm == "layer" ? nc::nn::Norm::layer
                                      : nc::nn::Norm::batch};
}

nc::data::Augment augment_options(const std::string& name) {
  if (name == "gentle") return nc::data::gentle();
  nc::data::Augment augment = nc::data::simclr();
  if (name == "no-hue") augment.color.hue = 0;
  return augment;
}

namespace {

void warn(const nc::data::Images& images, const std::vector<std::string>& broken, const char* what) {
  if (!broken.empty())
    std::fprintf(stderr, "nacre: warning: %s: %zu pictures could not be read and %s, the first: %s\n",
                 images.name.c_str(), broken.size(), what, broken[0].c_str());
}

}  // namespace

Data::Data(const std::string& spec) {
  nc::check(!spec.empty(), "data",
            [] { return std::string("say what to read: --data fashion-mnist, or folder:DIR, ..."); });
  static_cast<DataSplits&>(*this) = nc::data::open(spec);
  for (const auto* images : {&train, &test, &unlabeled}) warn(*images, images->skipped, "are left out");
}

Data::~Data() {
  for (const auto* images : {&train, &test, &unlabeled}) warn(*images, images->unreadable(), "were passed over");
}

nc::i64 choose_image_size(const nc::data::Images& images) {
  if (!images.dense() || images.empty()) return 224;
  nc::i64 side = std::max(images[0].height, images[0].width);
  return side <= 32 ? 32 : side <= 96 ? side : 224;
}

nc::data::Images training_images(const nc::data::DataSplits& data, const Config& c) {
  const nc::data::Images& images = c.split == "train" ? data.train : data.pretrain();
  return nc::data::limit(images, c.limit, nc::Key{static_cast<nc::u64>(c.seed)}.fold("limit"));
}

void write_env(const std::string& run) {
  json::Writer w;
  std::string line;
  if (FILE* f = std::fopen("/proc/self/cmdline", "rb")) {
    for (int c; (c = std::fgetc(f)) != EOF;) line += c ? static_cast<char>(c) : ' ';
    std::fclose(f);
  }
  w.object().key("version").value(nc::version).key("instruction_set").value(nc::backend::isa_name());
  w.key("threads").value(nc::threads()).key("compiler").value(__VERSION__).key("command").value(line);
  nc::io::replace_file(file_in(run, "env.json"), w.end().str() + "\n");
}

void each_metrics_line(const std::string& path, const std::function<void(const json::Value&, std::string_view)>& f) {
  std::string all = nc::io::read_file(path, nc::u64{1} << 32);
  for (std::size_t begin = 0, end; (end = all.find('\n', begin)) != std::string::npos; begin = end + 1) {
    std::string_view text = std::string_view(all).substr(begin, end - begin);
    json::Value line;
    try {
      line = json::parse(text, path);
      line.at("step").as_i64();
    } catch (const nc::DataError&) {
      continue;
    }
    f(line, text);
  }
}

void cut_metrics(const std::string& path, nc::i64 steps_done) {
  if (!exists(path)) return;
  std::string kept;
  each_metrics_line(path, [&](const json::Value& line, std::string_view text) {
    if (line.at("step").as_i64() <= steps_done) kept.append(text) += '\n';
  });
  if (kept != nc::io::read_file(path, nc::u64{1} << 32)) nc::io::replace_file(path, kept);
}

}  // namespace cli
