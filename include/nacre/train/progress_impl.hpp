// Definitions of train/progress.hpp.
#pragma once

#include <nacre/train/progress.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace nacre::train {

namespace detail {

template <class... A>
std::string text(const char* format, A... a) {
  char buffer[160];
  std::snprintf(buffer, sizeof(buffer), format, a...);
  return buffer;
}

inline double share_done(const Progress& p) {
  return p.total > 0 ? std::clamp(static_cast<double>(p.step) / static_cast<double>(p.total), 0.0, 1.0) : 0;
}
inline int percent_done(const Progress& p) { return static_cast<int>(100 * share_done(p)); }  // 100 only at the end
inline long long epoch_shown(const Progress& p) { return std::min(p.epoch + 1, std::max<i64>(1, p.epochs)); }

// "━━━╸   ": halves of a cell show small steps
inline std::string bar(double share, int cells, bool unicode) {
  int halves = static_cast<int>(share * 2 * cells), full = halves / 2;
  std::string s;
  for (int i = 0; i < full; ++i) s += unicode ? "━" : "=";
  if (full == cells) return s;
  s += halves % 2 ? (unicode ? "╸" : "-") : " ";
  return s + std::string(static_cast<std::size_t>(cells - full - 1), ' ');
}

inline std::string paint(bool color, const char* code, const std::string& s) {
  return color ? text("\033[%sm", code) + s + "\033[0m" : s;
}

}  // namespace detail

NACRE_INLINE std::string clock_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9) return "-:--";
  long long s = std::llround(seconds);
  if (s < 3600) return detail::text("%lld:%02lld", s / 60, s % 60);
  return detail::text("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

NACRE_INLINE std::string progress_bar(const Progress& p) {
  using detail::text;
  int digits = static_cast<int>(std::to_string(std::max<i64>(1, p.epochs)).size());
  std::string head = text("epoch %*lld/%lld  ", digits, detail::epoch_shown(p), static_cast<long long>(p.epochs));
  std::string tail = text(" %3d%%  loss %.3f %6.0f/s  %s left  ", detail::percent_done(p), p.loss, p.samples_per_s,
                          clock_text(p.seconds_left).c_str());
  std::string gauge = p.gauge < 0.5 ? text("spread %.2f!", p.gauge) : text("spread %.2f", p.gauge);
  int cells = std::max(60, p.width) - 1 - static_cast<int>(head.size() + tail.size() + gauge.size());
  std::string s = head;
  if (cells >= 4) s += detail::paint(p.color, "36", detail::bar(detail::share_done(p), std::min(cells, 40), p.unicode));
  return s + tail + detail::paint(p.color, p.gauge < 0.2 ? "31" : p.gauge < 0.5 ? "33" : "32", gauge);
}

NACRE_INLINE std::string progress_line(const Progress& p) {
  return detail::text("epoch %lld/%lld, step %lld/%lld (%d %%), loss %.3f, %.0f images/s, %s left, spread %.2f",
                      detail::epoch_shown(p), static_cast<long long>(p.epochs), static_cast<long long>(p.step),
                      static_cast<long long>(p.total), detail::percent_done(p), p.loss, p.samples_per_s,
                      clock_text(p.seconds_left).c_str(), p.gauge);
}

}  // namespace nacre::train
