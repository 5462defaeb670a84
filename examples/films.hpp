// Films for the lessons 09 and 10, and what is asked of them. Those of Debian's opencv-doc (apt-get install
// opencv-doc), read by FFmpeg's libraries; where one of the two is missing, sprites that walk through a room.
#pragma once

#include <nacre/data/file.hpp>
#if __has_include(<libavformat/avformat.h>)
#include <nacre/data/ffmpeg.hpp>
#else
#include <nacre/data/clips.hpp>
#endif
#include <nacre/data/augment.hpp>
#include <nacre/eval/retrieval.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace lesson {

namespace nc = nacre;
using nc::i64;

// A still camera: a scene, and striped sprites that cross it, each at its own time, height, speed and colours.
inline nc::data::Video sprites(nc::u64 seed, i64 frames, i64 height, i64 width) {
  nc::Random random(nc::Key{seed});
  nc::data::Video film{nc::Tensor<nc::u8>({frames, height, width, 3}), "sprites " + std::to_string(seed), 10};
  i64 size = height * width * 3, tall = height / 3, wide = height / 6;
  for (i64 i = 0; i < size; ++i) film.frames[i] = static_cast<nc::u8>(90 + random.below(60));
  for (i64 f = 1; f < frames; ++f) std::copy_n(film.frames.data(), size, film.frames.data() + f * size);
  for (i64 start = 0; start < frames; start += 12) {
    nc::u32 color[2] = {random.word(), random.word()};
    i64 top = random.below(static_cast<nc::u32>(height - tall)), speed = 1 + random.below(3);
    bool left = random.chance(0.5f);
    for (i64 f = start; f < frames; ++f) {
      i64 way = (f - start) * speed, x0 = left ? way - wide : width - way;
      for (i64 y = top; y < top + tall; ++y)
        for (i64 x = std::max<i64>(0, x0); x < std::min(width, x0 + wide); ++x)
          for (i64 c = 0; c < 3; ++c)
            film.frames[f * size + (y * width + x) * 3 + c] =
                static_cast<nc::u8>(color[(y - top) * 4 / tall % 2] >> (8 * c));
    }
  }
  return film;
}

// People walk past a camera that stands still: 80 seconds, 10 frames a second.
inline nc::data::Clips walkers(i64 side) {
#if __has_include(<libavformat/avformat.h>)
  const std::string file = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
  if (nc::data::is_file(file)) return nc::data::make_clips({nc::data::read_video(file, {.side = side})}, "walkers");
#endif
  return nc::data::make_clips({sprites(1, 600, side * 3 / 4, side)}, "sprites");
}

// Five films: people walking, a tree, a cartoon, a box and a cup filmed by hand.
inline nc::data::Clips films(i64 side) {
  std::vector<nc::data::Video> all;
#if __has_include(<libavformat/avformat.h>)
  const std::string root = "/usr/share/doc/opencv-doc/";
  for (const char* name : {"examples/data/vtest.avi", "examples/data/tree.avi", "examples/data/Megamind.avi",
                           "opencv4/html/box.mp4.gz", "opencv4/html/cup.mp4.gz"})
    if (nc::data::is_file(root + name)) all.push_back(nc::data::read_video(root + name, {.side = side}));
#endif
  for (nc::u64 seed = 1; all.size() < 5; ++seed) all.push_back(sprites(seed, 200, side * 3 / 4, side));
  return nc::data::make_clips(all, "films");
}

// Is the nearest frame of the same clip, `apart` frames away at least? embed: pictures [n, S, S, C] -> [n, ..].
template <class F>
nc::eval::Retrieval ask(const nc::data::Clips& clips, i64 size, i64 apart, const nc::data::Normalization& norm,
                        const F& embed) {
  i64 n = clips.frames.size();
  nc::Tensor<i64> frame({n});
  for (i64 i = 0; i < n; ++i) frame[i] = i - clips[clips.clip_of(i)].begin;
  auto rows = embed(nc::data::evaluation_batch(clips.frames, 0, n, size, norm));
  return nc::eval::retrieval(rows, clips.frames.labels, frame, apart);
}

}  // namespace lesson
