#include <nacre/backend/cpu/simd.hpp>
#include <nacre/data/augment.hpp>

#include <nacre/core/parallel.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace nacre;
using namespace nacre::data;

namespace {

Tensor<u8> noise(i64 h, i64 w, i64 c, u64 seed = 3) {
  Tensor<u8> t({h, w, c});
  Random random(Key{seed});
  for (u8& v : t.span()) v = static_cast<u8>(random.word());
  return t;
}
Picture picture(const Tensor<u8>& t) { return {t.data(), t.dim(0), t.dim(1), t.dim(2)}; }
constexpr Normalization plain{{0, 0, 0}, {1, 1, 1}};

// A slow reference in double, written from the definitions. planes[c][y][x].
using Planes = std::vector<std::vector<std::vector<double>>>;

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

Planes slow_resize(const Tensor<u8>& t, Box box, bool flip, i64 size) {
  i64 channels = t.dim(2);
  Planes out(static_cast<std::size_t>(channels),
             std::vector(static_cast<std::size_t>(size), std::vector<double>(static_cast<std::size_t>(size))));
  double sy = double(box.height) / double(size), sx = double(box.width) / double(size);
  double fy = std::max(1.0, sy), fx = std::max(1.0, sx);
  for (i64 c = 0; c < channels; ++c)
    for (i64 y = 0; y < size; ++y)
      for (i64 x = 0; x < size; ++x) {
        double sum = 0, total = 0, cy = (double(y) + 0.5) * sy, cx = (double(flip ? size - 1 - x : x) + 0.5) * sx;
        for (i64 v = 0; v < box.height; ++v)
          for (i64 u = 0; u < box.width; ++u) {
            double w = triangle((double(v) + 0.5 - cy) / fy) * triangle((double(u) + 0.5 - cx) / fx);
            sum += w * t[((box.y + v) * t.dim(1) + box.x + u) * channels + c];
            total += w;
          }
        out[std::size_t(c)][std::size_t(y)][std::size_t(x)] = sum / total / 255;
      }
  return out;
}

double clamp(double v) { return std::min(1.0, std::max(0.0, v)); }
double luma(double r, double g, double b) { return 0.299 * r + 0.587 * g + 0.114 * b; }

// The textbook conversion there and back, with all its branches.
void slow_hue(double& r, double& g, double& b, double turns) {
  double v = std::max({r, g, b}), d = v - std::min({r, g, b}), s = v > 0 ? d / v : 0, h = 0;
  if (d > 0) h = v == r ? std::fmod((g - b) / d + 6, 6.0) : v == g ? (b - r) / d + 2 : (r - g) / d + 4;
  h = std::fmod(h / 6 + turns + 1, 1.0) * 6;
  int i = static_cast<int>(h) % 6;
  double f = h - std::floor(h), p = v * (1 - s), q = v * (1 - s * f), t = v * (1 - s * (1 - f));
  double table[6][3] = {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}};
  r = table[i][0];
  g = table[i][1];
  b = table[i][2];
}

void slow_recolor(Planes& p, const Look& look) {
  std::size_t n = p[0].size();
  bool color = p.size() == 3;
  auto each = [&](auto f) {
    for (std::size_t y = 0; y < n; ++y)
      for (std::size_t x = 0; x < n; ++x) {
        double& r = p[0][y][x];
        if (color) f(r, p[1][y][x], p[2][y][x]);
        else {
          double g = r, b = r;
          f(r, g, b);
        }
      }
  };
  for (int step : look.order) {
    if (!look.jitter) break;
    double mean = 0;
    if (step == 0)
      each([&](double& r, double& g, double& b) {
        for (double* v : {&r, &g, &b}) *v = clamp(*v * look.brightness);
      });
    if (step == 1) {
      each([&](double r, double g, double b) { mean += luma(r, g, b) / double(n * n); });
      each([&](double& r, double& g, double& b) {
        for (double* v : {&r, &g, &b}) *v = clamp(mean + look.contrast * (*v - mean));
      });
    }
    if (step == 2 && color)
      each([&](double& r, double& g, double& b) {
        double y = luma(r, g, b);
        for (double* v : {&r, &g, &b}) *v = clamp(y + look.saturation * (*v - y));
      });
    if (step == 3 && color) each([&](double& r, double& g, double& b) { slow_hue(r, g, b, look.hue); });
  }
  if (look.grey && color) each([&](double& r, double& g, double& b) { r = g = b = luma(r, g, b); });
  if (look.blur) {
    i64 size = static_cast<i64>(n), radius = std::min(static_cast<i64>(std::ceil(3 * look.sigma)), size - 1);
    auto reflect = [&](i64 i) { return static_cast<std::size_t>(i < 0 ? -i : i >= size ? 2 * size - 2 - i : i); };
    for (auto& plane : p) {
      auto in = plane;
      for (i64 y = 0; y < size; ++y)
        for (i64 x = 0; x < size; ++x) {
          double sum = 0, total = 0;
          for (i64 v = -radius; v <= radius; ++v)
            for (i64 u = -radius; u <= radius; ++u) {
              double w = std::exp(-0.5 * double(u * u + v * v) / (double(look.sigma) * double(look.sigma)));
              sum += w * in[reflect(y + v)][reflect(x + u)];
              total += w;
            }
          plane[std::size_t(y)][std::size_t(x)] = sum / total;
        }
    }
  }
}

double distance(Canvas c, const Planes& p) {
  double worst = 0;
  for (i64 k = 0; k < c.channels; ++k)
    for (i64 y = 0; y < c.size; ++y)
      for (i64 x = 0; x < c.size; ++x)
        worst = std::max(
            worst, std::abs(double(c.plane(k)[y * c.size + x]) - p[std::size_t(k)][std::size_t(y)][std::size_t(x)]));
  return worst;
}

}  // namespace

TEST_CASE("resizing agrees with the two-dimensional definition, growing and shrinking, with flips and crops") {
  for (i64 channels : {1, 3}) {
    Tensor<u8> t = noise(29, 37, channels);
    for (i64 size : {1, 7, 16, 32, 45})
      for (Box box : {Box{0, 0, 29, 37}, Box{3, 5, 11, 9}, Box{28, 36, 1, 1}, Box{0, 36, 29, 1}})
        for (bool flip : {false, true}) {
          Canvas c = canvas(0, size, channels);
          resize(picture(t), box, flip, c);
          CAPTURE(size);
          CAPTURE(box.height);
          CHECK(distance(c, slow_resize(t, box, flip, size)) < 2e-6);
        }
  }
}

TEST_CASE("colour, grey and blur agree with the textbook in every order") {
  for (i64 channels : {1, 3})
    for (u64 seed = 0; seed < 24; ++seed) {
      Tensor<u8> t = noise(19, 19, channels, seed);
      if (seed % 3 == 0)  // black, white, greys and pure colours are the corners of the hue
        for (u8& v : t.span()) v = v < 100 ? 0 : v < 200 ? 128 : 255;
      Random random(Key{seed});
      Look look = draw_look({.jitter = 1, .hue = 0.5f, .grey = 0.2f, .blur = 0.4f}, random);
      Canvas c = canvas(0, 19, channels);
      resize(picture(t), {0, 0, 19, 19}, false, c);
      Planes p = slow_resize(t, {0, 0, 19, 19}, false, 19);
      recolor(c, look);
      slow_recolor(p, look);
      CAPTURE(seed);
      CHECK(distance(c, p) < 5e-6);
    }
}

TEST_CASE("solarise turns what reaches the threshold around") {
  Canvas c = canvas(0, 4, 1);
  for (int i = 0; i < 16; ++i) c.data[i] = static_cast<float>(i) / 15;
  recolor(c, {.solarize = true, .threshold = 0.5f});
  for (int i = 0; i < 16; ++i)
    CHECK(c.data[i] == (i >= 8 ? 1 - static_cast<float>(i) / 15 : static_cast<float>(i) / 15));
}

TEST_CASE("an augmentation that changes nothing returns the picture") {
  for (i64 channels : {1, 3}) {
    Tensor<u8> t = noise(32, 32, channels);
    std::vector<float> out(static_cast<std::size_t>(t.size()));
    augment(picture(t), identity, plain, Key{1}, 32, out.data());
    for (i64 i = 0; i < t.size(); ++i) CHECK(std::abs(out[std::size_t(i)] - static_cast<float>(t[i]) / 255) <= 6e-8f);
    Augment neutral = identity;  // jitter on, all strengths 0
    neutral.color = {.jitter = 1, .brightness = 0, .contrast = 0, .saturation = 0, .hue = 0, .grey = 0};
    std::vector<float> same(out.size());
    augment(picture(t), neutral, plain, Key{1}, 32, same.data());
    CHECK(same == out);
  }
}

TEST_CASE("normalising subtracts the mean and divides by the deviation of its channel") {
  Tensor<u8> t = noise(8, 8, 3);
  Normalization n{{0.1f, 0.2f, 0.3f}, {0.5f, 0.25f, 2}};
  std::vector<float> a(192), b(192);
  augment(picture(t), identity, plain, Key{1}, 8, a.data());
  augment(picture(t), identity, n, Key{1}, 8, b.data());
  for (std::size_t i = 0; i < 192; ++i)
    CHECK(b[i] == doctest::Approx((a[i] - n.mean[i % 3]) / n.std[i % 3]).epsilon(1e-6));
}

TEST_CASE("crops stay inside, keep area and ratio in range, and reach every edge") {
  Crop crop{.area_min = 0.3f, .area_max = 0.9f};
  bool top = false, left = false, bottom = false, right = false;
  double area = 0;
  for (u64 i = 0; i < 4000; ++i) {
    Random random(Key{5}.fold(i));
    Box b = draw_box(crop, 200, 200, random);
    REQUIRE((b.y >= 0 && b.x >= 0 && b.height >= 1 && b.width >= 1 && b.y + b.height <= 200 && b.x + b.width <= 200));
    double a = double(b.height * b.width) / 40000, r = double(b.width) / double(b.height);
    CHECK((a > 0.29 && a < 0.91 && r > 0.74 && r < 1.35));
    area += a / 4000;
    top = top || b.y == 0;
    left = left || b.x == 0;
    bottom = bottom || b.y + b.height == 200;
    right = right || b.x + b.width == 200;
  }
  CHECK((top && left && bottom && right));
  CHECK(area ==
        doctest::Approx(0.59).epsilon(0.03));  // just below the middle: large areas with extreme ratios do not fit
  Random random(Key{1});
  Box b = draw_box({.area_min = 1, .area_max = 1}, 10, 1000, random);  // nothing fits: central, ratio 4 : 3
  CHECK((b.height == 10 && b.width == 13 && b.x == 493));
  b = draw_box({.area_min = 1, .area_max = 1}, 1, 1, random);
  CHECK((b.height == 1 && b.width == 1));
}

TEST_CASE("probabilities and factors are met, and options do not move one another's draws") {
  int jitter = 0, grey = 0, blur = 0, first[4] = {};
  double brightness = 0, lowest = 9, highest = 0;
  for (u64 i = 0; i < 8000; ++i) {
    Random a(Key{6}.fold(i)), b(Key{6}.fold(i));
    Look look = draw_look({.blur = 0.5f}, a),
         other = draw_look({.jitter = 0.1f, .contrast = 0, .hue = 0, .grey = 1}, b);
    CHECK(look.brightness == other.brightness);
    CHECK(look.sigma == other.sigma);
    jitter += look.jitter;
    grey += look.grey;
    blur += look.blur;
    ++first[look.order[0]];
    brightness += double(look.brightness) / 8000;
    lowest = std::min<double>(lowest, double(look.brightness));
    highest = std::max<double>(highest, double(look.brightness));
  }
  CHECK(std::abs(jitter - 6400) < 180);  // 5 standard deviations
  CHECK(std::abs(grey - 1600) < 180);
  CHECK(std::abs(blur - 4000) < 225);
  for (int f : first) CHECK(std::abs(f - 2000) < 195);
  CHECK(brightness == doctest::Approx(1).epsilon(0.013));
  CHECK((lowest > 0.6 && lowest < 0.61 && highest > 1.39 && highest < 1.4));
}

TEST_CASE("every instruction set makes the same bits") {
  Tensor<u8> t = noise(50, 61, 3);
  std::vector<float> expected(33 * 33 * 3), got(expected.size());
  Augment o = simclr(1, 1);
  o.color.solarize = 0.5f;
  auto before = backend::isa();
  for (u64 seed = 0; seed < 20; ++seed) {
    backend::set_isa(backend::Isa::baseline);
    augment(picture(t), o, imagenet_normalization, Key{seed}, 33, expected.data());
    for (auto isa : {backend::Isa::avx2, backend::Isa::avx512}) {
      backend::set_isa(isa);
      augment(picture(t), o, imagenet_normalization, Key{seed}, 33, got.data());
      CHECK(std::memcmp(expected.data(), got.data(), expected.size() * sizeof(float)) == 0);
      backend::set_isa(before);
    }
  }
}

TEST_CASE("an evaluation batch keeps pictures of the right size, resizes others from their central square") {
  Images images = make_images(noise(20, 32, 3).reshape({5, 4, 32, 3}));  // pictures of 4 x 32
  Normalization n{{0.5f, 0.4f, 0.3f}, {0.2f, 0.3f, 0.4f}};
  Tensor<float> x = evaluation_batch(images, 1, 4, 4, n);
  CHECK(x.shape() == Shape{3, 4, 4, 3});
  for (i64 i = 0; i < 3; ++i)
    for (i64 y = 0; y < 4; ++y)
      for (i64 v = 0; v < 12; ++v) {
        float p = static_cast<float>(images[1 + i].data()[(y * 32 + 14) * 3 + v]) / 255;
        CHECK(x[(i * 4 + y) * 12 + v] ==
              doctest::Approx((p - n.mean[std::size_t(v % 3)]) / n.std[std::size_t(v % 3)]).epsilon(1e-5));
      }
  Images square = make_images(noise(12, 4, 3).reshape({3, 4, 4, 3}));
  Tensor<float> all = evaluation_batch(square, 0, 3, 4, n), one = evaluation_batch(square, 2, 3, 4, n);
  for (i64 i = 0; i < all.size(); ++i) {
    std::size_t c = static_cast<std::size_t>(i % 3);
    CHECK(all[i] == (static_cast<float>(square.pixels[i]) / 255 - n.mean[c]) / n.std[c]);
  }
  CHECK(std::memcmp(one.data(), all.data() + 2 * 48, 48 * sizeof(float)) == 0);
  CHECK(evaluation_batch(square, 3, 3, 4, n).empty());
  CHECK_THROWS_AS(evaluation_batch(square, 0, 4, 4, n), Error);
  CHECK_THROWS_AS(evaluation_batch(square, 0, 1, 4, {}), Error);
}

TEST_CASE("options out of range are refused by name") {
  auto text = [](const Augment& o) -> std::string {
    try {
      validate(o);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  CHECK(text(simclr()) == "");
  CHECK(text(simclr(1, 0.5f)) == "");
  CHECK(text(gentle()) == "");
  CHECK(text(identity) == "");
  CHECK(text({{.area_min = 0}, {}}).find("area") != std::string::npos);
  CHECK(text({{.area_min = 0.5f, .area_max = 0.4f}, {}}).find("area") != std::string::npos);
  CHECK(text({{.ratio_min = -1}, {}}).find("ratio") != std::string::npos);
  CHECK(text({{.flip = 1.5f}, {}}).find("flip") != std::string::npos);
  CHECK(text({{}, {.hue = 0.6f}}).find("hue") != std::string::npos);
  CHECK(text({{}, {.brightness = NAN}}).find("brightness") != std::string::npos);
  CHECK(text({{}, {.blur_sigma_min = 0}}).find("sigma") != std::string::npos);
}
