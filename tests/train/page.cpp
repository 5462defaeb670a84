// train/page.hpp, and the logarithmic axis of train/svg.hpp.
#include <nacre/train/page.hpp>

#include "html.hpp"

#include <doctest/doctest.h>

using namespace nacre;
using namespace nacre::train;
using test::count, test::has, test::well_formed;

namespace {

svg::LineChart chart(std::vector<svg::Line> lines) {
  return {.name = "loss", .x_name = "step", .lines = std::move(lines), .marks = {}};
}
const svg::Line falling{"run <a>", {0, 1, 2, 3}, {1000, 100, 10, 1}, 0};

}  // namespace

TEST_CASE("a page is one complete file: every element is closed and nothing is fetched") {
  Page page("A & B");
  page.text("x < y").figure(chart({falling}), "one").figure(chart({falling, falling}), "two").heading("then");
  page.figure("<svg></svg>", "three", "a title").table({"", "k"}, {{"row", "<1>"}, {"next", "2"}});
  std::string s = page.str();
  CHECK(well_formed(s));
  CHECK(s == page.str());
  for (const char* part : {"<script", "http", "url(", "@import"}) CHECK(!has(s, part));
  for (const char* part : {"<h1>A &amp; B</h1>", "<p>x &lt; y</p>", "<h2>then</h2>", "run &lt;a&gt;", "a title",
                           "<td>&lt;1&gt;</td>", "<th>row</th>"})
    CHECK_MESSAGE(has(s, part), part);

  Page last("ends with a figure");
  last.figure(chart({falling}), "");
  CHECK(well_formed(last.str()));
  CHECK(well_formed(Page("empty").str()));
}

TEST_CASE("figures that follow one another share a grid; several lines get a legend") {
  Page page("");
  page.figure(chart({falling}), "").figure(chart({falling, falling}), "").text("between").figure(chart({falling}), "");
  CHECK(count(page.str(), "<div class=\"grid\">") == 2);
  CHECK(count(page.str(), "<div class=\"card\">") == 3);
  CHECK(count(page.str(), "<ul class=\"keys\">") == 1);
}

TEST_CASE("after six colours lines are dashed, then dotted, and so is their key; below 0 they are grey") {
  std::vector<svg::Line> lines(17, falling);
  for (int i = 0; i < 17; ++i) lines[static_cast<std::size_t>(i)].color = i - 3;
  std::string s = Page("").figure(chart(lines), "").str();
  CHECK(count(s, "\"line c1\"") == 1);
  CHECK(count(s, "\"line c1 dashed\"") == 1);
  CHECK(count(s, "\"line c1 dotted\"") == 1);
  for (const char* grey : {"\"line baseline\"", "\"line baseline dashed\"", "\"line baseline dotted\""})
    CHECK(count(s, grey) == 1);
  CHECK(count(s, "<li class=\"c1 dashed\">") == 1);
  CHECK(count(s, "<li class=\"c1 dotted\">") == 1);
}

TEST_CASE("a row that does not fit its header is refused") {
  CHECK_THROWS_WITH_AS(Page("").table({"a", "b"}, {{"1"}}), doctest::Contains("a row of 1 cells under a header of 2"),
                       Error);
}

TEST_CASE("on a logarithmic axis equal factors are equal steps; what is not above 0 is left out") {
  auto points = [](const svg::LineChart& c) {
    std::string s = svg::render(c);
    std::size_t from = s.find("points=\"") + 8, end = s.find('"', from);
    std::vector<double> y;
    for (std::size_t at = from; at < end; at = s.find(' ', at + 1))
      y.push_back(std::stod(s.substr(s.find(',', at) + 1)));
    return y;
  };
  svg::LineChart c = chart({falling});
  c.log_y = true;
  std::vector<double> y = points(c);
  REQUIRE(y.size() == 4);
  for (std::size_t i = 0; i < 2; ++i) CHECK(y[i + 1] - y[i] == doctest::Approx(y[i + 2] - y[i + 1]).epsilon(0.01));
  CHECK(y[1] > y[0] + 20);
  CHECK(has(svg::render(c), "10³"));
  c.lines[0].y = {1e-4, 0, -1, 1e-6};
  CHECK(points(c).size() == 2);
  CHECK(has(svg::render(c), "10⁻⁵"));
  c.lines[0].y = {1e-9, 1, 1, 10};  // about five powers of ten are named
  CHECK(count(svg::render(c), "class=\"grid\"") >= 4);
  CHECK(count(svg::render(c), "class=\"grid\"") <= 7);
  c.lines[0].y = {0, 0, 0, 0};
  CHECK(has(svg::render(c), "nothing recorded"));
  c.lines[0].y = {2, 3, 4, 5};  // within one power of ten
  c.marks = {{4, "four"}, {0, "zero"}};
  CHECK(has(svg::render(c), ">four<"));
  CHECK(!has(svg::render(c), ">zero<"));
  CHECK(count(svg::render(c), "class=\"grid\"") >= 2);
}
