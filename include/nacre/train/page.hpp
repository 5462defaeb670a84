// A page of text, charts and tables: one self-contained HTML file, written from top to bottom. Values in, text out.
//
//   Page page("Title");
//   page.text("What this is.").heading("Curves").figure(chart, "What it shows.").table({"run", "kNN"}, rows);
//   io::replace_file("page.html", page.str());
//
// No script, no network, no fonts to fetch; it follows the reader's light or dark setting and fits a phone. All text
// is escaped. Figures that follow one another stand side by side where there is room; a chart of several lines gets
// its legend. train/report.hpp makes the report of a run of it. Tested in tests/train/page.cpp.
#pragma once

#include <nacre/train/svg.hpp>

#include <string>
#include <vector>

namespace nacre::train {

class Page {
 public:
  explicit Page(std::string title) : title_(std::move(title)) {}

  NACRE_INLINE Page& heading(std::string_view text);
  NACRE_INLINE Page& text(std::string_view text);  // a paragraph
  NACRE_INLINE Page& figure(const svg::LineChart& chart, std::string_view caption);
  NACRE_INLINE Page& figure(const std::string& svg, std::string_view caption, std::string_view title = "");
  // The first column names the row. Throws nacre::Error where a row is not as long as the header.
  NACRE_INLINE Page& table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);
  NACRE_INLINE Page& html(std::string_view html);  // as it is
  NACRE_INLINE std::string str() const;

 private:
  std::string title_, body_;
  bool figures_ = false;  // the last thing was a figure; its grid is still open
};

namespace detail {

// A frame with a title, a sentence and a picture: HTML, escaped by the caller.
NACRE_INLINE std::string card(const std::string& title, const std::string& about, const std::string& body);
struct LegendKey {
  std::string text, css;  // class c0 ...
};
NACRE_INLINE std::string legend(const std::vector<LegendKey>& keys);

}  // namespace detail

}  // namespace nacre::train

#if NACRE_DEFINITIONS
#include <nacre/train/page_impl.hpp>
#endif
