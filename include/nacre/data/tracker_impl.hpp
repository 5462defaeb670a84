// Definitions of data/tracker.hpp.
#pragma once

#include <nacre/core/parallel.hpp>
#include <nacre/data/tracker.hpp>

#include <algorithm>
#include <tuple>

namespace nacre::data {
namespace detail {

// The largest (grow) or smallest value within `radius` along each row; beyond the edge nothing counts.
inline Tensor<u8> row_extreme(const Tensor<u8>& mask, i64 radius, bool grow) {
  i64 height = mask.dim(0), width = mask.dim(1);
  Tensor<u8> out(mask.shape());
  for (i64 y = 0; y < height; ++y)
    for (i64 x = 0; x < width; ++x) {
      const u8* row = mask.data() + y * width;
      const u8 *from = row + std::max<i64>(0, x - radius), *to = row + std::min(width, x + radius + 1);
      out[y * width + x] = grow ? *std::max_element(from, to) : *std::min_element(from, to);
    }
  return out;
}
inline Tensor<u8> transposed(const Tensor<u8>& mask) {
  Tensor<u8> out({mask.dim(1), mask.dim(0)});
  for (i64 y = 0; y < mask.dim(0); ++y)
    for (i64 x = 0; x < mask.dim(1); ++x) out[x * mask.dim(0) + y] = mask[y * mask.dim(1) + x];
  return out;
}
inline Tensor<u8> square_extreme(const Tensor<u8>& mask, i64 radius, bool grow) {
  return transposed(row_extreme(transposed(row_extreme(mask, radius, grow)), radius, grow));
}

// The box a fraction k / n of the way from a to b; its edges are mixed, so it lies inside wherever both do.
inline Box between(const Box& a, const Box& b, i64 k, i64 n) {
  auto mix = [&](i64 from, i64 to) { return (from * (n - k) + to * k + n / 2) / n; };
  i64 top = mix(a.y, b.y), left = mix(a.x, b.x);
  return {top, left, mix(a.y + a.height, b.y + b.height) - top, mix(a.x + a.width, b.x + b.width) - left};
}

// Where the track's box will be `steps` frames after its last, if it goes on as in its last five frames.
inline Box ahead(const Track& track, i64 steps) {
  i64 back = std::min<i64>(5, track.size() - 1);
  Box box = track.boxes.back();
  if (back == 0) return box;
  const Box& before = track.boxes[track.boxes.size() - 1 - static_cast<std::size_t>(back)];
  auto moved = [&](i64 from, i64 to) { return (to - from) * steps / (2 * back); };  // of the middle, doubled
  box.y += moved(2 * before.y + before.height, 2 * box.y + box.height);
  box.x += moved(2 * before.x + before.width, 2 * box.x + box.width);
  return box;
}

}  // namespace detail

NACRE_INLINE Tensor<u8> median_background(const Clips& clips, i64 clip, i64 samples) {
  const Clip& c = clips[clip];
  i64 n = std::min(samples, c.size());
  check(n >= 1, "median_background", [&] { return "samples is " + std::to_string(samples) + "; need at least 1"; });
  std::vector<Picture> pictures;
  for (i64 k = 0; k < n; ++k) {
    pictures.push_back(clips.frames[c.begin + (2 * k + 1) * c.size() / (2 * n)]);
    pictures.back().data();  // a set in files decodes here, once
    check<DataError>(pictures[0].height == pictures.back().height && pictures[0].width == pictures.back().width,
                     "median_background", [&] { return "the frames of clip '" + c.name + "' differ in size"; });
  }
  Tensor<u8> out({pictures[0].height, pictures[0].width, clips.frames.channels});
  parallel_for(out.size(), 1 << 14, [&](i64 begin, i64 end) {
    std::vector<u8> values(static_cast<std::size_t>(n));
    for (i64 i = begin; i < end; ++i) {
      for (std::size_t k = 0; k < values.size(); ++k) values[k] = pictures[k].data()[i];
      auto middle = values.begin() + n / 2;
      std::nth_element(values.begin(), middle, values.end());
      out[i] = *middle;
    }
  });
  return out;
}

NACRE_INLINE Tensor<u8> foreground(const Picture& frame, const Tensor<u8>& background, int threshold) {
  check(background.shape() == Shape{frame.height, frame.width, frame.channels}, "foreground", [&] {
    return "the background is " + background.shape().str() + ", the frame " + std::to_string(frame.height) + " x " +
           std::to_string(frame.width);
  });
  Tensor<u8> mask({frame.height, frame.width});
  const u8 *p = frame.data(), *b = background.data();
  for (i64 i = 0; i < mask.size(); ++i) {
    bool differs = false;
    for (i64 c = 0; c < frame.channels; ++c, ++p, ++b) differs = differs || std::abs(*p - *b) > threshold;
    mask[i] = differs;
  }
  return mask;
}

NACRE_INLINE Tensor<u8> close_mask(const Tensor<u8>& mask, i64 radius) {
  if (radius < 1) return mask;
  return detail::square_extreme(detail::square_extreme(mask, radius, true), radius, false);
}

NACRE_INLINE std::vector<Box> connected_boxes(const Tensor<u8>& mask, i64 min_area, i64 min_side) {
  check(mask.rank() == 2, "connected_boxes", [&] { return "mask is " + mask.shape().str() + "; need [H, W]"; });
  i64 height = mask.dim(0), width = mask.dim(1);
  Tensor<u8> left = mask.clone();  // not yet visited
  std::vector<Box> boxes;
  std::vector<i64> stack;
  for (i64 start = 0; start < left.size(); ++start) {
    if (!left[start]) continue;
    i64 top = height, bottom = -1, first = width, last = -1, area = 0;
    left[start] = 0;
    stack.push_back(start);
    while (!stack.empty()) {
      i64 y = stack.back() / width, x = stack.back() % width;
      stack.pop_back();
      ++area;
      top = std::min(top, y);
      bottom = std::max(bottom, y);
      first = std::min(first, x);
      last = std::max(last, x);
      for (i64 j = std::max<i64>(0, y - 1); j <= std::min(height - 1, y + 1); ++j)
        for (i64 i = std::max<i64>(0, x - 1); i <= std::min(width - 1, x + 1); ++i)
          if (left[j * width + i]) {
            left[j * width + i] = 0;
            stack.push_back(j * width + i);
          }
    }
    Box box{top, first, bottom - top + 1, last - first + 1};
    if (area >= min_area && box.height >= min_side && box.width >= min_side) boxes.push_back(box);
  }
  return boxes;
}

NACRE_INLINE double overlap(const Box& a, const Box& b) {
  i64 h = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  i64 w = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  if (h <= 0 || w <= 0) return 0;
  i64 both = h * w;
  return static_cast<double>(both) / static_cast<double>(a.height * a.width + b.height * b.width - both);
}

NACRE_INLINE std::vector<Track> link_boxes(const std::vector<std::vector<Box>>& frames, i64 clip,
                                           const TrackerOptions& o) {
  std::vector<Track> all;
  std::vector<std::size_t> open;  // of `all`: tracks that may go on
  for (i64 f = 0; f < static_cast<i64>(frames.size()); ++f) {
    const std::vector<Box>& boxes = frames[static_cast<std::size_t>(f)];
    std::erase_if(open, [&](std::size_t t) { return f - (all[t].first + all[t].size()) > o.gap; });
    std::vector<std::tuple<double, std::size_t, std::size_t>> pairs;  // - overlap, track, box
    for (std::size_t t : open) {
      Box expected = detail::ahead(all[t], f - (all[t].first + all[t].size()) + 1);
      for (std::size_t b = 0; b < boxes.size(); ++b)
        if (double v = overlap(expected, boxes[b]); v >= o.overlap) pairs.emplace_back(-v, t, b);
    }
    std::sort(pairs.begin(), pairs.end());
    std::vector<bool> taken(boxes.size());
    for (auto [v, t, b] : pairs) {
      Track& track = all[t];
      i64 missing = f - (track.first + track.size());
      if (missing < 0 || taken[b]) continue;  // the track has its box of this frame, or the box its track
      taken[b] = true;
      Box from = track.boxes.back();
      for (i64 k = 1; k <= missing + 1; ++k) track.boxes.push_back(detail::between(from, boxes[b], k, missing + 1));
    }
    for (std::size_t b = 0; b < boxes.size(); ++b)
      if (!taken[b]) {
        open.push_back(all.size());
        all.push_back({clip, f, {boxes[b]}});
      }
  }
  std::erase_if(all, [&](const Track& t) { return t.size() < o.min_length; });
  return all;
}

NACRE_INLINE std::vector<Track> track_objects(const Clips& clips, const TrackerOptions& o) {
  bool counts = o.samples >= 1 && o.min_area >= 1 && o.min_side >= 1 && o.min_length >= 1;
  check(counts && o.threshold >= 0 && o.close >= 0 && o.gap >= 0 && o.overlap > 0 && o.overlap <= 1, "track_objects",
        [&] {
          auto say = [](std::string name, auto value) { return name + " " + std::to_string(value) + ", "; };
          return say("samples", o.samples) + say("min_area", o.min_area) + say("min_side", o.min_side) +
                 say("min_length", o.min_length) + say("threshold", o.threshold) + say("close", o.close) +
                 say("gap", o.gap) + say("overlap", o.overlap) +
                 "but the first four must be at least 1, none below 0, and overlap in (0, 1]";
        });
  std::vector<Track> all;
  for (i64 c = 0; c < clips.size(); ++c) {
    Tensor<u8> background = median_background(clips, c, o.samples);
    std::vector<std::vector<Box>> boxes(static_cast<std::size_t>(clips[c].size()));
    parallel_for(clips[c].size(), 4, [&](i64 begin, i64 end) {
      for (i64 f = begin; f < end; ++f)
        boxes[static_cast<std::size_t>(f)] =
            connected_boxes(close_mask(foreground(clips.frames[clips[c].begin + f], background, o.threshold), o.close),
                            o.min_area, o.min_side);
    });
    for (Track& t : link_boxes(boxes, c, o)) all.push_back(std::move(t));
  }
  return all;
}

}  // namespace nacre::data
