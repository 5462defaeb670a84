// The table and the page of an experiment.
#include "experiment.hpp"

#include <nacre/train/page.hpp>

#include <algorithm>
#include <cmath>

namespace cli {

namespace svg = nc::train::svg;

namespace {

// Mean and sample deviation over seeds.
struct Spread {
  double mean = 0, deviation = -1;  // none of a single value
  explicit Spread(const std::vector<double>& x) {
    for (double v : x) mean += v / static_cast<double>(x.size());
    double squares = 0;
    for (double v : x) squares += (v - mean) * (v - mean);
    if (x.size() > 1) deviation = std::sqrt(squares / static_cast<double>(x.size() - 1));
  }
  std::string str(int digits = 1) const {
    return svg::fixed(mean, digits) + (deviation >= 0 ? " ± " + svg::fixed(deviation, digits) : std::string());
  }
};

using Table = std::vector<std::vector<std::string>>;

std::string markdown(const Table& table) {
  std::string s;
  for (std::size_t i = 0; i < table.size(); ++i) {
    for (const auto& cell : table[i]) s += "| " + cell + " ";
    s += "|\n";
    if (i == 0) {
      for (std::size_t k = 0; k < table[0].size(); ++k) s += "|---";
      s += "|\n";
    }
  }
  return s;
}

// The networks before training, each once: "untrained", or with its kind where there are several.
std::vector<std::pair<std::string, const std::vector<Result>*>> untrained(
    const std::vector<std::vector<Result>>& results) {
  std::vector<std::pair<std::string, const std::vector<Result>*>> networks;
  for (const auto& r : results) {
    bool known = std::any_of(networks.begin(), networks.end(), [&](const auto& n) { return n.first == r[0].network; });
    if (!known) networks.emplace_back(r[0].network, &r);
  }
  for (auto& n : networks) n.first = networks.size() == 1 ? "untrained" : "untrained, " + n.first;
  return networks;
}

template <class F>
std::string over(const std::vector<Result>& seeds, F&& f, int digits = 1) {
  std::vector<double> x;
  for (const Result& r : seeds) x.push_back(f(r));
  return Spread(x).str(digits);
}

// Rows: one a cell; columns: kNN, stages, minutes.
Table table_of(const std::vector<Cell>& cells, const std::vector<std::vector<Result>>& results) {
  Table table{{"", "epochs", "kNN %"}};
  for (const auto& stage : results[0][0].linear) table[0].push_back("linear " + stage.first + " %");
  table[0].push_back("minutes");
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto& r = results[i];
    std::vector<std::string> row{cells[i].name, std::to_string(r[0].config.epochs),
                                 over(r, [](const Result& x) { return x.knn; })};
    for (std::size_t s = 0; s < r[0].linear.size(); ++s)
      row.push_back(over(r, [&](const Result& x) { return x.linear[s].second; }));
    row.push_back(over(r, [](const Result& x) { return x.minutes; }));
    table.push_back(row);
  }
  for (const auto& [name, r] : untrained(results)) {
    std::vector<std::string> row{name, "0", over(*r, [](const Result& x) { return x.untrained_knn; })};
    for (std::size_t s = 0; s < (*r)[0].untrained.size(); ++s)
      row.push_back(over(*r, [&](const Result& x) { return x.untrained[s].second; }));
    row.push_back(svg::fixed(0, 1));
    table.push_back(row);
  }
  return table;
}

Table invariance_table(const std::vector<Cell>& cells, const std::vector<std::vector<Result>>& results) {
  Table table{{"", "own head: patches in place to shuffled", "own head: to another picture's", "own head, untrained",
               "both heads: picture to shuffled patches", "both heads: to another picture's",
               "linear head: picture to patches", "linear head: to another picture's"}};
  using I = nc::eval::Invariance;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto& r = results[i];
    auto field = [&](std::optional<I> Result::*of, double I::*what) {
      return (r[0].*of) ? over(r, [&](const Result& x) { return (*(x.*of)).*what; }, 3) : "-";
    };
    auto linear = [&](double I::*what) { return over(r, [&](const Result& x) { return x.linear_head.*what; }, 3); };
    table.push_back({cells[i].name, field(&Result::own, &I::mean), field(&Result::own, &I::other),
                     field(&Result::own_untrained, &I::mean), field(&Result::both_heads, &I::mean),
                     field(&Result::both_heads, &I::other), linear(&I::mean), linear(&I::other)});
  }
  return table;
}

// --- the page

const char* about(const std::string& what) {
  if (what == "layers")
    return "A linear classifier on every stage of a frozen encoder. In the paper (Misra and van der Maaten, 2020) "
           "Jigsaw's line falls at the last stage, which has turned to the places of the patches; PIRL's, whose "
           "embedding is to ignore the shuffle, keeps rising. Here is what these runs measured.";
  if (what == "invariance")
    return "Distances of unit rows, 0 to 2. Own head: what a method says of nine patches in their places, against the "
           "same patches shuffled; PIRL is trained to say the same, Jigsaw to tell the orders apart. Both heads: a "
           "whole picture by the one, its shuffled patches by the other. Linear head: the "
           "trunks alone, a whole picture against its patches, after one linear map that every trunk is given. An "
           "encoder that says the same of all pictures has a small distance to another picture's, too.";
  if (what == "pairs")
    return "Every method with the compute of the PIRL run: epochs are scaled by the pictures (or parts of them) that "
           "an encoder sees forward and backward for one sample; a pass without gradient counts a third. CMC trains "
           "a pair of networks, which together have twice the features.";
  if (what == "lambda")
    return "PIRL runs that differ in lambda alone: the weight of the patch term. At 0 it is NPID, which never sees a "
           "patch.";
  if (what == "negatives")
    return "PIRL runs that differ in negatives alone: how many rows of the memory bank each sample is pushed from.";
  return "Jigsaw runs that differ in permutations alone: how many orders of the nine patches are to be told apart.";
}

// The options that were given and make the result, without those that the protocol's sentence names.
std::string others_given(const Pretrain& o) {
  std::string s;
  each_option(o, [&]<class T>(const std::string& name, const T& value) {
    for (const char* told : {"data", "model", "width", "image-size", "epochs", "batch", "lr", "optimizer", "augment",
                             "seed", "limit", "save-every", "log-every"})
      if (name == told) return;
    if (!o.is_given(name)) return;
    s += (s.empty() ? "" : ", ") + name;
    if constexpr (std::same_as<T, std::string>) s += " " + value;
    else if constexpr (!std::same_as<T, bool>) s += " " + svg::number(static_cast<double>(value), 15);
    else if (!value) s += " off";
  });
  return s.empty() ? s : "Where a method has the option: " + s + ". ";
}

// Of all runs; `c` is the first one's. What differs between them stands in the table.
std::string protocol(const Experiment& o, const Config& c) {
  auto of = [](nc::i64 n, const std::string& what) { return std::to_string(n) + " " + what; };
  auto epochs = [&](nc::i64 n) { return of(n, n == 1 ? "epoch" : "epochs"); };
  std::string s = "Trained on " + of(c.pictures, "pictures of ") + o.training.data + ", " +
                  of(c.image_size, "pixels; ") + c.model + " of width " + of(c.width, "for ") +
                  epochs(o.training.epochs) + (o.what == "pairs" ? " of PIRL" : "") + ", batches of " +
                  std::to_string(c.batch) + "; " + c.optimizer + ", learning rate " + svg::number(c.lr) + ", " +
                  c.augment + " augmentation. " + others_given(o.training);
  if (o.what != "invariance")
    s += "Probed for " + epochs(o.probe_epochs) +
         (o.probe_limit > 0 ? " on at most " + of(o.probe_limit, "labelled pictures. ") : ". ");
  else s += "Distances over at most " + of(invariance_pictures, "test pictures. ");
  std::string first = std::to_string(o.training.seed), last = std::to_string(o.training.seed + o.seeds - 1);
  return s +
         (o.seeds > 1 ? "Seeds " + first + " to " + last + "; ± is the deviation over them." : "Seed " + first + ".");
}

std::string page_of(const Experiment& o, const std::vector<Cell>& cells,
                    const std::vector<std::vector<Result>>& results, const Table& table) {
  nc::train::Page page("Experiment: " + o.what);
  page.text(about(o.what));
  const std::string seed = "seed " + std::to_string(o.training.seed) + ".";
  if (o.what == "invariance") {
    svg::LineChart own{
        .name = "own head, patches shuffled", .x_name = "distance", .lines = {}, .marks = {}, .y_name = "pictures"};
    svg::LineChart trunk{.name = "linear head, picture to patches",
                         .x_name = "distance",
                         .lines = {},
                         .marks = {},
                         .y_name = "pictures"};
    auto add = [](svg::LineChart& chart, const std::string& name, const nc::eval::Histogram& h, std::size_t color) {
      svg::Line line{name, {}, {}, static_cast<int>(color)};
      for (std::size_t k = 0; k < h.count.size(); ++k) {
        line.x.push_back((static_cast<double>(k) + 0.5) * h.width);
        line.y.push_back(static_cast<double>(h.count[k]));
      }
      chart.lines.push_back(line);
    };
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Result& r = results[i][0];  // the first seed
      add(trunk, cells[i].name, r.linear_head.own_histogram, i);
      if (!r.own) continue;
      add(own, cells[i].name, r.own->own_histogram, i);
      add(own, cells[i].name + ", untrained", r.own_untrained->own_histogram, i + 12);  // dotted
    }
    if (!own.lines.empty())
      page.figure(own, "Further left: the order of the patches changes less of the answer; " + seed);
    page.figure(trunk, "Further left: a picture and its patches lie nearer; " + seed);
  } else {
    svg::LineChart chart{.name = "linear probe, percent right", .x_name = "stage", .lines = {}, .marks = {}};
    auto add = [&](const std::string& name, const std::vector<std::pair<std::string, double>>& stages, int color) {
      svg::Line line{name, {}, {}, color};
      for (const auto& [stage, top1] : stages)
        if (stage != "pool") {
          line.x.push_back(static_cast<double>(line.x.size()));
          line.y.push_back(top1);
        }
      chart.lines.push_back(line);
    };
    for (std::size_t i = 0; i < cells.size(); ++i) add(cells[i].name, results[i][0].linear, static_cast<int>(i));
    int grey = 0;
    for (const auto& [name, r] : untrained(results)) add(name, (*r)[0].untrained, --grey);
    page.figure(chart, "Stage 0 is the stem, 1 to 4 are the residual stages; " + seed);
  }
  page.table(table[0], {table.begin() + 1, table.end()});
  page.text(protocol(o, results[0][0].config));
  return page.str();
}

}  // namespace

Outcome outcome_of(const Experiment& o, const std::vector<Cell>& cells,
                   const std::vector<std::vector<Result>>& results) {
  Table table = o.what == "invariance" ? invariance_table(cells, results) : table_of(cells, results);
  return {markdown(table), page_of(o, cells, results, table)};
}

}  // namespace cli
