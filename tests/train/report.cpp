#include <nacre/train/report.hpp>
#include <nacre/train/svg.hpp>

#include "html.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace nacre;
using namespace nacre::train;
using test::count, test::has, test::well_formed;

namespace {

// A PNG's first bytes as far as the page looks at them.
std::vector<u8> png(u8 width, u8 height) {
  std::vector<u8> bytes(33, 7);
  for (std::size_t i = 16; i < 24; ++i) bytes[i] = 0;
  bytes[19] = width;
  bytes[23] = height;
  return bytes;
}

ReportRun full(const std::string& name) {
  ReportRun run;
  run.name = name;
  run.config = {{"epochs", "16"}, {"lr", "0.06"}};
  std::vector<double> step, loss;
  for (int i = 0; i < 1000; ++i) {
    step.push_back(i);
    loss.push_back(8 * std::exp(-i / 300.) + (i % 2 ? .1 : -.1));
  }
  run.series = {{"loss", step, loss}, {"std", {0, 10}, {0.05, 0.088}}, {"of my own", {0, 10}, {1, 2}}};
  run.task = "The task of x: find <it>.";
  run.initial_loss = 8.73;
  run.uninformed_loss = 8.3;
  run.dim = 128;
  run.trained = {81.25, {{"stem", 80.5}, {"pool", 84.75}}};
  run.untrained = {67.5, {{"stem", 79}, {"pool", 70}}};
  run.pixels = {78.4, {{"pixels", 82}}};
  run.chance = 10;
  run.views = {{png(40, 20), "views", Verdict::none}};
  run.neighbors = {
      {{png(8, 8), "boot", Verdict::none}, {png(8, 8), "", Verdict::right}, {png(8, 8), "", Verdict::wrong}}};
  run.points = Tensor<double>::of({3, 2}, {0, 0, 1, 2, -1, 3});
  run.labels = Tensor<i64>::of({3}, {0, 1, 1});
  run.classes = {"cat", "dog"};
  run.explained = {0.5, 0.25};
  return run;
}

}  // namespace

TEST_CASE("a full page holds every section, closes every element and fetches nothing") {
  for (int runs : {1, 2, 7}) {
    std::vector<ReportRun> all;
    for (int r = 0; r < runs; ++r) all.push_back(full("run" + std::to_string(r)));
    std::string page = report_page(all, "PIRL");
    CHECK(well_formed(page));
    for (const char* part :
         {"What the features are worth", "How training went", "What it learned from", "What it finds similar",
          "The feature space from above", "Settings", "81.2", "expected at the start", "nothing told apart",
          "The task of x: find &lt;it&gt;. Healthy", "healthy 1/√d", "of my own"})
      CHECK_MESSAGE(has(page, part), part);
    CHECK(count(page, "data:image/png;base64,") == 4 * runs);
    CHECK(count(page, "<circle") == 3 * runs);
    CHECK(count(page, "class=\"right\"") == runs);
    CHECK(count(page, "class=\"wrong\"") == runs);
    for (const char* part : {"http", "<script", "url(", "@import", "nan", "inf\""})
      CHECK_MESSAGE(!has(page, part), part);
  }
}

TEST_CASE("text from outside is escaped wherever it appears") {
  ReportRun run = full("<q>&\"'");
  run.config = {{"<q>&\"'", "<q>&\"'"}};
  run.series[2].name = "<q>&\"'";
  run.classes = {"<q>&\"'", "dog"};
  run.views[0].caption = run.neighbors[0][0].caption = "<q>&\"'";
  run.trained.linear[0].first = "<q>&\"'";
  std::string page = report_page({run, run}, "<q>&\"'");
  CHECK(!has(page, "<q>&"));
  CHECK(has(page, "&lt;q&gt;&amp;&quot;&#39;"));
  CHECK(well_formed(page));
}

TEST_CASE("what was not measured is left out, and nothing at all is still a page") {
  CHECK(well_formed(report_page({}, "empty")));
  ReportRun run;
  run.name = "bare";
  std::string page = report_page({run});
  CHECK(well_formed(page));
  CHECK(!has(page, "<svg"));
  CHECK(!has(page, "<h2>"));
  run.series = {{"loss", {1, 2, 3}, {NAN, INFINITY, NAN}}, {"std", {}, {}}, {"lr", {5}, {0.1}}};
  run.trained.knn = 50;
  page = report_page({run});
  CHECK(well_formed(page));
  CHECK(has(page, "nothing recorded"));
  CHECK(!has(page, "nan"));
  CHECK(well_formed(report_page({run, full("other")})));
}

TEST_CASE("the settings in which runs differ are marked, equal baselines are drawn once") {
  ReportRun a = full("a"), b = full("b");
  b.config = {{"epochs", "16"}, {"lr", "0.03"}, {"extra", "1"}};
  std::string page = report_page({a, b});
  CHECK(count(page, "class=\"differs\"") == 2);  // lr and extra
  CHECK(count(page, ">pixels 78.4<") == 1);
  b.pixels.knn = 60;
  CHECK(count(report_page({a, b}), ">pixels 60.0<") == 1);
  CHECK(count(report_page({a, b}), ">nothing told apart<") == 1);
  b.uninformed_loss = 6;
  CHECK(count(report_page({a, b}), ">nothing told apart, b<") == 1);
}

TEST_CASE("the page says which pictures it looks among, which stage is best, and who was told the classes") {
  ReportRun a = full("a"), b = full("b");
  a.gallery = "2000 pictures of the test split";
  std::string page = report_page({a});
  CHECK(has(page, "Looked for among 2000 pictures of the test split."));
  CHECK(has(page, "Each point is one of 2000 pictures of the test split."));
  CHECK(has(page, "at pool; untrained 79.0 at stem, pixels 82.0"));
  CHECK(has(page, "training never saw"));
  CHECK(!has(page, "more</li>"));
  a.saw_labels = true;
  CHECK(has(report_page({a}), "training was told of its own pictures"));
  page = report_page({b, a});
  CHECK(has(page, "only these runs were told in training: a. "));
  CHECK(!has(page, "never saw"));
  for (int c = 2; c < 23; ++c) a.classes.push_back("class " + std::to_string(c));
  CHECK(has(report_page({a}), "<li>and 3 more</li>"));
}

TEST_CASE("runs whose names are too long for a chart are numbered, in the chart as in the table and the legend") {
  std::string page = report_page({full("jigsaw-seed1"), full("b")});
  for (const char* part : {">run 1: jigsaw-seed1<", ">run 2: b<", "<b>b</b><span class=\"sub\">run 2</span>",
                           "class=\"label\">run 1<", "class=\"label\">run 2<"})
    CHECK_MESSAGE(has(page, part), part);
  CHECK(!has(report_page({full("a"), full("b")}), "run 1"));
}

TEST_CASE("long series are thinned, and the mean of a noisy curve is drawn over it") {
  svg::LineChart chart{.name = "loss", .lines = {{"run", {}, {}, 2}}, .marks = {}, .smooth = true};
  for (int i = 0; i < 100000; ++i) {
    chart.lines[0].x.push_back(i);
    chart.lines[0].y.push_back(i % 2);
  }
  std::string s = svg::render(chart);
  CHECK(s.size() < 20000);
  CHECK(count(s, "<polyline") == 2);
  CHECK(has(s, "class=\"line c2 faint\""));
}

TEST_CASE("numbers and bytes are written as they should") {
  CHECK(svg::number(0.06) == "0.06");
  CHECK(svg::number(-0.0) == "0");
  CHECK(svg::number(12345.6) == "12346");
  CHECK(svg::number(NAN) == "–");
  CHECK(svg::fixed(88, 1) == "88.0");
  auto encode = [](std::string s) { return svg::base64(reinterpret_cast<const u8*>(s.data()), s.size()); };
  CHECK(encode("") == "");  // RFC 4648, section 10
  CHECK(encode("f") == "Zg==");
  CHECK(encode("fo") == "Zm8=");
  CHECK(encode("foobar") == "Zm9vYmFy");
  CHECK(svg::escape("a<b\n\x01") == "a&lt;b  ");
}

TEST_CASE("a contact sheet places pictures in rows and spreads grey over three channels") {
  auto grey = Tensor<u8>::of({1, 2, 1}, {10, 20});
  auto red = Tensor<u8>::of({2, 1, 3}, {200, 1, 2, 201, 3, 4});
  auto sheet = tile({grey, red, grey}, 2, 1, 255);
  REQUIRE(sheet.shape() == Shape{7, 7, 3});  // two rows and columns of 2 x 2, gap 1
  auto at = [&](i64 y, i64 x, i64 c) { return static_cast<int>(sheet[(y * 7 + x) * 3 + c]); };
  CHECK(at(0, 0, 0) == 255);
  CHECK(at(1, 1, 0) == 10);
  CHECK(at(1, 2, 2) == 20);
  CHECK(at(1, 4, 0) == 200);
  CHECK(at(2, 4, 1) == 3);
  CHECK(at(4, 1, 1) == 10);
  CHECK(at(4, 4, 1) == 255);
  CHECK_THROWS_WITH_AS(tile({Tensor<u8>({2, 2})}, 2), doctest::Contains("[2, 2]"), Error);
  CHECK_THROWS_AS(tile({}, 2), Error);
}

TEST_CASE("the speed is pictures over seconds, and a task that runs share is told once") {
  ReportRun a = full("a"), b = full("b"), c = full("c");
  for (ReportRun* run : {&a, &b, &c}) run->series.push_back({"samples_per_s", {10, 20, 40}, {100, 50, 400}});
  c.task = "Another.";
  b.note = "And <that>.";
  CHECK(has(report_page({a}), ">114<"));  // 40 steps in 10 / 100 + 10 / 50 + 20 / 400
  std::string page = report_page({a, b, c});
  CHECK(count(page, "The task of x") == 1);
  CHECK(count(page, "Another. Healthy") == 1);
  CHECK(count(page, "to compare with. And &lt;that&gt;. </p>") == 1);
}

TEST_CASE("a run without a probe has its row beside the others, and no mark strikes a text through") {
  ReportRun a = full("a"), b = full("b");
  b.trained = {};
  CHECK(count(report_page({a, b}), ">not measured<") == 3);  // neighbours, stem and pool
  CHECK(!has(report_page({b}), "Nearest neighbours"));

  auto place_of = [](const std::string& s, std::string_view text) {
    std::size_t end = s.find(">" + std::string(text) + "<"), begin = s.rfind("<text x=\"", end);
    REQUIRE(end != std::string::npos);
    return std::stod(s.substr(begin + 9));
  };
  auto mark_of = [](const std::string& s) {
    std::size_t end = s.find("class=\"mark\""), begin = s.rfind("x1=\"", end);
    return std::stod(s.substr(begin + 4));
  };
  for (double value : {78.1, not_measured}) {
    svg::BarChart chart{"", {{"row", {{"a", value, "c0", false}}}}, {{std::isfinite(value) ? 80. : 2., "m"}}};
    std::string s = svg::render(chart);
    CHECK(place_of(s, std::isfinite(value) ? "78.1" : "not measured") > mark_of(s));
  }
}

TEST_CASE("the texts of near marks stand clear of each other and of each other's lines") {
  svg::LineChart chart{
      .name = "loss", .lines = {{"run", {0, 10}, {8, 4}, 0}}, .marks = {{8.7, "upper"}, {8.3, "lower"}}};
  std::string s = svg::render(chart);
  std::vector<double> lines, texts;
  for (std::size_t at = 0; (at = s.find("class=\"mark\"", at)) != std::string::npos; ++at)
    lines.push_back(std::stod(s.substr(s.rfind("y1=\"", at) + 4)));
  for (std::size_t at = 0; (at = s.find("class=\"marktext\"", at)) != std::string::npos; ++at)
    texts.push_back(std::stod(s.substr(s.rfind(" y=\"", at) + 4)));
  REQUIRE(lines.size() == 2);
  REQUIRE(texts.size() == 2);
  CHECK(std::fabs(texts[0] - texts[1]) >= 11);  // one beside the other could be taken for it
  for (double text : texts)
    for (double line : lines) CHECK((line <= text - 9 || line >= text + 3));
}

TEST_CASE("one far point does not squeeze the others, and is counted") {
  Tensor<double> points({400, 2});
  for (i64 i = 0; i < 400; ++i)
    points[2 * i] = static_cast<double>(i % 20), points[2 * i + 1] = static_cast<double>(i / 20);
  std::string all = svg::render(svg::Scatter{"", points, {}, {}});
  CHECK(count(all, "<circle") == 400);
  CHECK(!has(all, "further out"));
  points[0] = 1000;
  std::string s = svg::render(svg::Scatter{"", points, {}, {}});
  CHECK(count(s, "<circle") == 399);
  CHECK(has(s, ">1 of 400 lie further out<"));
  double low = 1e9, high = -1e9;
  for (std::size_t at = 0; (at = s.find("cx=\"", at)) != std::string::npos; ++at) {
    low = std::min(low, std::stod(s.substr(at + 4)));
    high = std::max(high, std::stod(s.substr(at + 4)));
  }
  CHECK(high - low > 150);  // of 360
}
