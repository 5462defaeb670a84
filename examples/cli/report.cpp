// nacre report: everything a run has written, as one page.
#include "loss.hpp"

#include <nacre/data/png.hpp>
#include <nacre/eval/pca.hpp>
#include <nacre/eval/probe.hpp>
#include <nacre/io/file.hpp>
#include <nacre/train/report.hpp>

#include <cstdio>
#include <filesystem>

namespace cli {

namespace json = nc::io::json;

namespace {

constexpr nc::i64 gallery = 2000, queries = 6, neighbors = 8;

void read_metrics(const std::string& path, nc::train::ReportRun& run) {
  if (!exists(path)) return;
  each_metrics_line(path, [&](const json::Value& line, std::string_view) {
    double step = line.at("step").as_double();
    for (const json::Value& v : line.items) {
      if (v.kind != json::Kind::number || v.key == "step" || v.key == "epoch") continue;
      auto* series = &run.series;
      std::size_t i = 0;
      while (i < series->size() && (*series)[i].name != v.key) ++i;
      if (i == series->size()) series->push_back({v.key, {}, {}});
      (*series)[i].step.push_back(step);
      (*series)[i].value.push_back(v.number);
    }
  });
}

void read_linear(const json::Value& v, nc::train::ReportScores& scores) {
  for (const json::Value& s : v.items) scores.linear.emplace_back(s.key, s.as_double());
}

void read_probe(const std::string& path, nc::train::ReportRun& run) {
  if (!exists(path)) return;
  try {
    json::Value v = json::parse(nc::io::read_file(path, 1 << 20));
    run.trained.knn = v.at("knn").at("top1").as_double();
    run.k = v.at("knn").at("k").as_i64();
    read_linear(v.at("linear"), run.trained);
    const json::Value& base = v.at("baselines");
    run.untrained.knn = base.at("random_knn").as_double();
    read_linear(base.at("random_linear"), run.untrained);
    run.pixels.knn = base.at("pixels_knn").as_double();
    run.pixels.linear.emplace_back("pixels", base.at("pixels_linear").as_double());
  } catch (const nc::DataError& e) {
    nc::fail<nc::DataError>("report", path + " is not what nacre probe writes: " + e.what() +
                                          "; probe the run anew, or remove the file");
  }
}

// The pictures of the page: views; of the test split, or of train where there is none, nearest neighbours and
// principal components.
void add_pictures(const Config& config, const nc::data::DataSplits& data, nc::train::ReportRun& run) {
  nc::Key key{static_cast<nc::u64>(config.seed)};
  run.views.push_back(
      {nc::data::encode_png(sheet_of_views(data.pretrain(), config, std::min<nc::i64>(6, data.pretrain().size()), key)),
       "each row: a picture, then what the method is shown of it, drawn twice",
       {}});
  std::string path = file_in(config.out, "encoder.safetensors");
  const nc::data::Images& source = data.test.empty() ? data.train : data.test;
  if (!exists(path) || source.empty()) return;
  Encoder encoder = Encoder::load(path);
  nc::data::Images images = nc::data::limit(source, gallery, key.fold("report"));
  run.gallery = std::to_string(images.size()) + " pictures of the " + (data.test.empty() ? "train" : "test") + " split";
  nc::Tensor<float> rows = nc::eval::embed_all(encoder, evaluation_pictures(images, config), images.size());

  auto picture = [&](nc::i64 i) {
    nc::data::Picture p = images[i];
    try {
      const nc::u8* bytes = p.data();
      nc::Tensor<nc::u8> pixels({p.height, p.width, p.channels});
      std::copy_n(bytes, pixels.size(), pixels.data());
      return nc::data::encode_png(pixels);
    } catch (const nc::data::PictureError&) {
      return nc::data::encode_png(nc::Tensor<nc::u8>::zeros({32, 32, 3}));
    }
  };
  auto class_of = [&](nc::i64 i) {
    std::size_t label = static_cast<std::size_t>(images.labels[i]);
    return label < images.classes.size() ? images.classes[label] : std::to_string(label);
  };
  auto near =
      nc::eval::nearest(rows.rows(0, std::min(queries, images.size())), rows, std::min(neighbors + 1, images.size()));
  for (nc::i64 q = 0; q < near.index.dim(0); ++q) {
    std::vector<nc::train::ReportPicture> row;
    for (nc::i64 j = 0; j < near.index.dim(1); ++j) {
      nc::i64 i = near.index[q * near.index.dim(1) + j];
      bool labelled = images.labelled(), right = labelled && images.labels[i] == images.labels[q];
      row.push_back({picture(i), labelled ? class_of(i) : "",
                     j == 0 || !labelled ? nc::train::Verdict::none
                     : right             ? nc::train::Verdict::right
                                         : nc::train::Verdict::wrong});
    }
    run.neighbors.push_back(std::move(row));
  }
  if (images.size() >= 3) {
    auto pca = nc::eval::pca(rows, 2);
    run.points = pca.points;
    run.explained = {pca.explained[0], pca.explained[1]};
    run.labels = images.labels;
    run.classes = images.classes;
  }
}

nc::train::ReportRun collect(const std::string& directory) {
  Config config = read_config(directory);
  nc::train::ReportRun run;
  std::filesystem::path path(directory);
  run.name = path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
  each_option(config, [&](const char* name, const auto& value) {
    json::Writer w;
    w.value(value);
    std::string text = w.str();
    if (text.size() >= 2 && text[0] == '"') text = text.substr(1, text.size() - 2);
    if (!text.empty()) run.config.emplace_back(name, text);
  });
  run.config.emplace_back("pictures", std::to_string(config.pictures));
  run.task = task_of(config);
  run.saw_labels = needs_labels(config);
  run.note = note_of(config);
  run.dim = monitored_dim(config);
  if (double loss = initial_loss(config); loss > 0) run.initial_loss = loss;
  if (double loss = uninformed_loss(config); loss > 0) run.uninformed_loss = loss;
  read_metrics(file_in(directory, "metrics.jsonl"), run);
  read_probe(file_in(directory, "probe.json"), run);
  Data data(config.data);
  if (!data.train.classes.empty()) run.chance = 100.0 / static_cast<double>(data.train.classes.size());
  add_pictures(config, data, run);
  return run;
}

}  // namespace

void report(const Report& o) {
  nc::check(o.runs.size() == 1 || !o.out.empty(), "report",
            [] { return std::string("say where the page of several runs goes: --out FILE.html"); });
  std::vector<nc::train::ReportRun> runs;
  for (const std::string& directory : o.runs) runs.push_back(collect(directory));
  std::string out = o.out.empty() ? file_in(o.runs[0], "report.html") : o.out;
  nc::io::replace_file(out, nc::train::report_page(runs, runs.size() == 1 ? runs[0].name : "Runs side by side"));
  std::printf("%s\n", out.c_str());
}

}  // namespace cli
