// Definitions of data/clips.hpp.
#pragma once

#include <nacre/data/clips.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace nacre::data {
namespace detail {

// The frames of `clips` in the named ranges, as a set of their own.
inline Clips pick(const Clips& clips, const std::vector<Clip>& ranges) {
  std::vector<i64> indices;
  Clips out;
  for (const Clip& r : ranges) {
    Clip c = r;
    c.begin = static_cast<i64>(indices.size());
    for (i64 i = r.begin; i < r.end; ++i) indices.push_back(i);
    c.end = static_cast<i64>(indices.size());
    out.clips.push_back(std::move(c));
  }
  out.frames = subset(clips.frames, indices);
  out.frames.labels = Tensor<i64>({out.frames.size()});
  out.frames.classes.clear();
  for (i64 c = 0; c < out.size(); ++c) {
    for (i64 i = out[c].begin; i < out[c].end; ++i) out.frames.labels[i] = c;
    out.frames.classes.push_back(out[c].name);
  }
  seal(out.frames);
  return out;
}

}  // namespace detail

NACRE_INLINE i64 Clips::clip_of(i64 frame) const {
  check(frame >= 0 && frame < frames.size(), "clips", [&] {
    return "frame " + std::to_string(frame) + " is not inside a set of " + std::to_string(frames.size()) + " frames";
  });
  auto after = std::upper_bound(clips.begin(), clips.end(), frame, [](i64 f, const Clip& c) { return f < c.begin; });
  return static_cast<i64>(after - clips.begin()) - 1;
}

NACRE_INLINE Clips make_clips(const std::vector<Video>& videos, const std::string& name) {
  check(!videos.empty(), "make_clips", [] { return std::string("no video is given"); });
  i64 n = 0, bytes = 0, channels = videos[0].frames.rank() == 4 ? videos[0].frames.dim(3) : 0;
  bool same = true;
  for (const Video& v : videos) {
    const Shape& s = v.frames.shape();
    check(s.rank() == 4 && s.size() > 0 && (s[3] == 1 || s[3] == 3) && s[3] == channels, "make_clips", [&] {
      return "the frames of '" + v.name + "' are " + s.str() +
             "; need [n, H, W, C], n at least 1, C 1 or 3 and the same in all videos";
    });
    n += s[0];
    bytes += s.size();
    same = same && s[1] == videos[0].frames.dim(1) && s[2] == videos[0].frames.dim(2);
  }
  Clips out;
  out.frames.channels = channels;
  out.frames.name = name;
  out.frames.pixels = Tensor<u8>({bytes});
  out.frames.labels = Tensor<i64>({n});
  i64 at = 0, frame = 0;
  for (const Video& v : videos) {
    const Shape& s = v.frames.shape();
    std::memcpy(out.frames.pixels.data() + at, v.frames.data(), static_cast<std::size_t>(s.size()));
    for (i64 i = 0; i < s[0]; ++i) {
      out.frames.labels[frame + i] = out.size();
      if (!same) out.frames.extents.push_back({at + i * (s.size() / s[0]), s[1], s[2]});
    }
    out.clips.push_back({frame, frame + s[0], v.name, v.fps});
    out.frames.classes.push_back(v.name);
    at += s.size();
    frame += s[0];
  }
  if (same) out.frames.pixels = out.frames.pixels.reshape(videos[0].frames.shape().with(0, n));
  seal(out.frames);
  return out;
}

NACRE_INLINE Clips part(const Clips& clips, double from, double to) {
  check(0 <= from && from < to && to <= 1, "part", [&] {
    return "[" + std::to_string(from) + ", " + std::to_string(to) + ") is not inside [0, 1)";
  });
  std::vector<Clip> ranges;
  for (Clip c : clips.clips) {
    double length = static_cast<double>(c.size());
    i64 begin = c.begin;
    c.begin = begin + std::llround(from * length);
    c.end = begin + std::llround(to * length);
    if (c.size() > 0) ranges.push_back(std::move(c));
  }
  return detail::pick(clips, ranges);
}

NACRE_INLINE Clips cut_clips(const Clips& clips, i64 length) {
  check(length >= 1, "cut_clips", [&] { return "length is " + std::to_string(length) + "; need at least 1 frame"; });
  std::vector<Clip> ranges;
  for (const Clip& c : clips.clips)
    for (i64 k = 0; (k + 1) * length <= c.size(); ++k)
      ranges.push_back(
          {c.begin + k * length, c.begin + (k + 1) * length, c.name + ":" + std::to_string(k), c.fps});
  return detail::pick(clips, ranges);
}

NACRE_INLINE Clips clips_of_labels(Images frames, double fps) {
  check(frames.labelled(), "clips_of_labels", [] { return std::string("the frames have no labels"); });
  Clips out;
  for (i64 i = 0; i < frames.size(); ++i) {
    i64 label = frames.labels[i];
    check(label >= 0 && (label == out.size() || label == out.size() - 1), "clips_of_labels", [&] {
      return "frame " + std::to_string(i) + " has label " + std::to_string(label) + " after clip " +
             std::to_string(out.size() - 1) + "; labels must be 0, 0, .., 1, 1, ..";
    });
    if (label == out.size()) {
      std::size_t c = static_cast<std::size_t>(label);
      out.clips.push_back({i, i, c < frames.classes.size() ? frames.classes[c] : "clip " + std::to_string(c), fps});
    }
    out.clips.back().end = i + 1;
  }
  out.frames = std::move(frames);
  return out;
}

NACRE_INLINE Shape fitted(i64 height, i64 width, i64 side) {
  i64 longer = std::max(height, width);
  if (side <= 0 || longer <= side) return {height, width};
  auto scaled = [&](i64 x) { return std::max<i64>(1, (2 * x * side + longer) / (2 * longer)); };
  return {scaled(height), scaled(width)};
}

NACRE_INLINE Tensor<u8> shrink_area(const Tensor<u8>& picture, i64 height, i64 width) {
  check(picture.rank() == 3 && height >= 1 && width >= 1 && height <= picture.dim(0) && width <= picture.dim(1),
        "shrink_area", [&] {
          return "picture " + picture.shape().str() + " cannot shrink to " + std::to_string(height) + " x " +
                 std::to_string(width) + "; need [H, W, C] of at least that size";
        });
  i64 full_height = picture.dim(0), full_width = picture.dim(1), channels = picture.dim(2);
  if (height == full_height && width == full_width) return picture;
  Tensor<u8> out({height, width, channels});
  // In units of 1 / height and 1 / width of a pixel all is whole: output y covers [y H, (y + 1) H) of them.
  std::vector<i64> sum(static_cast<std::size_t>(channels));
  i64 area = full_height * full_width;
  for (i64 y = 0; y < height; ++y)
    for (i64 x = 0; x < width; ++x) {
      std::fill(sum.begin(), sum.end(), 0);
      i64 top = y * full_height, bottom = top + full_height, left = x * full_width, right = left + full_width;
      for (i64 i = top / height; i * height < bottom; ++i) {
        i64 rows = std::min(bottom, (i + 1) * height) - std::max(top, i * height);
        for (i64 j = left / width; j * width < right; ++j) {
          i64 weight = rows * (std::min(right, (j + 1) * width) - std::max(left, j * width));
          const u8* pixel = picture.data() + (i * full_width + j) * channels;
          for (i64 c = 0; c < channels; ++c) sum[static_cast<std::size_t>(c)] += weight * pixel[c];
        }
      }
      u8* to = out.data() + (y * width + x) * channels;
      for (i64 total : sum) *to++ = static_cast<u8>((2 * total + area) / (2 * area));
    }
  return out;
}

}  // namespace nacre::data
