// nacre probe: how much of the classes a frozen encoder knows, beside raw pixels and an untrained encoder.
#include "methods.hpp"

#include <nacre/eval/probe.hpp>
#include <nacre/io/file.hpp>

#include <cstdio>

namespace cli {

namespace json = nc::io::json;

namespace {

void write_linear(json::Writer& w, const nc::eval::EncoderScore& score) {
  w.object();
  for (const auto& s : score.linear) w.key(s.name).value(s.top1);
  w.end();
}

std::string to_json(const nc::eval::EncoderScore& trained, const nc::eval::EncoderScore& random,
                    const nc::eval::EncoderScore& pixels, const nc::eval::ProbeOptions& o, const std::string& data,
                    nc::i64 train, nc::i64 test, nc::i64 limit) {
  json::Writer w;
  w.object()
      .key("knn")
      .object()
      .key("k")
      .value(trained.k)
      .key("temperature")
      .value(o.knn.temperature)
      .key("top1")
      .value(trained.knn)
      .end();
  w.key("linear");
  write_linear(w, trained);
  w.key("baselines").object().key("pixels_knn").value(pixels.knn).key("pixels_linear").value(pixels.linear[0].top1);
  w.key("random_knn").value(random.knn).key("random_linear");
  write_linear(w, random);
  w.end().key("epochs").value(o.linear.epochs).key("limit").value(limit).key("data").value(data);
  w.key("train_pictures").value(train).key("test_pictures").value(test);
  return w.end().str() + "\n";
}

void read_baselines(const std::string& path, std::size_t stages, nc::eval::EncoderScore& random,
                    nc::eval::EncoderScore& pixels) {
  json::Value probe = json::parse(nc::io::read_file(path, 1 << 20), path);
  const json::Value& base = probe.at("baselines");
  random.knn = base.at("random_knn").as_double();
  for (const json::Value& stage : base.at("random_linear").items)
    random.linear.push_back({stage.key, stage.as_double()});
  nc::check<nc::DataError>(random.linear.size() == stages, "probe", [&] {
    return path + " has other stages than this probe; probe its run anew";
  });
  pixels.knn = base.at("pixels_knn").as_double();
  pixels.linear = {{"pixels", base.at("pixels_linear").as_double()}};
}

void print_table(const nc::eval::EncoderScore& trained, const nc::eval::EncoderScore& random,
                 const nc::eval::EncoderScore& pixels) {
  std::printf("\npercent right on the test pictures\n%-22s %9s %10s %8s\n", "", "trained", "untrained", "pixels");
  std::printf("%-22s %9.1f %10.1f %8.1f\n", "weighted kNN", trained.knn, random.knn, pixels.knn);
  for (std::size_t i = 0; i < trained.linear.size(); ++i) {
    std::string name = "linear on " + trained.linear[i].name;
    std::printf("%-22s %9.1f %10.1f", name.c_str(), trained.linear[i].top1, random.linear[i].top1);
    if (i + 1 == trained.linear.size()) std::printf(" %8.1f", pixels.linear[0].top1);
    std::printf("\n");
  }
}

}  // namespace

void probe(const Probe& o) {
  nc::set_threads(o.threads);
  Config config = read_config(o.run);
  nc::backend::exact_conv() = config.exact_conv;
  std::string path = file_in(o.run, "encoder.safetensors");
  nc::check<nc::DataError>(exists(path), "probe",
                           [&] { return path + " is not there yet; finish the run with nacre pretrain --resume"; });
  Encoder encoder = Encoder::load(path), untrained = untrained_encoder(config);
  nc::Key key{static_cast<nc::u64>(config.seed)};

  std::string spec = o.data.empty() ? config.data : o.data;
  Data data(spec);
  nc::check<nc::DataError>(data.train.labelled() && data.test.labelled(), "probe", [&] {
    return spec + " has no labels for both train and test; name labelled data by --data";
  });
  check_channels(encoder, data.train, spec);
  nc::data::Images train = nc::data::limit(data.train, o.limit, key.fold("limit"));
  const nc::data::Images& test = data.test;
  auto loads = [&](const nc::data::Images& images) { return evaluation_pictures(images, config); };
  nc::eval::ProbeOptions options;
  options.all_stages = o.layers == "all";
  options.batch = o.batch;
  options.linear.epochs = o.epochs;
  options.linear.key = key;
  if (!o.quiet)
    std::printf("probing with %lld labelled pictures, %lld to test\n", static_cast<long long>(train.size()),
                static_cast<long long>(test.size()));
  auto trained = nc::eval::probe(encoder, loads(train), train.labels, loads(test), test.labels, options);
  nc::eval::EncoderScore random, pixels;
  if (o.baselines.empty()) {
    random = nc::eval::probe(untrained, loads(train), train.labels, loads(test), test.labels, options);
    pixels = nc::eval::probe_pixels(loads(train), train.labels, loads(test), test.labels, options);
  } else read_baselines(o.baselines, trained.linear.size(), random, pixels);

  std::string text = to_json(trained, random, pixels, options, spec, train.size(), test.size(), o.limit);
  nc::io::replace_file(file_in(o.run, "probe.json"), text);
  if (!o.json.empty()) nc::io::replace_file(o.json, text);
  if (!o.quiet) print_table(trained, random, pixels);
}

}  // namespace cli
