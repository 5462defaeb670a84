// Charts as inline SVG text, for the report: lines with reference marks, horizontal bars, a scatter plot.
//
// Colours are CSS classes of the page (.c0 ... for runs, .baseline, .mark), so a chart follows light and dark. Every
// text that comes from outside is escaped here. Pure functions; numbers are written without the locale. Tested in
// tests/train/report.cpp.
#pragma once

#include <nacre/core/tensor.hpp>

#include <string>
#include <vector>

namespace nacre::train::svg {

NACRE_INLINE std::string escape(std::string_view text);     // & < > " ' and control characters
NACRE_INLINE std::string number(double x, int digits = 4);  // significant digits, no trailing zeros
NACRE_INLINE std::string fixed(double x, int decimals);
NACRE_INLINE std::string base64(const u8* bytes, std::size_t n);

struct Line {
  std::string name;
  std::vector<double> x, y;  // points that are not finite are left out
  int color = 0;             // from 0: the six colours, then dashed, then dotted; -1, -2, -3: grey, the same three ways
};
struct Mark {  // a reference line, with its text
  double at = 0;
  std::string text;
};
struct LineChart {
  std::string name, x_name = "step";
  std::vector<Line> lines;
  std::vector<Mark> marks;  // horizontal; widen the range when within half of it
  bool smooth = false;      // the raw line faint, its running mean strong
  bool log_y = false;       // a logarithmic axis; what is not above 0 is left out
  std::string y_name = {};
};
NACRE_INLINE std::string line_class(int color);  // the CSS classes of a line
NACRE_INLINE std::string render(const LineChart& chart);

struct Bar {
  std::string name;        // for the tooltip
  double value = 0;        // percent
  std::string css = "c0";  // class
  bool thin = false;
};
struct BarRow {
  std::string label;
  std::vector<Bar> bars;
};
struct BarChart {
  std::string name;
  std::vector<BarRow> rows;
  std::vector<Mark> marks;  // vertical
};
NACRE_INLINE std::string render(const BarChart& chart);

struct Scatter {  // an outlier does not squeeze the others: what lies far out is left out, and counted in the corner
  std::string name;
  Tensor<double> points;             // [N, 2]
  Tensor<i64> labels;                // [N], or empty
  std::vector<std::string> classes;  // names of labels 0, 1, ...; may be empty
};
NACRE_INLINE std::string render(const Scatter& scatter);
NACRE_INLINE std::string class_color(i64 label);  // a CSS colour readable on light and dark

}  // namespace nacre::train::svg

#if NACRE_DEFINITIONS
#include <nacre/train/svg_impl.hpp>
#endif
