// Definitions of train/svg.hpp.
#pragma once

#include <nacre/train/svg.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace nacre::train::svg {

NACRE_INLINE std::string escape(std::string_view text) {
  std::string s;
  for (char c : text) {
    switch (c) {
      case '&':
        s += "&amp;";
        break;
      case '<':
        s += "&lt;";
        break;
      case '>':
        s += "&gt;";
        break;
      case '"':
        s += "&quot;";
        break;
      case '\'':
        s += "&#39;";
        break;
      default:
        s += static_cast<unsigned char>(c) < 32 || c == 127 ? ' ' : c;
    }
  }
  return s;
}

NACRE_INLINE std::string number(double x, int digits) {
  if (!std::isfinite(x)) return "–";
  if (x == 0) return "0";  // never -0
  char buffer[64];
  bool whole = std::fabs(x) >= 1e4 && std::fabs(x) < 1e15;
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), x,
                           whole ? std::chars_format::fixed : std::chars_format::general, whole ? 0 : digits)
                 .ptr;
  return std::string(buffer, end);
}

NACRE_INLINE std::string fixed(double x, int decimals) {
  if (!std::isfinite(x) || std::fabs(x) > 1e15) return number(x);
  char buffer[64];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof(buffer), x, std::chars_format::fixed, decimals).ptr);
}

NACRE_INLINE std::string base64(const u8* bytes, std::size_t n) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string s;
  s.reserve((n + 2) / 3 * 4);
  for (std::size_t i = 0; i < n; i += 3) {
    u32 v = u32{bytes[i]} << 16 | (i + 1 < n ? u32{bytes[i + 1]} << 8 : 0) | (i + 2 < n ? u32{bytes[i + 2]} : 0);
    s += digits[v >> 18];
    s += digits[v >> 12 & 63];
    s += i + 1 < n ? digits[v >> 6 & 63] : '=';
    s += i + 2 < n ? digits[v & 63] : '=';
  }
  return s;
}

namespace detail {

inline std::string at(double x) { return fixed(x, 1); }  // a coordinate
inline std::string open(double width, double height, std::string_view name) {
  return "<svg viewBox=\"0 0 " + at(width) + " " + at(height) + "\" role=\"img\" aria-label=\"" + escape(name) + "\">";
}
inline std::string line(double x1, double y1, double x2, double y2, std::string_view css) {
  return "<line x1=\"" + at(x1) + "\" y1=\"" + at(y1) + "\" x2=\"" + at(x2) + "\" y2=\"" + at(y2) + "\" class=\"" +
         std::string(css) + "\"/>";
}
inline std::string words(double x, double y, std::string_view anchor, std::string_view text,
                         std::string_view css = "") {
  return "<text x=\"" + at(x) + "\" y=\"" + at(y) + "\" text-anchor=\"" + std::string(anchor) + "\"" +
         (css.empty() ? "" : " class=\"" + std::string(css) + "\"") + ">" + escape(text) + "</text>";
}

// About `count` round steps (1, 2 or 5 times a power of ten) covering [low, high].
inline std::vector<double> ticks(double low, double high, int count) {
  double raw = (high - low) / count, power = std::pow(10, std::floor(std::log10(raw)));
  double step = power * (raw / power > 5 ? 10 : raw / power > 2 ? 5 : raw / power > 1 ? 2 : 1);
  std::vector<double> t;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i) t.push_back(i * step);
  return t;
}
// Of exponents: whole ones where there are several.
inline std::vector<double> power_ticks(double low, double high) {
  if (high - low < 1) return ticks(low, high, 4);
  std::vector<double> t;
  double step = std::ceil((high - low) / 6);
  for (double i = std::ceil(low / step); i * step <= high; ++i) t.push_back(i * step);
  return t;
}
inline std::string tick_text(double v) {
  if (std::fabs(v) >= 10000) return number(v / 1000) + "k";
  return number(v);
}
inline std::string power_text(double exponent) {  // of ten
  double whole = std::round(exponent);
  if (std::fabs(exponent - whole) > 1e-6 || std::fabs(whole) < 2) return number(std::pow(10, exponent), 2);
  constexpr const char* raised[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string s = whole < 0 ? "10⁻" : "10";
  for (char c : std::to_string(static_cast<i64>(std::fabs(whole)))) s += raised[c - '0'];
  return s;
}

struct Range {
  double low = INFINITY, high = -INFINITY;
  void add(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  void widen() {  // never empty
    if (!(low <= high)) low = 0, high = 1;
    double room = high > low ? 0.04 * (high - low) : std::max(std::fabs(low) * 0.1, 1e-6);
    low -= low >= 0 && low - room < 0 ? low : room;
    high += room;
  }
};

// At most 300 points: means of equal runs of finite points.
inline void thin(std::vector<double>& x, std::vector<double>& y) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i)
    if (std::isfinite(x[i]) && std::isfinite(y[i])) x[n] = x[i], y[n++] = y[i];
  std::size_t step = (n + 299) / 300, out = 0;
  for (std::size_t i = 0; i < n; i += step) {
    double sx = 0, sy = 0, count = static_cast<double>(std::min(step, n - i));
    for (std::size_t j = i; j < std::min(i + step, n); ++j) sx += x[j] / count, sy += y[j] / count;
    x[out] = sx;
    y[out++] = sy;
  }
  x.resize(out);
  y.resize(out);
}

}  // namespace detail

NACRE_INLINE std::string line_class(int color) {
  constexpr const char* patterns[] = {"", " dashed", " dotted"};
  if (color < 0) return std::string("baseline") + patterns[(-1 - color) % 3];
  return "c" + std::to_string(color % 6) + patterns[color / 6 % 3];
}

NACRE_INLINE std::string render(const LineChart& chart) {
  using namespace detail;
  constexpr double width = 360, height = 206, left = 44, right = 12, bottom = 32;
  const double top = chart.y_name.empty() ? 12 : 26;  // its name stands above the labels
  Range rx, ry;
  std::vector<Line> lines = chart.lines;
  std::vector<Mark> marks = chart.marks;
  if (chart.log_y) {  // from here on y is the exponent
    for (Line& l : lines)
      for (double& y : l.y) y = y > 0 ? std::log10(y) : NAN;
    for (Mark& m : marks) m.at = m.at > 0 ? std::log10(m.at) : NAN;
  }
  for (Line& l : lines) {
    thin(l.x, l.y);
    for (double v : l.x) rx.add(v);
    for (double v : l.y) ry.add(v);
  }
  bool any = rx.low <= rx.high;
  Range data = ry;
  for (const Mark& m : marks)
    if (any && m.at > data.low - (data.high - data.low) && m.at < data.high + (data.high - data.low)) ry.add(m.at);
  if (!any) rx.low = 0, rx.high = 1;
  if (rx.low == rx.high) rx.high += 1;
  ry.widen();
  auto px = [&](double v) { return left + (v - rx.low) / (rx.high - rx.low) * (width - left - right); };
  auto py = [&](double v) { return height - bottom - (v - ry.low) / (ry.high - ry.low) * (height - top - bottom); };

  std::string s = open(width, height, chart.name);
  for (double t : chart.log_y ? power_ticks(ry.low, ry.high) : ticks(ry.low, ry.high, 4))
    s += line(left, py(t), width - right, py(t), "grid") +
         words(left - 6, py(t) + 3.5, "end", chart.log_y ? power_text(t) : tick_text(t));
  for (double t : ticks(rx.low, rx.high, 4)) s += words(px(t), height - bottom + 15, "middle", tick_text(t));
  s += words(width - right, height - 4, "end", chart.x_name, "axis");
  if (!chart.y_name.empty()) s += words(0, 9, "start", chart.y_name, "axis");
  if (!any) s += words((left + width - right) / 2, height / 2, "middle", "nothing recorded");
  auto path = [&](const Line& l, const std::vector<double>& y, std::string_view css) {
    s += "<polyline class=\"line " + line_class(l.color) + std::string(css) + "\" points=\"";
    for (std::size_t i = 0; i < y.size(); ++i) s += (i ? " " : "") + at(px(l.x[i])) + "," + at(py(y[i]));
    s += "\"><title>" + escape(l.name) + "</title></polyline>";
  };
  for (const Line& l : lines) {
    if (!chart.smooth || l.y.size() < 30) {
      path(l, l.y, "");
      continue;
    }
    path(l, l.y, " faint");
    std::vector<double> mean(l.y.size());  // over a window of a twentieth, shorter at the ends
    std::size_t half = l.y.size() / 40 + 1;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      std::size_t reach = std::min({half, i, mean.size() - 1 - i});
      for (std::size_t j = i - reach; j <= i + reach; ++j) mean[i] += l.y[j] / static_cast<double>(2 * reach + 1);
    }
    path(l, mean, "");
  }
  std::erase_if(marks, [&](const Mark& m) { return !(m.at >= ry.low && m.at <= ry.high); });
  std::vector<std::pair<double, bool>> used;  // where texts are: height, at the left
  auto free = [&](double y, bool at_left, int mercy) {
    bool taken = y < top - 2;
    for (const Mark& m : marks) taken = taken || (py(m.at) > y - 10 && py(m.at) < y + 3);
    for (const auto& [other, side] : used)
      taken = taken || ((side == at_left || mercy < 2) && std::fabs(other - y) < 11);
    for (const Line& l : lines)
      for (std::size_t i = 0; mercy == 0 && i < l.y.size(); ++i)
        taken = taken || (std::fabs(py(l.y[i]) - (y - 4)) < 9 &&
                          (at_left ? px(l.x[i]) < left + 110 : px(l.x[i]) > width - right - 110));
    return !taken;
  };
  // Above its line or below, at the right end or the left: the first place that nothing crosses; failing that, no other
  // text or dashed line; failing that, beside a text, though a reader may then take one for the other.
  auto place = [&](double y) {
    for (int mercy : {0, 1, 2})
      for (double text : {y - 4, y + 11})
        for (bool at_left : {false, true})
          if (free(text, at_left, mercy)) return std::pair{text, at_left};
    return std::pair{y - 4, false};
  };
  for (const Mark& m : marks) s += line(left, py(m.at), width - right, py(m.at), "mark");
  for (const Mark& m : marks) {
    used.push_back(place(py(m.at)));
    auto [y, at_left] = used.back();
    s += words(at_left ? left + 4 : width - right, y, at_left ? "start" : "end", m.text, "marktext");
  }
  return s + "</svg>";
}

NACRE_INLINE std::string render(const BarChart& chart) {
  using namespace detail;
  constexpr double width = 360, left = 74, right = 40, top = 22, thick = 13, slim = 6, gap = 10;
  double high = 10, height = top;
  for (const BarRow& row : chart.rows) {
    for (const Bar& b : row.bars) {
      high = std::isfinite(b.value) ? std::max(high, b.value) : high;
      height += b.thin ? slim : thick;
    }
    height += gap;
  }
  for (const Mark& m : chart.marks) high = std::isfinite(m.at) ? std::max(high, m.at) : high;
  high = std::min(100.0, std::ceil(high / 10) * 10);
  double floor = height;
  height += 20;
  auto px = [&](double v) { return left + std::clamp(v, 0.0, high) / high * (width - left - right); };
  std::vector<Mark> marks = chart.marks;
  std::erase_if(marks, [](const Mark& m) { return !std::isfinite(m.at); });
  std::sort(marks.begin(), marks.end(), [](const Mark& a, const Mark& b) { return a.at < b.at; });
  // Words right of x, and of every mark that would strike them through.
  auto beside = [&](double x, double y, double length, const std::string& text, std::string_view css) {
    for (const Mark& m : marks)
      if (px(m.at) > x - 3 && px(m.at) < x + length + 2) x = px(m.at) + 4;
    return words(x, y, "start", text, css);
  };

  std::string s = open(width, height, chart.name);
  for (double t : ticks(0, high, 5))
    s += line(px(t), top - 4, px(t), floor - gap + 4, "grid") +
         words(px(t), floor + 8, "middle", number(t) + (t == 0 ? " %" : ""));
  double y = top;
  for (const BarRow& row : chart.rows) {
    double rows = 0;
    for (const Bar& b : row.bars) rows += b.thin ? slim : thick;
    s += words(left - 8, y + rows / 2 + 4, "end", row.label, "label");
    for (const Bar& b : row.bars) {
      double h = b.thin ? slim : thick;
      if (std::isfinite(b.value)) {
        s += "<rect x=\"" + at(left) + "\" y=\"" + at(y + .5) + "\" width=\"" + at(std::max(0.5, px(b.value) - left)) +
             "\" height=\"" + at(h - 1.5) + "\" rx=\"2\" class=\"bar " + escape(b.css) + "\"><title>" + escape(b.name) +
             ": " + number(b.value) + " %</title></rect>";
        if (!b.thin) s += beside(px(b.value) + 5, y + h - 3, 24, fixed(b.value, 1), "value");
      } else {
        s += beside(left + 4, y + h - 3, 64, "not measured", "axis");
      }
      y += h;
    }
    y += gap;
  }
  double last = -1e9;
  for (const Mark& m : marks) {
    s += line(px(m.at), top - 6, px(m.at), floor - gap + 4, "mark");
    if (px(m.at) - last > 56) {
      s += words(px(m.at), top - 10, "middle", m.text, "marktext");
      last = px(m.at);
    }
  }
  return s + "</svg>";
}

NACRE_INLINE std::string class_color(i64 label) {
  constexpr const char* named[] = {"#4c86c6", "#e07b39", "#4fa05a", "#d1495b", "#8f6bc0", "#8a6248",
                                   "#e187bb", "#8b8f94", "#b7a62b", "#3fb3bf", "#2b4f9e", "#a3c95a"};
  if (label >= 0 && label < 12) return named[label];
  i64 hue = label * 137 % 360;  // golden angle: neighbours in number differ in hue
  return "hsl(" + std::to_string(hue < 0 ? -hue : hue) + ",55%,52%)";
}

NACRE_INLINE std::string render(const Scatter& scatter) {
  using namespace detail;
  constexpr double width = 360, height = 300, margin = 10;
  i64 n = scatter.points.rank() == 2 ? scatter.points.dim(0) : 0;
  // Of each axis the values between the 1st and the 99th percentile, and half of their extent on either side.
  auto frame = [&](i64 axis) {
    std::vector<double> v;
    for (i64 i = 0; i < n; ++i)
      if (std::isfinite(scatter.points[2 * i + axis])) v.push_back(scatter.points[2 * i + axis]);
    std::sort(v.begin(), v.end());
    Range r;
    if (!v.empty()) {
      std::size_t tail = v.size() / 100;
      double low = v[tail], high = v[v.size() - 1 - tail];
      r.add(std::max(v.front(), low - (high - low) / 2));
      r.add(std::min(v.back(), high + (high - low) / 2));
    }
    r.widen();
    return r;
  };
  const Range rx = frame(0), ry = frame(1);
  double scale = std::min((width - 2 * margin) / (rx.high - rx.low),
                          (height - 2 * margin) / (ry.high - ry.low));  // one for both axes
  std::string s = open(width, height, scatter.name);
  i64 outside = 0;
  for (i64 i = 0; i < n; ++i) {
    double x = scatter.points[2 * i], y = scatter.points[2 * i + 1];
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    if (x < rx.low || x > rx.high || y < ry.low || y > ry.high) {
      ++outside;
      continue;
    }
    i64 label = scatter.labels.size() == n ? scatter.labels[i] : 0;
    s += "<circle cx=\"" + at(width / 2 + scale * (x - (rx.low + rx.high) / 2)) + "\" cy=\"" +
         at(height / 2 - scale * (y - (ry.low + ry.high) / 2)) + "\" r=\"2.2\" fill=\"" + class_color(label) + "\"/>";
  }
  if (outside > 0)
    s += words(width, height - 2, "end", std::to_string(outside) + " of " + std::to_string(n) + " lie further out",
               "axis");
  return s + "</svg>";
}

}  // namespace nacre::train::svg
