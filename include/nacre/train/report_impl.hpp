// Definitions of train/report.hpp.
#pragma once

#include <nacre/train/page.hpp>
#include <nacre/train/report.hpp>
#include <nacre/train/report_text.hpp>
#include <nacre/train/svg.hpp>

#include <algorithm>
#include <cmath>

namespace nacre::train {

namespace detail {

inline std::string color_class(std::size_t run) { return "c" + std::to_string(run % 6); }

inline double score_of(const ReportScores& s, const std::string& stage) {
  for (const auto& [name, value] : s.linear)
    if (name == stage) return value;
  return not_measured;
}

// The same mark of several runs is drawn once; at another height it carries the name of its run.
inline void add_mark(std::vector<svg::Mark>& marks, double at, const std::string& text, const std::string& run = "") {
  if (!std::isfinite(at)) return;
  bool other = false;
  for (const svg::Mark& m : marks) {
    if (m.text.rfind(text, 0) != 0) continue;
    if (std::fabs(m.at - at) <= 0.005 * std::fabs(at) + 1e-9) return;
    other = true;
  }
  marks.push_back({at, other && !run.empty() ? text + ", " + run : text});
}

// Runs of long names are numbered: a chart has room for eleven letters. "run 2", or "".
inline std::string run_number(const std::vector<ReportRun>& runs, std::size_t r) {
  bool fit = runs.size() < 2 || std::all_of(runs.begin(), runs.end(), [](const ReportRun& run) {
               return run.name.size() <= 11;
             });
  return fit ? "" : "run " + std::to_string(r + 1);
}

inline std::string run_keys(const std::vector<ReportRun>& runs, bool baselines = false) {
  if (runs.size() < 2 && !baselines) return "";
  std::vector<LegendKey> names;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    std::string number = run_number(runs, r);
    names.push_back({number.empty() ? runs[r].name : number + ": " + runs[r].name, color_class(r)});
  }
  if (baselines) names.push_back({"the same network, untrained", "baseline"});
  return legend(names);
}

inline std::string picture(const ReportPicture& p, double zoom) {
  // width and height stand big-endian at bytes 16 and 20 of a PNG
  auto extent = [&](std::size_t i) {
    return p.png.size() < 24
               ? 0u
               : u32{p.png[i]} << 24 | u32{p.png[i + 1]} << 16 | u32{p.png[i + 2]} << 8 | u32{p.png[i + 3]};
  };
  std::string size;
  if (zoom > 0 && extent(16) > 0)
    size = " width=\"" + svg::number(zoom * extent(16)) + "\" height=\"" + svg::number(zoom * extent(20)) + "\"";
  return std::string("<figure") +
         (p.verdict == Verdict::right   ? " class=\"right\""
          : p.verdict == Verdict::wrong ? " class=\"wrong\""
                                        : "") +
         "><img alt=\"" + svg::escape(p.caption) + "\"" + size + " src=\"data:image/png;base64," +
         svg::base64(p.png.data(), p.png.size()) + "\">" +
         (p.caption.empty() ? "" : "<figcaption>" + svg::escape(p.caption) + "</figcaption>") + "</figure>";
}

// Pictures over seconds; the rates are of the steps since the point before.
inline double mean_speed(const ReportRun& run) {
  double steps = 0, time = 0;
  for (const ReportSeries& s : run.series)
    if (s.name == "samples_per_s")
      for (std::size_t i = 0; i < s.value.size(); ++i) {
        double step = s.step[i] - (i ? s.step[i - 1] : 0);
        if (s.value[i] > 0 && std::isfinite(s.value[i])) steps += step, time += step / s.value[i];
      }
  return time > 0 ? steps / time : not_measured;
}

struct Fact {
  std::string label, beside, value;  // what it is, what to compare it with, the number
};

// The same facts in the same order for every run.
inline std::vector<Fact> facts(const ReportRun& run) {
  auto percent = [](double v) { return std::isfinite(v) ? svg::fixed(v, 1) + " %" : "–"; };
  auto beside = [](double untrained, double pixels, const std::string& stage = "") {
    std::string t;
    if (std::isfinite(untrained)) t += "untrained " + svg::fixed(untrained, 1) + (stage.empty() ? "" : " at " + stage);
    if (std::isfinite(pixels)) t += (t.empty() ? "pixels " : ", pixels ") + svg::fixed(pixels, 1);
    return t;
  };
  auto best = [](const ReportScores& scores) {
    std::pair<std::string, double> top{"", not_measured};
    for (const auto& score : scores.linear)
      if (!(score.second <= top.second)) top = score;
    return top;
  };
  auto [stage, accuracy] = best(run.trained);
  auto [untrained_stage, untrained] = best(run.untrained);
  std::string linear = beside(untrained, best(run.pixels).second, untrained_stage);
  if (!stage.empty()) linear = "at " + stage + (linear.empty() ? "" : "; " + linear);
  auto last = [&](const char* name) {
    for (const ReportSeries& s : run.series)
      if (s.name == name && !s.value.empty()) return s.value.back();
    return not_measured;
  };
  auto number = [](double v, int decimals) { return std::isfinite(v) ? svg::fixed(v, decimals) : "–"; };
  double d = run.dim > 0 ? static_cast<double>(run.dim) : not_measured;
  return {{"kNN accuracy", beside(run.untrained.knn, run.pixels.knn), percent(run.trained.knn)},
          {"best linear probe", linear, percent(accuracy)},
          {"last loss",
           std::isfinite(run.uninformed_loss) ? "nothing told apart: " + svg::fixed(run.uninformed_loss, 2) : "",
           number(last("loss"), 2)},
          {"spread × √d", "1 is healthy, 0 collapsed", number(last("std") * std::sqrt(d), 2)},
          {"pictures a second", "over the whole run", number(mean_speed(run), 0)}};
}

// One run: a strip of numbers. Several: a table.
inline std::string summary(const std::vector<ReportRun>& runs) {
  if (runs.empty()) return "";
  std::string s;
  std::vector<Fact> first = facts(runs[0]);
  if (runs.size() == 1) {
    for (const Fact& f : first)
      if (f.value != "–")
        s += "<div><b>" + f.value + "</b><span>" + f.label + (f.beside.empty() ? "" : "<br>" + svg::escape(f.beside)) +
             "</span></div>";
    return s.empty() ? s : "<div class=\"facts\">" + s + "</div>\n";
  }
  s = "<div class=\"scroll\"><table><thead><tr><th></th>";
  for (const Fact& f : first) s += "<th>" + f.label + "</th>";
  s += "</tr></thead><tbody>";
  for (std::size_t r = 0; r < runs.size(); ++r) {
    s += "<tr><td><b>" + svg::escape(runs[r].name) + "</b><span class=\"sub\">" + run_number(runs, r) + "</span></td>";
    for (const Fact& f : facts(runs[r]))
      s += "<td class=\"big\">" + f.value + "<span class=\"sub\">" + svg::escape(f.beside) + "</span></td>";
    s += "</tr>";
  }
  return s + "</tbody></table></div>\n";
}

inline std::string probes(const std::vector<ReportRun>& runs) {
  svg::BarChart near{"kNN accuracy in percent", {}, {}}, linear{"linear probe accuracy in percent", {}, {}};
  std::vector<std::string> stages;
  bool untrained = false, asked = false;  // some run was probed
  for (const ReportRun& run : runs) asked = asked || std::isfinite(run.trained.knn);
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const ReportRun& run = runs[r];
    for (const auto& [stage, value] : run.trained.linear)
      if (std::find(stages.begin(), stages.end(), stage) == stages.end()) stages.push_back(stage);
    untrained = untrained || !run.untrained.linear.empty();
    if (asked) {
      std::string number = run_number(runs, r);
      near.rows.push_back({runs.size() < 2 ? "trained" : number.empty() ? run.name : number,
                           {{run.name, run.trained.knn, color_class(r), false}}});
      if (std::isfinite(run.untrained.knn))
        near.rows.back().bars.push_back({run.name + ", untrained", run.untrained.knn, "baseline", runs.size() > 1});
      if (runs.size() == 1 && near.rows.back().bars.size() == 2) {
        near.rows.push_back({"untrained", {near.rows.back().bars.back()}});
        near.rows[near.rows.size() - 2].bars.pop_back();
      }
    }
    add_mark(near.marks, run.pixels.knn, "pixels " + svg::fixed(run.pixels.knn, 1));
    add_mark(near.marks, run.chance, "chance");
    add_mark(linear.marks, score_of(run.pixels, "pixels"), "pixels " + svg::fixed(score_of(run.pixels, "pixels"), 1));
    add_mark(linear.marks, run.chance, "chance");
  }
  for (const std::string& stage : stages) {
    linear.rows.push_back({stage, {}});
    for (std::size_t r = 0; r < runs.size(); ++r) {
      linear.rows.back().bars.push_back(
          {runs[r].name + ", " + stage, score_of(runs[r].trained, stage), color_class(r), false});
      double before = score_of(runs[r].untrained, stage);
      if (std::isfinite(before))
        linear.rows.back().bars.push_back({runs[r].name + ", " + stage + ", untrained", before, "baseline", true});
    }
  }
  if (near.rows.empty() && linear.rows.empty()) return "";
  std::string told;  // the runs whose training saw the classes
  for (const ReportRun& run : runs)
    if (run.saw_labels) told += (told.empty() ? "" : ", ") + svg::escape(run.name);
  std::string s =
      "<h2>What the features are worth</h2><p>The encoder is frozen and its features are asked for the class, which " +
      (told.empty()       ? "training never saw. "
       : runs.size() == 1 ? "training was told of its own pictures: what methods without labels are held against. "
                          : "only these runs were told in training: " + told + ". ") +
      "Learning shows as the distance to the same network before training, and to the bare pixels.</p>";
  s += run_keys(runs, untrained) + "<div class=\"grid wide\">";
  if (!near.rows.empty())
    s += card("Nearest neighbours",
              "Vote of the " + std::to_string(runs[0].k) +
                  " most similar training pictures; nothing is trained for it. "
                  "Healthy: well above the untrained network.",
              svg::render(near));
  if (!linear.rows.empty())
    s += card("Linear probe, stage by stage",
              "A linear classifier on the features of each stage. Healthy: each stage better than the same "
              "stage untrained; a good last stage means that the features themselves have become semantic.",
              svg::render(linear));
  return s + "</div>\n";
}

// A sentence of every run, each once.
inline std::string sentences(const std::vector<ReportRun>& runs, std::string ReportRun::*which) {
  std::string s;
  for (const ReportRun& run : runs) {
    std::string sentence = (run.*which).empty() ? "" : svg::escape(run.*which) + " ";
    if (s.find(sentence) == std::string::npos) s += sentence;
  }
  return s;
}

inline std::string curves(const std::vector<ReportRun>& runs) {
  std::vector<std::string> names;
  for (const MetricText& m : metric_texts) names.push_back(m.name);
  for (const ReportRun& run : runs)
    for (const ReportSeries& series : run.series)
      if (std::find(names.begin(), names.end(), series.name) == names.end()) names.push_back(series.name);
  std::string s;
  for (const std::string& name : names) {
    svg::LineChart chart{.name = name, .lines = {}, .marks = {}, .smooth = name == "loss"};
    for (std::size_t r = 0; r < runs.size(); ++r) {
      bool has = false;
      for (const ReportSeries& series : runs[r].series)
        if (series.name == name && !series.value.empty()) {
          chart.lines.push_back({runs[r].name, series.step, series.value, static_cast<int>(r % 6)});
          has = true;
        }
      if (!has) continue;
      double d = static_cast<double>(runs[r].dim);
      if (name == "loss") {
        add_mark(chart.marks, runs[r].initial_loss, "expected at the start", runs[r].name);
        add_mark(chart.marks, runs[r].uninformed_loss, "nothing told apart", runs[r].name);
      }
      if (name == "std" && d > 0) add_mark(chart.marks, 1 / std::sqrt(d), "healthy 1/√d", runs[r].name);
      if (name == "std") add_mark(chart.marks, 0, "collapsed");
      if (name == "uniformity" && d > 0)
        add_mark(chart.marks, random_uniformity(runs[r].dim), "random directions", runs[r].name);
      if (name == "alignment") add_mark(chart.marks, 2, "random directions");
    }
    if (chart.lines.empty()) continue;
    std::string title = svg::escape(name), about;
    for (const MetricText& m : metric_texts)
      if (name == m.name) title = m.title, about = m.about;
    if (name == "loss") about = sentences(runs, &ReportRun::task) + about;
    s += card(title, about, svg::render(chart));
  }
  if (s.empty()) return "";
  return "<h2>How training went</h2><p>Each curve with what it shows and what healthy looks like; dashed lines are "
         "known values to compare with. " +
         sentences(runs, &ReportRun::note) + "</p>" + run_keys(runs) + "<div class=\"grid\">" + s + "</div>\n";
}

// One block a run: its name where there are several.
template <class F>
std::string each_run(const std::vector<ReportRun>& runs, const std::string& heading, F&& body) {
  std::string s;
  for (const ReportRun& run : runs) {
    std::string part = body(run);
    if (part.empty()) continue;
    s += (runs.size() > 1 ? "<h3 style=\"margin-top:1.2rem\">" + svg::escape(run.name) + "</h3>" : "") + part;
  }
  return s.empty() ? "" : heading + s + "\n";
}

inline std::string views(const std::vector<ReportRun>& runs) {
  return each_run(
      runs,
      "<h2>What it learned from</h2><p>Pictures as training sees them. Too harsh, and nothing is left to recognise; "
      "too mild, and a glance gives the answer away.</p>",
      [](const ReportRun& run) {
        std::string s;
        for (const ReportPicture& p : run.views) s += picture(p, 2);
        return s.empty() ? s : "<div class=\"views\">" + s + "</div>";
      });
}

inline std::string neighbors(const std::vector<ReportRun>& runs) {
  return each_run(
      runs,
      "<h2>What it finds similar</h2><p>A picture on the left, then the pictures of the same set nearest to it. A "
      "solid frame is the same class, a dashed one another: mistakes that make sense to the eye are a good sign.</p>",
      [](const ReportRun& run) {
        std::string s, among;
        if (!run.gallery.empty()) among = "<p>Looked for among " + svg::escape(run.gallery) + ".</p>";
        for (const auto& row : run.neighbors) {
          s += "<div>";
          for (const ReportPicture& p : row) s += picture(p, 0);
          s += "</div>";
        }
        return s.empty() ? s : among + "<div class=\"near\">" + s + "</div>";
      });
}

inline std::string maps(const std::vector<ReportRun>& runs) {
  std::string s;
  for (const ReportRun& run : runs) {
    if (run.points.empty()) continue;
    std::string about =
        "Each point is " + (run.gallery.empty() ? "a picture" : "one of " + svg::escape(run.gallery)) + ".";
    if (run.explained.size() > 1)
      about +=
          " The two axes hold " + svg::number(100 * (run.explained[0] + run.explained[1]), 2) + " % of the variance.";
    std::string keys = "<ul class=\"keys\">";
    for (std::size_t c = 0; c < run.classes.size() && c < 20; ++c)
      keys += "<li><i style=\"background:" + svg::class_color(static_cast<i64>(c)) + "\"></i>" +
              svg::escape(run.classes[c]) + "</li>";
    if (run.classes.size() > 20) keys += "<li>and " + std::to_string(run.classes.size() - 20) + " more</li>";
    s += card(svg::escape(run.name), about,
              svg::render(svg::Scatter{"principal components", run.points, run.labels, run.classes}) + keys + "</ul>");
  }
  if (s.empty()) return "";
  return "<h2>The feature space from above</h2><p>The two directions in which the features differ most, coloured by "
         "class. Healthy: classes "
         "gather into clouds, though two of many dimensions cannot separate them all.</p><div class=\"grid wide "
         "maps\">" +
         s + "</div>\n";
}

inline std::string settings(const std::vector<ReportRun>& runs) {
  std::vector<std::string> keys;
  for (const ReportRun& run : runs)
    for (const auto& [key, value] : run.config)
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  if (keys.empty()) return "";
  std::string s = "<h2>Settings</h2>";
  if (runs.size() > 1) s += "<p>Where the runs differ, the row is coloured.</p>";
  s += "<div class=\"scroll\"><table><thead><tr><th></th>";
  for (const ReportRun& run : runs) s += "<th>" + svg::escape(run.name) + "</th>";
  s += "</tr></thead><tbody>";
  for (const std::string& key : keys) {
    std::vector<std::string> values;
    for (const ReportRun& run : runs) {
      values.emplace_back("–");
      for (const auto& [name, value] : run.config)
        if (name == key) values.back() = value;
    }
    bool differs = std::any_of(values.begin(), values.end(), [&](const std::string& v) { return v != values[0]; });
    s += std::string("<tr") + (differs ? " class=\"differs\"" : "") + "><th>" + svg::escape(key) + "</th>";
    for (const std::string& v : values) s += "<td>" + svg::escape(v) + "</td>";
    s += "</tr>";
  }
  return s + "</tbody></table></div>\n";
}

}  // namespace detail

NACRE_INLINE std::string report_page(const std::vector<ReportRun>& runs, const std::string& title) {
  using namespace detail;
  Page page(title);
  page.html(summary(runs) + probes(runs) + curves(runs) + views(runs) + neighbors(runs) + maps(runs) + settings(runs));
  return page.str();
}

NACRE_INLINE Tensor<u8> tile(const std::vector<Tensor<u8>>& images, i64 columns, i64 gap, u8 background) {
  check(!images.empty() && columns >= 1 && gap >= 0, "tile",
        [] { return std::string("needs pictures, columns >= 1 and gap >= 0"); });
  i64 height = 0, width = 0, count = static_cast<i64>(images.size());
  for (const Tensor<u8>& image : images) {
    check(image.rank() == 3 && (image.dim(2) == 1 || image.dim(2) == 3), "tile",
          [&] { return "a picture is " + image.shape().str() + "; need [h, w, 1] or [h, w, 3]"; });
    height = std::max(height, image.dim(0));
    width = std::max(width, image.dim(1));
  }
  columns = std::min(columns, count);
  i64 rows = (count + columns - 1) / columns, w = gap + columns * (width + gap);
  Tensor<u8> sheet = Tensor<u8>::full({gap + rows * (height + gap), w, 3}, background);
  for (i64 i = 0; i < count; ++i) {
    const Tensor<u8>& image = images[static_cast<std::size_t>(i)];
    i64 top = gap + i / columns * (height + gap), left = gap + i % columns * (width + gap), channels = image.dim(2);
    for (i64 y = 0; y < image.dim(0); ++y)
      for (i64 x = 0; x < image.dim(1); ++x)
        for (i64 c = 0; c < 3; ++c)
          sheet[((top + y) * w + left + x) * 3 + c] =
              image[(y * image.dim(1) + x) * channels + (channels == 3 ? c : 0)];
  }
  return sheet;
}

}  // namespace nacre::train
