// The report of one or more runs: one self-contained HTML page. Pure: plain values in, text out.
//
// No script, no network, no fonts to fetch; charts are inline SVG, pictures inline PNG. It follows the reader's light
// or dark setting and fits a phone. Everything that is not measured (empty, NaN) is left out; all text is escaped.
//
//   write(path, report_page({{.name = "pirl", .config = ..., .series = {{"loss", step, loss}}, ...}}));
//
// Tested in tests/train/report.cpp.
#pragma once

#include <nacre/core/tensor.hpp>

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace nacre::train {

inline constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

// A column of metrics.jsonl against the step. loss, lr, samples_per_s, std, alignment, uniformity and
// effective_rank are explained on the page; others stand under their own name.
struct ReportSeries {
  std::string name;
  std::vector<double> step, value;
};

// Percent, as in probe.json.
struct ReportScores {
  double knn = not_measured;
  std::vector<std::pair<std::string, double>> linear;  // stage, accuracy
};

enum class Verdict { none, right, wrong };  // a neighbour of the query's class or of another

struct ReportPicture {
  std::vector<u8> png;  // data::encode_png
  std::string caption;
  Verdict verdict = Verdict::none;
};

struct ReportRun {
  std::string name;
  std::vector<std::pair<std::string, std::string>> config;  // in the order to show
  std::vector<ReportSeries> series;
  std::string task, note;                 // sentences: what the loss asks, what else shapes curves; may be empty
  double initial_loss = not_measured;     // expected at the start
  double uninformed_loss = not_measured;  // of an encoder that tells nothing apart
  i64 dim = 0;                            // of the rows that std and uniformity are of; 0: unknown
  ReportScores trained, untrained, pixels;
  i64 k = 200;                                        // of kNN
  double chance = not_measured;                       // percent
  std::vector<ReportPicture> views;                   // augmented views and patches, wide sheets or single pictures
  bool saw_labels = false;                            // training was told the classes
  std::string gallery;  // what neighbours and points are of: "2000 pictures of the test split"; may be empty
  std::vector<std::vector<ReportPicture>> neighbors;  // rows: the query, then its nearest, nearest first
  Tensor<double> points;                              // [N, 2] principal components, or empty
  Tensor<i64> labels;                                 // [N], or empty
  std::vector<std::string> classes;                   // names of the labels; may be empty
  std::vector<double> explained;                      // share of the variance of each component; may be empty
};

NACRE_INLINE std::string report_page(const std::vector<ReportRun>& runs, const std::string& title = "Report");

// A contact sheet: pictures [h, w, C] (C 1 or 3, sizes may differ) in rows of `columns`, `gap` pixels of `background`
// around each; [H, W, 3]. Throws nacre::Error.
NACRE_INLINE Tensor<u8> tile(const std::vector<Tensor<u8>>& images, i64 columns, i64 gap = 2, u8 background = 255);

}  // namespace nacre::train

#if NACRE_DEFINITIONS
#include <nacre/train/report_impl.hpp>
#endif
