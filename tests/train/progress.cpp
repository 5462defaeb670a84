#include <nacre/train/progress.hpp>

#include <doctest/doctest.h>

#include <cmath>

using nacre::train::clock_text;
using nacre::train::Progress;
using nacre::train::progress_bar;
using nacre::train::progress_line;

namespace {

Progress middle() {
  return {.epoch = 2,
          .epochs = 16,
          .step = 812,
          .total = 1984,
          .loss = 7.4118,
          .samples_per_s = 2310.4,
          .seconds_left = 83,
          .gauge = 0.972};
}

std::size_t columns(const std::string& s) {  // of UTF-8 text without escape codes
  std::size_t n = 0;
  for (char c : s) n += (c & 0xC0) != 0x80;
  return n;
}

}  // namespace

TEST_CASE("a log line says where the run stands in words") {
  CHECK(progress_line(middle()) ==
        "epoch 3/16, step 812/1984 (40 %), loss 7.412, 2310 images/s, 1:23 left, spread 0.97");
}

TEST_CASE("the bar fits the terminal at every stage of the run") {
  for (int width : {60, 80, 100, 200})
    for (int step = 0; step <= 1984; step += 31) {
      Progress p = middle();
      p.width = width;
      p.step = step;
      p.seconds_left = 40 * (1984 - step);
      p.samples_per_s = 123456;
      CHECK(columns(progress_bar(p)) <= static_cast<std::size_t>(width < 80 ? 72 : width - 1));
    }
}

TEST_CASE("the bar grows from empty to full") {
  Progress p = middle();
  p.unicode = false;
  p.step = 0;
  CHECK(progress_bar(p).find('=') == std::string::npos);
  p.step = p.total;
  CHECK(progress_bar(p).find("= 100%") != std::string::npos);
  p.step = p.total - 1;
  CHECK(progress_bar(p).find(" 99%") != std::string::npos);
  for (char c : progress_bar(p)) CHECK(static_cast<unsigned char>(c) < 128);
}

TEST_CASE("a shrinking spread is pointed out, with and without colour") {
  Progress p = middle();
  CHECK(progress_bar(p).find("0.97!") == std::string::npos);
  CHECK(progress_bar(p).find('\033') == std::string::npos);
  p.gauge = 0.04;
  CHECK(progress_bar(p).find("spread 0.04!") != std::string::npos);
  p.color = true;
  CHECK(progress_bar(p).find("\033[31mspread 0.04!\033[0m") != std::string::npos);
}

TEST_CASE("times read like a clock and unknown ones do not pretend") {
  CHECK(clock_text(0) == "0:00");
  CHECK(clock_text(59.6) == "1:00");
  CHECK(clock_text(7384) == "2:03:04");
  CHECK(clock_text(-1) == "-:--");
  CHECK(clock_text(std::nan("")) == "-:--");
  Progress nothing;
  CHECK(progress_line(nothing).find("step 0/0 (0 %)") != std::string::npos);
}
