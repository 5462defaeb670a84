// Definitions of train/page.hpp.
#pragma once

#include <nacre/core/config.hpp>
#include <nacre/train/page.hpp>
#include <nacre/train/page_style.hpp>

namespace nacre::train {

namespace detail {

NACRE_INLINE std::string card(const std::string& title, const std::string& about, const std::string& body) {
  return "<div class=\"card\">" + (title.empty() ? "" : "<h3>" + title + "</h3>") + "<p>" + about + "</p>" + body +
         "</div>\n";
}

NACRE_INLINE std::string legend(const std::vector<LegendKey>& keys) {
  std::string s = "<ul class=\"keys\">";
  for (const LegendKey& k : keys)
    s += "<li class=\"" + svg::escape(k.css) + "\"><i></i><span class=\"t\">" + svg::escape(k.text) + "</span></li>";
  return s + "</ul>";
}

}  // namespace detail

NACRE_INLINE Page& Page::html(std::string_view html) {
  if (figures_) body_ += "</div>\n";
  figures_ = false;
  body_ += html;
  return *this;
}

NACRE_INLINE Page& Page::heading(std::string_view text) { return html("<h2>" + svg::escape(text) + "</h2>\n"); }
NACRE_INLINE Page& Page::text(std::string_view text) { return html("<p>" + svg::escape(text) + "</p>\n"); }

NACRE_INLINE Page& Page::figure(const std::string& svg, std::string_view caption, std::string_view title) {
  if (!figures_) body_ += "<div class=\"grid\">";
  figures_ = true;
  body_ += detail::card(svg::escape(title), svg::escape(caption), svg);
  return *this;
}

NACRE_INLINE Page& Page::figure(const svg::LineChart& chart, std::string_view caption) {
  std::vector<detail::LegendKey> keys;
  for (const svg::Line& line : chart.lines) keys.push_back({line.name, svg::line_class(line.color)});
  return figure(svg::render(chart) + (keys.size() > 1 ? detail::legend(keys) : ""), caption, chart.name);
}

NACRE_INLINE Page& Page::table(const std::vector<std::string>& header,
                               const std::vector<std::vector<std::string>>& rows) {
  std::string s = "<div class=\"scroll\"><table><thead><tr>";
  for (const std::string& cell : header) s += "<th>" + svg::escape(cell) + "</th>";
  s += "</tr></thead><tbody>";
  for (const auto& row : rows) {
    check(row.size() == header.size(), "page", [&] {
      return "a row of " + std::to_string(row.size()) + " cells under a header of " + std::to_string(header.size());
    });
    s += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i)
      s += (i ? "<td>" : "<th>") + svg::escape(row[i]) + (i ? "</td>" : "</th>");
    s += "</tr>";
  }
  return html(s + "</tbody></table></div>\n");
}

NACRE_INLINE std::string Page::str() const {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
         "content=\"width=device-width,initial-scale=1\"><title>" +
         svg::escape(title_) + "</title><style>" + detail::page_style +
         "</style></head>\n<body><div class=\"pearl\"></div><main><header><h1>" + svg::escape(title_) +
         "</h1></header>\n" + body_ + (figures_ ? "</div>\n" : "") + "<footer>Written by nacre " + version +
         ". This page is complete in itself: no script, no network.</footer></main></body></html>\n";
}

}  // namespace nacre::train
