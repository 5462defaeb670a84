// Frames of one video that show nearly the same: drawn near one another in time, or far from one another.
//
//   sample b: a frame f of clip c          view 0 is f, views 1 .. V - 1 are drawn within positive_radius of it;
//                                          with `far` one more view, at negative_radius or beyond, of the same clip
//   image [V B, S, S, C], clip [V B], frame [V B] (its number in the clip); view v of sample b in row v B + b
//
// What is related to what follows from clip and frame (losses::frame_relations). A clip of one frame is its own
// partner. A far view makes negatives that look alike; where the clip is too short for one, a near one stands there.
// share_crop gives all views of a sample the same part of the frame, and the same mirroring: what then differs is
// motion and colour (Qian et al., "Spatiotemporal contrastive video representation learning", 2021).
// Frames next to each other nearly are copies: what makes them a task is the crop and the colours, so keep those.
// Tested in tests/pretext/frame_pairs.cpp.
#pragma once

#include <nacre/data/augment.hpp>
#include <nacre/data/batch.hpp>
#include <nacre/data/clips.hpp>

#include <algorithm>
#include <memory>

namespace nacre::pretext {

struct FramePairSampler {
  i64 positive_radius = 2;   // frames
  i64 negative_radius = 10;  // frames; not used unless far frames are drawn

  // A frame of the clip at most positive_radius from `frame`, each equally often, never `frame` unless it is alone.
  i64 near(const data::Clip& clip, i64 frame, Random& random) const {
    i64 low = std::max(clip.begin, frame - positive_radius), high = std::min(clip.end - 1, frame + positive_radius);
    if (low == high) return frame;
    i64 drawn = low + random.below(static_cast<u32>(high - low));
    return drawn + (drawn >= frame ? 1 : 0);
  }
  // A frame of the clip at least negative_radius from `frame`, each equally often; -1 where there is none.
  i64 far(const data::Clip& clip, i64 frame, Random& random) const {
    i64 before = std::max<i64>(0, frame - negative_radius - clip.begin + 1);
    i64 after = std::max<i64>(0, clip.end - frame - negative_radius);
    if (before + after == 0) return -1;
    i64 drawn = random.below(static_cast<u32>(before + after));
    return drawn < before ? clip.begin + drawn : frame + negative_radius + drawn - before;
  }
};

// Frames of a set of clips, as views of a loader over clips.frames. Copies share the clips.
struct FramePairViews {
  std::shared_ptr<const data::Clips> clips = {};
  FramePairSampler sampler = {};
  i64 image = 64;                          // S, pixels
  i64 count = 2;                           // V, without the far view
  bool far = false;
  bool share_crop = false;
  data::Augment augment = data::simclr();

  i64 views() const { return count + (far ? 1 : 0); }

  void prepare(Batch& b, i64 batch, i64 channels) const {
    data::reuse(b.image, {views() * batch, image, image, channels});
    data::reuse(b.clip, {views() * batch});
    data::reuse(b.frame, {views() * batch});
  }
  void fill(Batch& b, i64 row, const data::Picture& picture, const data::Normalization& n, Key key) const {
    i64 own = b.index[row], c = clips->clip_of(own);
    const data::Clip& clip = (*clips)[c];
    Random random(key.fold("partner"));
    for (i64 v = 0; v < views(); ++v) {
      i64 frame = v == 0 ? own : v < count ? sampler.near(clip, own, random) : sampler.far(clip, own, random);
      if (frame < 0) frame = sampler.near(clip, own, random);
      put(b, row, v, c, frame, frame == own ? picture : clips->frames[frame], n, key);
    }
  }

  // Writes view v of a sample: `frame` counts in the set.
  void put(Batch& b, i64 row, i64 v, i64 clip, i64 frame, const data::Picture& picture, const data::Normalization& n,
           Key key) const {
    i64 to = v * (b.image.dim(0) / views()) + row;
    Random crop(key.fold("crop").fold(share_crop ? 0 : static_cast<u64>(v)));
    Random color(key.fold("color").fold(static_cast<u64>(v)));
    data::Box box = data::draw_box(augment.crop, picture.height, picture.width, crop);
    data::Canvas canvas = data::canvas(0, image, picture.channels);
    data::resize(picture, box, crop.chance(augment.crop.flip), canvas);
    data::recolor(canvas, data::draw_look(augment.color, color));
    data::store(canvas, n, b.image.data() + to * image * image * picture.channels);
    b.clip[to] = clip;
    b.frame[to] = frame - (*clips)[clip].begin;
  }
};

// Checked options. Throws nacre::Error.
inline FramePairViews frame_pairs(const data::Clips& clips, FramePairViews options = {}) {
  const FramePairSampler& s = options.sampler;
  check(options.image >= 1 && options.image <= 4096 && options.count >= 1, "frame_pairs", [&] {
    return "image " + std::to_string(options.image) + " must lie in 1 .. 4096 and count " +
           std::to_string(options.count) + " be at least 1";
  });
  check(1 <= s.positive_radius && s.positive_radius < s.negative_radius, "frame_pairs", [&] {
    return "positive_radius " + std::to_string(s.positive_radius) + ", negative_radius " +
           std::to_string(s.negative_radius) + "; need 1 <= positive_radius < negative_radius";
  });
  check(clips.size() > 0, "frame_pairs", [] { return std::string("there are no clips"); });
  data::validate(options.augment);
  options.clips = std::make_shared<data::Clips>(clips);
  return options;
}

}  // namespace nacre::pretext
