// Definitions of data/dataset.hpp.
#pragma once

#include <nacre/data/dataset.hpp>

#include <cmath>
#include <cstring>
#include <map>
#include <mutex>

namespace nacre::data {
namespace detail {

// 64 bits over a row of bytes: four independent multiply-rotate lanes of 8 bytes, about 10 GB/s.
struct Checksum {
  u64 value = 0x9E3779B97F4A7C15u;

  void add(const void* bytes, std::size_t n) {
    constexpr u64 a = 0x87C37B91114253D5u, b = 0x4CF5AD432745937Fu;
    const char* p = static_cast<const char*>(bytes);
    u64 lane[4] = {value, value ^ a, value ^ b, ~value};
    auto mix = [&](u64& lane_value, u64 word) {
      lane_value = (lane_value ^ word) * a;
      lane_value ^= lane_value >> 29;
    };
    std::size_t i = 0;
    for (; i + 32 <= n; i += 32)
      for (int k = 0; k < 4; ++k) {
        u64 word;
        std::memcpy(&word, p + i + 8 * static_cast<std::size_t>(k), 8);
        mix(lane[k], word);
      }
    u64 word = 0;
    for (; i < n; ++i) {
      word = (word << 8) | static_cast<unsigned char>(p[i]);
      if (i % 8 == 7) mix(lane[0], word);
    }
    mix(lane[0], word);
    mix(lane[0], n);
    value = 0;
    for (u64 l : lane) value = (value ^ l) * b ^ (value >> 31);
    value ^= value >> 32;
  }
  void add(const std::string& s) { add(s.data(), s.size()); }
  std::string hex() const {
    std::string s(16, '0');
    for (int i = 0; i < 16; ++i) s[static_cast<std::size_t>(i)] = "0123456789abcdef"[(value >> (60 - 4 * i)) & 15];
    return s;
  }
};

}  // namespace detail

struct PictureErrors {
  std::map<std::string, std::string> why;  // by file
  std::mutex mutex;
};

NACRE_INLINE Pixels Picture::at(i64 shrink) const {
  if (memory) return {memory, width, 1};
  if (decoded_shrink == 0 || decoded_shrink > shrink) try {
      decoded_shrink = 0;
      decoded = decode(*file, shrink);
      i64 by = decoded.dim(0) == height && decoded.dim(1) == width ? 1 : shrink;
      check<DataError>(decoded.shape() == Shape{(height + by - 1) / by, (width + by - 1) / by, channels}, "decode",
                       [&] { return *file + " has another size than when the set was opened"; });
      decoded_shrink = by;
    } catch (const DataError& e) {
      if (errors) {
        std::lock_guard lock(errors->mutex);
        errors->why.emplace(*file, e.what());
      }
      throw PictureError(e.what());
    }
  return {decoded.data(), decoded.dim(1), decoded_shrink};
}

NACRE_INLINE std::vector<std::string> Images::unreadable() const {
  std::vector<std::string> out;
  if (!errors) return out;
  std::lock_guard lock(errors->mutex);
  for (const auto& [file, why] : errors->why) out.push_back(why);
  return out;
}

NACRE_INLINE void seal(Images& images) {
  detail::Checksum sum;
  sum.add(images.name);
  for (const std::string& c : images.classes) sum.add(c);
  i64 n = images.size(), c = images.channels;
  sum.add(&n, sizeof n);
  sum.add(&c, sizeof c);
  if (images.dense() && n > 0) sum.add(images.pixels.shape().begin(), 4 * sizeof(i64));
  sum.add(images.extents.data(), images.extents.size() * sizeof(Extent));
  sum.add(images.labels.data(), static_cast<std::size_t>(images.labels.size()) * sizeof(i64));
  sum.add(images.pixels.data(), static_cast<std::size_t>(images.pixels.size()));
  images.fingerprint = sum.hex();
}

NACRE_INLINE Images make_images(Tensor<u8> pixels, Tensor<i64> labels, std::string name) {
  check(pixels.rank() == 4 && (pixels.dim(3) == 1 || pixels.dim(3) == 3), "make_images",
        [&] { return "pixels must be [N, H, W, C] with C 1 or 3, got " + pixels.shape().str(); });
  check(labels.empty() || labels.shape() == Shape{pixels.dim(0)}, "make_images", [&] {
    return "labels must be [" + std::to_string(pixels.dim(0)) + "], one a picture, got " + labels.shape().str();
  });
  Images images;
  images.channels = pixels.dim(3);
  images.pixels = std::move(pixels);
  images.labels = std::move(labels);
  images.name = std::move(name);
  seal(images);
  return images;
}

NACRE_INLINE Images subset(const Images& images, const std::vector<i64>& indices) {
  i64 n = static_cast<i64>(indices.size()), bytes = 0;
  for (i64 i : indices) {
    check(i >= 0 && i < images.size(), "subset", [&] {
      return "index " + std::to_string(i) + " is not inside a set of " + std::to_string(images.size()) + " pictures";
    });
    Picture p = images[i];
    bytes += p.memory ? p.height * p.width * p.channels : 0;
  }
  Images out;
  out.channels = images.channels;
  out.classes = images.classes;
  out.name = images.name;
  out.skipped = images.skipped;
  out.decode = images.decode;
  out.errors = images.errors;
  out.pixels = images.dense() ? Tensor<u8>(images.pixels.shape().with(0, n)) : Tensor<u8>({bytes});
  if (images.labelled()) out.labels = Tensor<i64>({n});
  i64 at = 0;
  for (i64 k = 0; k < n; ++k) {
    i64 i = indices[static_cast<std::size_t>(k)];
    Picture p = images[i];
    if (images.labelled()) out.labels[k] = images.labels[i];
    if (!p.memory) {
      out.files.push_back(*p.file);
      out.extents.push_back(images.extents[static_cast<std::size_t>(i)]);
      continue;
    }
    i64 size = p.height * p.width * p.channels;
    std::memcpy(out.pixels.data() + at, p.memory, static_cast<std::size_t>(size));
    if (!images.dense()) out.extents.push_back({at, p.height, p.width});
    at += size;
  }
  seal(out);
  return out;
}

NACRE_INLINE Images limit(const Images& images, i64 n, Key key) {
  check(n >= 0, "limit",
        [&] { return "n is " + std::to_string(n) + "; give the number of pictures to keep, or 0 for all"; });
  if (n == 0 || n >= images.size()) return images;
  std::vector<i64> indices(static_cast<std::size_t>(n));
  for (i64 i = 0; i < n; ++i)
    indices[static_cast<std::size_t>(i)] =
        static_cast<i64>(permute(key.fold("limit"), static_cast<u64>(i), static_cast<u64>(images.size())));
  return subset(images, indices);
}

NACRE_INLINE Normalization mean_std(const Images& images) {
  Normalization result;
  i64 channels = images.channels;
  u64 sum[3] = {}, squares[3] = {}, count = 0;
  i64 stride = images.files.empty() ? 1 : (images.size() + 4095) / 4096;
  for (i64 i = 0; i < images.size(); i += stride) {
    Picture p = images[i];
    const u8* bytes = nullptr;
    try {
      bytes = p.data();
    } catch (const PictureError&) {
      continue;
    }
    i64 area = p.height * p.width;
    for (i64 c = 0; c < channels; ++c) {
      u64 s = 0, q = 0;
      for (i64 k = 0; k < area; ++k) {
        u64 v = bytes[k * channels + c];
        s += v;
        q += v * v;
      }
      sum[c] += s;
      squares[c] += q;
    }
    count += static_cast<u64>(area);
  }
  check<DataError>(count > 0 || images.size() == 0, "mean_std",
                   [&] { return "none of the pictures of '" + images.name + "' that were looked at can be read"; });
  for (i64 c = 0; c < 3; ++c) {
    i64 from = c < channels ? c : 0;  // a grey set has three equal channels
    double n = count > 0 ? static_cast<double>(count) : 1, mean = static_cast<double>(sum[from]) / n;
    double variance = static_cast<double>(squares[from]) / n - mean * mean;
    double std = variance > 1e-6 ? std::sqrt(variance) / 255 : 1;
    result.mean[static_cast<std::size_t>(c)] = static_cast<float>(mean / 255);
    result.std[static_cast<std::size_t>(c)] = static_cast<float>(std);
  }
  return result;
}

}  // namespace nacre::data
