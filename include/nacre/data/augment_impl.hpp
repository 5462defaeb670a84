// Definitions of data/augment.hpp. Loops run inside simd::run, over planes padded to 16 floats, so one source serves
// every instruction set with the same bits.
#pragma once

#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/data/augment.hpp>

#include <algorithm>
#include <bit>
#include <cmath>

namespace nacre::data {
namespace detail {

typedef float Float4 __attribute__((vector_size(16)));

// Room for n numbers, in the pool: a thread that joins in late faults no page.
template <class T>
T* grow(Tensor<T>& t, i64 n) {
  if (t.size() < n) t = Tensor<T>::zeros({n});  // what lies beyond a row is read, with weight 0
  return t.data();
}

// For each of `size` outputs the first input and `taps` weights (zero-padded) of a triangle filter over [from, from +
// span), in pixels that need not be whole: [start, start + length) are those it touches.
struct Filter {
  Tensor<int> first;  // counted from start
  Tensor<float> weight;
  int taps = 0;
  i64 start = 0, length = 0;

  void build(float from, float span, i64 size) {
    start = static_cast<i64>(from);
    length = static_cast<i64>(std::ceil(from + span)) - start;
    float offset = from - static_cast<float>(start);
    float scale = span / static_cast<float>(size), support = std::max(scale, 1.f);
    taps = 2 * static_cast<int>(std::ceil(support)) + 1;
    grow(first, size);
    grow(weight, size * taps);
    std::fill_n(weight.data(), size * taps, 0.f);
    for (i64 o = 0; o < size; ++o) {
      float center = offset + (static_cast<float>(o) + 0.5f) * scale, total = 0;
      int a = std::max(0, static_cast<int>(center - support + 0.5f));
      int b = std::min({static_cast<int>(length), static_cast<int>(center + support + 0.5f), a + taps});
      float* w = weight.data() + o * taps;
      for (int k = a; k < b; ++k)
        total += w[k - a] = std::max(0.f, 1 - std::abs((static_cast<float>(k) + 0.5f - center) / support));
      for (int k = a; k < b; ++k) w[k - a] /= total;
      first[o] = a;
    }
  }
};

struct Scratch {
  Filter x, y;
  Tensor<float> row, blurred, canvas[2];
};
inline Scratch& scratch() {
  thread_local Scratch s;
  return s;
}

// Compared as integers, because compilers make branches of the float forms: exact where one of a, b is not negative.
inline float larger(float a, float b) {
  return std::bit_cast<float>(std::max(std::bit_cast<int>(a), std::bit_cast<int>(b)));
}
inline float smaller(float a, float b) {
  return std::bit_cast<float>(std::min(std::bit_cast<int>(a), std::bit_cast<int>(b)));
}
inline int less(float a, float b) {
  return (std::bit_cast<int>(a) - std::bit_cast<int>(b)) >> 31;
}  // -1 or 0; neither negative
inline float clamp01(float v) { return smaller(larger(v, 0), 1); }
inline float grey_of(float r, float g, float b) { return 0.299f * r + 0.587f * g + 0.114f * b; }

// Sum of n values in a fixed order: sixteen lanes, then one after the other.
template <class F>
float lane_sum(i64 n, const F& value) {
  float lane[16] = {}, total = 0;
  i64 i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; ++j) lane[j] += value(i + j);
  for (int j = 0; j < 16; ++j) total += lane[j];
  for (; i < n; ++i) total += value(i);
  return total;
}

// HSV with the hue moved by `sixths` of a turn. No branches: comparisons are masks, wrapping is rounding by adding and
// subtracting 1.5 * 2^23, and a channel is v - d * clamp(2 - |t|) with t its distance from the hue's complement.
inline void shift_hue(float* __restrict r, float* __restrict g, float* __restrict b, i64 n, float sixths) {
  for (i64 i = 0; i < n; ++i) {
    float x = r[i], y = g[i], z = b[i];
    float upper = larger(y, z), lower = smaller(y, z), high = larger(x, upper), middle = smaller(x, upper);
    float d = high - smaller(middle, lower);
    int sector = 6 * less(y, z);
    sector += less(x, upper) & (-2 - 2 * sector);
    float h = std::abs(static_cast<float>(sector) + (middle - lower) / (d + 1e-20f)) + sixths;
    auto channel = [&](float t) {
      constexpr float magic = 12582912;
      t -= 6 * ((t * (1 / 6.f) + magic) - magic);
      return high - d * clamp01(2 - std::abs(t));
    };
    r[i] = channel(h + 3);
    g[i] = channel(h + 1);
    b[i] = channel(h - 1);
  }
}

// x -> clamp(x * scale + offset) in every plane.
inline void affine(Canvas to, float scale, float offset) {
  float* p = to.data;
  for (i64 i = 0; i < to.stride * to.channels; ++i) p[i] = clamp01(p[i] * scale + offset);
}

inline void jitter(Canvas to, const Look& look) {
  i64 n = to.size * to.size;
  bool color = to.channels == 3;
  float* __restrict r = to.plane(0);
  float* __restrict g = to.plane(color ? 1 : 0);
  float* __restrict b = to.plane(color ? 2 : 0);
  for (int step : look.order) {
    if (step == 0 && look.brightness != 1) affine(to, look.brightness, 0);
    if (step == 1 && look.contrast != 1) {
      float sum = color ? lane_sum(n, [&](i64 i) { return grey_of(r[i], g[i], b[i]); })
                        : lane_sum(n, [&](i64 i) { return r[i]; });
      affine(to, look.contrast, (1 - look.contrast) * (sum / static_cast<float>(n)));
    }
    if (step == 2 && color && look.saturation != 1) {
      float s = look.saturation;
      for (i64 i = 0; i < to.stride; ++i) {
        float y = (1 - s) * grey_of(r[i], g[i], b[i]);
        r[i] = clamp01(r[i] * s + y);
        g[i] = clamp01(g[i] * s + y);
        b[i] = clamp01(b[i] * s + y);
      }
    }
    if (step == 3 && color && look.hue != 0) shift_hue(r, g, b, to.stride, 6 * look.hue);
  }
}

// Separable Gaussian, reflected at the edges without repeating the edge pixel.
inline void blur(Canvas to, float sigma, float* row, float* plane) {
  i64 n = to.size, radius = std::min(static_cast<i64>(std::ceil(3 * sigma)), std::min<i64>(n - 1, 63));
  if (radius < 1) return;
  float weight[127], total = 0;
  for (i64 k = -radius; k <= radius; ++k) {
    float z = static_cast<float>(k) / sigma;
    total += weight[k + radius] = std::exp(-0.5f * z * z);
  }
  for (i64 k = 0; k <= 2 * radius; ++k) weight[k] /= total;
  auto reflect = [n](i64 i) { return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i; };
  backend::simd::run([&] {
    for (i64 c = 0; c < to.channels; ++c) {
      float* p = to.plane(c);
      for (i64 y = 0; y < n; ++y) {
        for (i64 x = -radius; x < n + radius; ++x) row[x + radius] = p[y * n + reflect(x)];
        float* __restrict out = plane + y * n;
        for (i64 x = 0; x < n; ++x) out[x] = weight[0] * row[x];
        for (i64 k = 1; k <= 2 * radius; ++k)
          for (i64 x = 0; x < n; ++x) out[x] += weight[k] * row[x + k];
      }
      for (i64 y = 0; y < n; ++y) {
        float* __restrict out = p + y * n;
        const float* in = plane + reflect(y - radius) * n;
        for (i64 x = 0; x < n; ++x) out[x] = weight[0] * in[x];
        for (i64 k = 1; k <= 2 * radius; ++k) {
          in = plane + reflect(y - radius + k) * n;
          for (i64 x = 0; x < n; ++x) out[x] += weight[k] * in[x];
        }
      }
    }
  });
}

inline std::string range_text(const char* what, float lo, float hi, const char* rule) {
  return std::string(what) + " is [" + std::to_string(lo) + ", " + std::to_string(hi) + "] but must satisfy " + rule;
}

}  // namespace detail

NACRE_INLINE void validate(const Augment& o) {
  const Crop& c = o.crop;
  const Photometric& p = o.color;
  check(0 < c.area_min && c.area_min <= c.area_max && c.area_max <= 1, "augment",
        [&] { return detail::range_text("the crop's area", c.area_min, c.area_max, "0 < min <= max <= 1"); });
  check(0 < c.ratio_min && c.ratio_min <= c.ratio_max && c.ratio_max < 1e6f, "augment",
        [&] { return detail::range_text("the crop's ratio", c.ratio_min, c.ratio_max, "0 < min <= max"); });
  check(0 < p.blur_sigma_min && p.blur_sigma_min <= p.blur_sigma_max && p.blur_sigma_max <= 20, "augment", [&] {
    return detail::range_text("the blur's sigma", p.blur_sigma_min, p.blur_sigma_max, "0 < min <= max <= 20 pixels");
  });
  for (auto [name, v] :
       {std::pair{"flip", c.flip}, {"jitter", p.jitter}, {"grey", p.grey}, {"blur", p.blur}, {"solarize", p.solarize}})
    check(v >= 0 && v <= 1, "augment", [&, n = name, x = v] {
      return std::string("the probability ") + n + " is " + std::to_string(x) + "; it must lie in [0, 1]";
    });
  for (auto [name, v] :
       {std::pair{"brightness", p.brightness}, {"contrast", p.contrast}, {"saturation", p.saturation}, {"hue", p.hue}})
    check(v >= 0 && v <= (name[0] == 'h' ? 0.5f : 10.f), "augment", [&, n = name, x = v] {
      return std::string(n) + " is " + std::to_string(x) + "; it must not be negative (hue: at most 0.5 turns)";
    });
}

NACRE_INLINE Canvas canvas(int slot, i64 size, i64 channels) {
  Canvas c{nullptr, size, channels, (size * size + 15) / 16 * 16};
  c.data = detail::grow(detail::scratch().canvas[slot], c.stride * channels);
  for (i64 k = 0; k < channels; ++k) std::fill(c.plane(k) + size * size, c.plane(k) + c.stride, 0.f);
  return c;
}

NACRE_INLINE Box draw_box(const Crop& crop, i64 height, i64 width, Random& random) {
  float h = static_cast<float>(height), w = static_cast<float>(width);
  float log_lo = std::log(crop.ratio_min), log_hi = std::log(crop.ratio_max);
  for (int attempt = 0; attempt < 10; ++attempt) {
    float area = h * w * random.uniform(crop.area_min, crop.area_max);
    float ratio = std::exp(random.uniform(log_lo, log_hi));
    i64 bw = std::lrint(std::sqrt(area * ratio)), bh = std::lrint(std::sqrt(area / ratio));
    if (bw < 1 || bw > width || bh < 1 || bh > height) continue;
    i64 y = random.below(static_cast<u32>(height - bh + 1)), x = random.below(static_cast<u32>(width - bw + 1));
    return {y, x, bh, bw};
  }
  i64 bh = height, bw = width;  // the largest central crop whose ratio is allowed
  if (w / h < crop.ratio_min) bh = std::clamp<i64>(std::lrint(w / crop.ratio_min), 1, height);
  if (w / h > crop.ratio_max) bw = std::clamp<i64>(std::lrint(h * crop.ratio_max), 1, width);
  return {(height - bh) / 2, (width - bw) / 2, bh, bw};
}

NACRE_INLINE Look draw_look(const Photometric& o, Random& random) {
  Look look;
  auto factor = [&](float v) { return random.uniform(std::max(0.f, 1 - v), 1 + v); };
  look.jitter = random.chance(o.jitter);
  shuffle(look.order, 4, random);
  look.brightness = factor(o.brightness);
  look.contrast = factor(o.contrast);
  look.saturation = factor(o.saturation);
  look.hue = random.uniform(-o.hue, o.hue);
  look.grey = random.chance(o.grey);
  look.blur = random.chance(o.blur);
  look.sigma = random.uniform(o.blur_sigma_min, o.blur_sigma_max);
  look.solarize = random.chance(o.solarize);
  look.threshold = o.solarize_threshold;
  return look;
}

NACRE_INLINE void resize(const Picture& picture, Box box, bool flip, Canvas to) {
  i64 shrink = 8;  // the coarsest decode that still has a pixel for every output
  while (shrink > 1 && (box.height < shrink * to.size || box.width < shrink * to.size)) shrink /= 2;
  Pixels pixels = picture.at(shrink);
  float unit = 1 / static_cast<float>(pixels.shrink);  // exact
  detail::Scratch& s = detail::scratch();
  s.x.build(static_cast<float>(box.x) * unit, static_cast<float>(box.width) * unit, to.size);
  s.y.build(static_cast<float>(box.y) * unit, static_cast<float>(box.height) * unit, to.size);
  i64 channels = picture.channels, pitch = pixels.width * channels, n = s.x.length * channels;
  float* row = detail::grow(s.row, (pixels.width + s.x.taps) * channels + 16);
  const u8* origin = pixels.data + s.y.start * pitch + s.x.start * channels;
  backend::simd::run([&] {
    for (i64 y = 0; y < to.size; ++y) {
      const float* wy = s.y.weight.data() + y * s.y.taps;
      const u8* in = origin + s.y.first[y] * pitch;
      float* __restrict r = row;
      for (i64 i = 0; i < n; ++i) r[i] = wy[0] * in[i];
      for (int k = 1; k < s.y.taps; ++k) {
        float w = wy[k];
        if (w == 0) continue;
        const u8* __restrict line = in + k * pitch;
        for (i64 i = 0; i < n; ++i) r[i] += w * line[i];
      }
      for (i64 x = 0; x < to.size; ++x) {
        i64 from = flip ? to.size - 1 - x : x;
        const float* wx = s.x.weight.data() + from * s.x.taps;
        const float* p = row + s.x.first[from] * channels;
        float* out = to.data + y * to.size + x;
        if (channels == 1) {
          float sum = 0;
          for (int k = 0; k < s.x.taps; ++k) sum += wx[k] * p[k];
          out[0] = sum * (1 / 255.f);
        } else {
          detail::Float4 sum = {};
          for (int k = 0; k < s.x.taps; ++k) {
            detail::Float4 v;
            __builtin_memcpy(&v, p + 3 * k, 16);
            sum += v * wx[k];
          }
          sum *= 1 / 255.f;
          out[0] = sum[0];
          out[to.stride] = sum[1];
          out[2 * to.stride] = sum[2];
        }
      }
    }
  });
}

NACRE_INLINE void recolor(Canvas to, const Look& look) {
  bool grey = look.grey && to.channels == 3;
  if (look.jitter || grey)
    backend::simd::run([&] {
      if (look.jitter) detail::jitter(to, look);
      if (!grey) return;
      float *r = to.plane(0), *g = to.plane(1), *b = to.plane(2);
      for (i64 i = 0; i < to.stride; ++i) r[i] = g[i] = b[i] = detail::grey_of(r[i], g[i], b[i]);
    });
  if (look.blur) {
    detail::Scratch& s = detail::scratch();
    float* row = detail::grow(s.row, to.size + 128);
    detail::blur(to, look.sigma, row, detail::grow(s.blurred, to.stride));
  }
  if (look.solarize)
    for (i64 i = 0; i < to.stride * to.channels; ++i)
      to.data[i] = to.data[i] >= look.threshold ? 1 - to.data[i] : to.data[i];
}

NACRE_INLINE void cut(Canvas from, i64 y, i64 x, bool flip, Canvas to) {
  for (i64 c = 0; c < to.channels; ++c)
    for (i64 i = 0; i < to.size; ++i) {
      const float* in = from.plane(c) + (y + i) * from.size + x;
      float* out = to.plane(c) + i * to.size;
      if (flip) std::reverse_copy(in, in + to.size, out);
      else std::copy_n(in, to.size, out);
    }
}

NACRE_INLINE void store(Canvas canvas, const Normalization& normalization, float* out) {
  i64 n = canvas.size * canvas.size;
  if (canvas.channels == 1) {
    float mean = normalization.mean[0], scale = 1 / normalization.std[0];
    for (i64 i = 0; i < n; ++i) out[i] = (canvas.data[i] - mean) * scale;
    return;
  }
  float mean[3], scale[3];
  for (std::size_t c = 0; c < 3; ++c) {
    mean[c] = normalization.mean[c];
    scale[c] = 1 / normalization.std[c];
  }
  const float *r = canvas.plane(0), *g = canvas.plane(1), *b = canvas.plane(2);
  backend::simd::run([&, o = out] {
    float* __restrict q = o;
    for (i64 i = 0; i < n; ++i) {
      q[3 * i] = (r[i] - mean[0]) * scale[0];
      q[3 * i + 1] = (g[i] - mean[1]) * scale[1];
      q[3 * i + 2] = (b[i] - mean[2]) * scale[2];
    }
  });
}

NACRE_INLINE void augment(const Picture& picture, const Augment& options, const Normalization& normalization, Key key,
                          i64 size, float* out) {
  Random random(key);
  Box box = draw_box(options.crop, picture.height, picture.width, random);
  bool flip = random.chance(options.crop.flip);
  Look look = draw_look(options.color, random);
  Canvas c = canvas(0, size, picture.channels);
  resize(picture, box, flip, c);
  recolor(c, look);
  store(c, normalization, out);
}

NACRE_INLINE Tensor<float> evaluation_batch(const Images& images, i64 begin, i64 end, i64 size,
                                            const Normalization& normalization) {
  check(0 <= begin && begin <= end && end <= images.size(), "evaluation_batch", [&] {
    return "[" + std::to_string(begin) + ", " + std::to_string(end) + ") is not inside a set of " +
           std::to_string(images.size()) + " pictures";
  });
  check(size >= 1 && size <= 4096, "evaluation_batch",
        [&] { return "size " + std::to_string(size) + " is not in 1 .. 4096"; });
  check(normalization.known(), "evaluation_batch",
        [] { return std::string("the normalization is not known; take mean_std(training images) or the run's"); });
  i64 channels = images.channels, row = size * size * channels;
  std::vector<float> table(static_cast<std::size_t>(channels) * 256);  // every normalised pixel value, exactly rounded
  for (std::size_t i = 0; i < table.size(); ++i)
    table[i] = (static_cast<float>(i % 256) / 255 - normalization.mean[i / 256]) / normalization.std[i / 256];
  Tensor<float> out({end - begin, size, size, channels});
  parallel_for(end - begin, 8, [&](i64 first, i64 last) {
    for (i64 i = first; i < last; ++i) {
      Picture p = images[begin + i];
      float* to = out.data() + i * row;
      try {
        if (p.height == size && p.width == size) {
          const u8* bytes = p.data();
          for (i64 k = 0; k < row; ++k) to[k] = table[static_cast<std::size_t>(k % channels * 256 + bytes[k])];
          continue;
        }
        i64 side = std::min(p.height, p.width);
        Canvas c = canvas(0, size, channels);
        resize(p, {(p.height - side) / 2, (p.width - side) / 2, side, side}, false, c);
        store(c, normalization, to);
      } catch (const PictureError&) {
        std::fill_n(to, row, 0.f);
      }
    }
  });
  return out;
}

}  // namespace nacre::data
