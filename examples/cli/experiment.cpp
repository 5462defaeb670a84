// nacre experiment: many runs under one protocol, and one table of what they learnt.
//
// Each run is a directory DIR/NAME-seedN of `nacre pretrain`, probed by `nacre probe`. What is there already is kept:
// an experiment that was interrupted is continued by the same command.
#include "experiment.hpp"

#include <nacre/io/file.hpp>
#include <nacre/pretext/jigsaw.hpp>
#include <nacre/train/checkpoint.hpp>
#include <nacre/train/svg.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

namespace cli {

namespace json = nc::io::json;
namespace svg = nc::train::svg;

namespace {

std::string exact_number(double x) { return svg::number(x, 15); }

// --- which runs an experiment consists of

// What is compared where nothing else is asked for; pairs add cmc where pictures have colours and the options allow it.
std::vector<std::string> usual_methods(const std::string& what) {
  if (what == "layers") return {"jigsaw", "pirl", "npid", "simclr", "supervised"};
  if (what == "invariance") return {"jigsaw", "pirl"};
  return {"pirl", "npid", "simclr", "moco", "moco-v2", "moco-v3", "cpc", "jigsaw", "rotnet"};
}
std::vector<double> usual_values(const std::string& what) {
  if (what == "lambda") return {0, 0.25, 0.5, 0.75, 1};
  if (what == "negatives") return {64, 512, 4096};
  return {10, 100, 1000};
}

bool is_sweep(const std::string& what) { return what == "lambda" || what == "negatives" || what == "permutations"; }

std::vector<Cell> cells_of(const Experiment& o, bool colours) {
  std::vector<Cell> cells;
  auto add = [&](const std::string& name, const std::string& method) -> Pretrain& {
    cells.push_back({name, o.training});
    cells.back().options.method = method;
    return cells.back().options;
  };
  std::vector<std::string> methods = o.methods.empty() ? usual_methods(o.what) : o.methods;
  if (o.what == "layers" || o.what == "invariance") {
    for (const auto& m : methods) add(m, m);
  } else if (o.what == "pairs") {
    Config pirl;
    static_cast<Pretrain&>(pirl) = o.training;
    pirl.method = "pirl";
    const Pretrain& t = o.training;
    if (o.methods.empty() && colours && t.loss != "nce_paper" && !t.shared_negatives && !t.include_self)
      methods.push_back("cmc");
    for (const auto& m : methods) {
      Config c = pirl;
      c.method = m;
      Pretrain& run = add(m, m);
      run.epochs = std::max<nc::i64>(
          1, std::llround(static_cast<double>(o.training.epochs) * pictures_a_sample(pirl) / pictures_a_sample(c)));
      run.given.push_back("epochs");
    }
  } else {
    for (double v : o.values.empty() ? usual_values(o.what) : o.values) {
      std::string name = o.what + "-" + exact_number(v);
      Pretrain& run = add(name, o.what == "permutations" ? "jigsaw" : "pirl");
      if (o.what == "lambda") run.lambda = v;
      else if (o.what == "negatives") run.negatives = std::llround(v);
      else run.permutations = std::llround(v);
      run.given.push_back(o.what);
    }
  }
  return cells;
}

// --- one run, and what is known of it

void read_stages(const json::Value& object, std::vector<std::pair<std::string, double>>& into) {
  for (const json::Value& stage : object.items) into.emplace_back(stage.key, stage.as_double());
}

// Of training alone, from the rates that were logged: each of the steps since the line before.
double minutes_of(const std::string& run, const Config& c) {
  double seconds = 0;
  nc::i64 done = 0;
  each_metrics_line(file_in(run, "metrics.jsonl"), [&](const json::Value& line, std::string_view) {
    nc::i64 step = line.at("step").as_i64();
    double rate = line.at("samples_per_s").as_double();
    if (rate > 0) seconds += static_cast<double>((step - done) * c.batch) / rate;
    done = step;
  });
  return seconds / 60;
}

// Of the experiment's own protocol: another probe of the run may lie there, or a torn one.
bool probed(const Experiment& o, const std::string& run, const Config& c) try {
  std::string path = file_in(run, "probe.json");
  if (!exists(path)) return false;
  json::Value probe = json::parse(nc::io::read_file(path, 1 << 20), path);
  const json::Value *epochs = probe.find("epochs"), *limit = probe.find("limit");
  return epochs && limit && epochs->as_i64() == o.probe_epochs && limit->as_i64() == o.probe_limit &&
         probe.at("data").as_string() == c.data && probe.at("linear").items.size() == 6 &&
         probe.at("baselines").at("random_linear").items.size() == 6;
} catch (const nc::DataError&) {
  return false;
}

std::string network_of(const Config& c) { return c.norm + " norm" + (trains_pair(c) ? ", a pair" : ""); }

Result result_of(const std::string& run) {
  json::Value probe = json::parse(nc::io::read_file(file_in(run, "probe.json"), 1 << 20));
  Result r;
  r.config = read_config(run);
  r.network = network_of(r.config);
  r.knn = probe.at("knn").at("top1").as_double();
  read_stages(probe.at("linear"), r.linear);
  const json::Value& base = probe.at("baselines");
  read_stages(base.at("random_linear"), r.untrained);
  r.untrained_knn = base.at("random_knn").as_double();
  r.pixels_knn = base.at("pixels_knn").as_double();
  r.minutes = minutes_of(run, r.config);
  return r;
}

// What shuffling the patches of test pictures moves.
void measure_invariance(const std::string& run, Result& r) {
  Config c = read_config(run);
  Data data(c.data);
  nc::Key key{static_cast<nc::u64>(c.seed)};
  nc::data::Images images = nc::data::limit(data.test.empty() ? data.train : data.test, invariance_pictures,
                                           key.fold("invariance"));
  nc::data::Augment plain = nc::data::gentle();
  nc::Loader loader(images,
                    nc::pretext::jigsaw_views({.image = c.image_size, .augment = plain, .patch_color = plain.color}),
                    {.batch = images.size(), .normalization = c.normalization}, key);
  const nc::Batch& batch = *loader.next();
  Encoder encoder = Encoder::load(file_in(run, "encoder.safetensors"));
  auto rows = nc::eval::with_linear_head(nc::eval::trunk_rows(encoder, batch));
  r.linear_head = nc::eval::invariance(rows.a, rows.b);

  Learner learner = make_learner(c, training_images(data, c), key);
  if (!learner.patch_head || !exists(file_in(run, "checkpoint.safetensors"))) return;
  auto head = [&](const nc::Tensor<float>& patches) { return learner.patch_head(learner.method, patches); };
  nc::eval::RowPairs<float> own = nc::eval::patch_rows(batch, head);
  r.own_untrained = nc::eval::invariance(own.a, own.b);
  nc::train::load_checkpoint(nc::io::SafeTensors::open(file_in(run, "checkpoint.safetensors")),
                             nc::train::Others::ignore, nc::train::part("method", learner.method));
  own = nc::eval::patch_rows(batch, head);
  r.own = nc::eval::invariance(own.a, own.b);
  if (learner.picture_head)
    r.both_heads = nc::eval::invariance(learner.picture_head(learner.method, batch.image), own.b);
}

std::string run_of(const Experiment& o, const Cell& cell, nc::i64 seed) {
  return file_in(o.out, (cell.name + "-seed" + std::to_string(o.training.seed + seed)).c_str());
}

// An option that means something to one method is left unsaid to the others; one that means nothing to all is refused.
void drop_idle(const Experiment& o, std::vector<Cell>& cells) {
  std::map<std::string, std::size_t> idle;  // in how many cells
  for (Cell& cell : cells)
    for (const std::string& option : idle_options(cell.options)) {
      ++idle[option];
      std::erase(cell.options.given, option);
    }
  for (const auto& [option, count] : idle)
    if (count == cells.size()) refuse_option(option, "experiment " + o.what);
}

// Its page and its table are written anew each time; what is not an experiment's stays.
void check_out(const Experiment& o) {
  nc::check(!exists(file_in(o.out, "config.json")), "out",
            [&] { return o.out + " holds a run (config.json), not an experiment; choose another --out"; });
  for (const auto& [name, ours] : {std::pair{"report.html", "<title>Experiment: "}, {"table.md", "|  | "}}) {
    std::string path = file_in(o.out, name);
    nc::check(!exists(path) || nc::io::read_file(path, nc::u64{1} << 32).find(ours) != std::string::npos, "out",
              [&] { return path + " is not of an experiment; move it away, or choose another --out"; });
  }
}

// What would stop the experiment after hours is found before it begins.
std::vector<Cell> checked_cells(const Experiment& o) {
  check_out(o);
  bool sweep = is_sweep(o.what);
  nc::check(sweep || o.values.empty(), "values",
            [&] { return "--values is for the sweeps lambda, negatives and permutations, not " + o.what; });
  nc::check(!sweep || o.methods.empty(), "methods",
            [&] { return "--methods is for layers, invariance and pairs, not the sweep " + o.what; });
  nc::check(!o.training.is_given(o.what), "values",
            [&] { return "--" + o.what + " is swept; name what it takes by --values"; });
  for (double v : o.values)
    nc::check(o.what == "lambda" || v == std::round(v), "values",
              [&] { return "--values " + exact_number(v) + ": " + o.what + " are counted; give whole numbers"; });
  Data data(o.training.data);
  nc::check<nc::DataError>(data.train.labelled() && data.test.labelled(), "experiment", [&] {
    return o.training.data + " has no labels for both train and test, so nothing can be probed";
  });
  std::vector<Cell> cells = cells_of(o, data.train.channels == 3);
  std::set<std::string> names;
  for (const Cell& cell : cells) {
    const char* option = sweep ? "values" : "methods";
    nc::check(names.insert(cell.name).second, option,
              [&] { return cell.name + " is asked for twice; name each of --" + option + " once"; });
  }
  drop_idle(o, cells);
  for (const Cell& cell : cells) {
    Config c;
    static_cast<Pretrain&>(c) = cell.options;
    take_defaults(c);
    nc::check(c.lambda >= 0 && c.lambda <= 1 && c.negatives >= 1 && c.permutations >= 2 && c.permutations <= 10000,
              "values", [&] {
                return cell.name + " is out of range: lambda goes from 0 to 1, negatives from 1, permutations from 2 "
                                   "to 10000";
              });
    nc::data::Images images = training_images(data, c);
    nc::check(o.what != "negatives" || c.negatives < images.size(), "values", [&] {
      return cell.name + " needs more pictures than the " + std::to_string(images.size()) + " of " +
             source_of(c, images) + "; name smaller --values";
    });
    check_method(c, images);
    for (nc::i64 s = 0; s < o.seeds; ++s) check_free(run_of(o, cell, s));
  }
  return cells;
}

// A run that is there already: of the same pictures and, option by option, what this experiment would train.
void check_kept(const Pretrain& asked) {
  Config c, there = read_config(asked.out);
  static_cast<Pretrain&>(c) = asked;
  take_defaults(c);
  Pretrain all = c;
  each_option(c, [&](const char* name, const auto&) {
    bool chosen = name == std::string_view("image-size") && c.image_size == 0;
    if (!chosen) all.given.push_back(name);
  });
  check_same_options(all);
  nc::check(training_images(Data(asked.data), there).fingerprint == there.fingerprint, "data", [&] {
    return asked.out + " was trained on other pictures than " + asked.data + "; choose another --out";
  });
}

}  // namespace

std::string usual(const std::string& what) {
  std::string text;
  if (is_sweep(what)) {
    for (double value : usual_values(what)) text += (text.empty() ? "" : ",") + exact_number(value);
    return text;
  }
  for (const std::string& method : usual_methods(what)) text += (text.empty() ? "" : ",") + method;
  if (what == "pairs") text += ",cmc (coloured pictures, without --shared-negatives, --include-self, --loss nce_paper)";
  return text;
}

void experiment(const Experiment& o) {
  nc::set_threads(o.training.threads);
  std::vector<Cell> cells = checked_cells(o);
  std::vector<std::vector<Result>> results(cells.size());
  std::map<std::string, std::string> measured;  // untrained network and pixels: once for each seed and network
  for (nc::i64 s = 0; s < o.seeds; ++s, measured.clear())
    for (std::size_t i = 0; i < cells.size(); ++i) {
      Pretrain run = cells[i].options;
      run.seed += s;
      run.out = run_of(o, cells[i], s);
      run.resume = saved(run.out);
      for (const char* name : {"method", "seed", "data"}) run.given.push_back(name);
      if (!run.quiet) std::printf("--- %s\n", run.out.c_str());
      if (exists(file_in(run.out, "encoder.safetensors"))) check_kept(run);
      else pretrain(run);
      if (interrupted()) {
        std::fprintf(stderr, "nacre: the experiment stops here; the same command continues it\n");
        return;
      }
      std::string probe_file = file_in(run.out, "probe.json");
      Config kept = read_config(run.out);
      std::string& baselines = measured[network_of(kept)];
      if (!probed(o, run.out, kept))
        probe({.run = run.out, .data = "", .layers = "all", .json = "", .baselines = baselines,
               .epochs = o.probe_epochs, .limit = o.probe_limit, .threads = o.training.threads, .quiet = run.quiet});
      if (baselines.empty()) baselines = probe_file;  // the first of its network
      results[i].push_back(result_of(run.out));
      if (o.what == "invariance") measure_invariance(run.out, results[i].back());
    }
  Outcome outcome = outcome_of(o, cells, results);
  nc::io::replace_file(file_in(o.out, "table.md"), outcome.table);
  nc::io::replace_file(file_in(o.out, "report.html"), outcome.page);
  std::printf("\n%s\n%s\n", outcome.table.c_str(), file_in(o.out, "report.html").c_str());
}

}  // namespace cli
