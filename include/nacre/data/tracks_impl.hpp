// Definitions of data/tracks.hpp.
#pragma once

#include <nacre/core/parallel.hpp>
#include <nacre/data/tracks.hpp>
#include <nacre/io/file.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

namespace nacre::data {
namespace detail {

inline constexpr const char* track_columns = "clip,track,frame,x,y,width,height";

// Whether the box lies inside the frame, which must exist.
inline bool inside(const Clips& clips, i64 clip, i64 frame, const Box& box) {
  const Clip& c = clips[clip];
  Picture p = clips.frames[c.begin + frame];
  return box.x >= 0 && box.y >= 0 && box.width >= 1 && box.height >= 1 && box.width <= p.width - box.x &&
         box.height <= p.height - box.y;
}

}  // namespace detail

NACRE_INLINE std::vector<Track> read_tracks(const std::string& path, const Clips& clips) {
  std::string text = io::read_file(path, u64{1} << 30);
  std::vector<Track> tracks;
  std::map<std::pair<i64, i64>, std::size_t> known;  // (clip, name in the file) -> place in tracks
  std::size_t at = 0;
  for (i64 line = 1; at < text.size(); ++line) {
    std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view row(text.data() + at, end - at);
    at = end + 1;
    if (row.ends_with('\r')) row.remove_suffix(1);
    auto expect = [&](bool ok, const std::string& rule) {
      check<DataError>(ok, "read_tracks", [&] { return path + ", line " + std::to_string(line) + ": " + rule; });
    };
    if (line == 1) {
      expect(row == detail::track_columns, std::string("must be ") + detail::track_columns);
      continue;
    }
    i64 value[7];
    const char *p = row.data(), *stop = p + row.size();
    for (int k = 0; k < 7; ++k) {
      auto [next, error] = std::from_chars(p, stop, value[k]);
      bool separated = k < 6 ? next < stop && *next == ',' : next == stop;
      expect(error == std::errc() && separated, "needs seven whole numbers with commas between");
      p = next + 1;
    }
    i64 clip = value[0], frame = value[2];
    Box box{value[4], value[3], value[6], value[5]};
    expect(clip >= 0 && clip < clips.size(), "clip " + std::to_string(clip) + " is not in 0 .. " +
                                                 std::to_string(clips.size() - 1));
    expect(frame >= 0 && frame < clips[clip].size(), "frame " + std::to_string(frame) + " is not in 0 .. " +
                                                         std::to_string(clips[clip].size() - 1));
    expect(detail::inside(clips, clip, frame, box), "the box is empty or not inside its picture");
    auto [place, fresh] = known.try_emplace({clip, value[1]}, tracks.size());
    if (fresh) tracks.push_back({clip, frame, {}});
    Track& t = tracks[place->second];
    expect(frame == t.first + t.size(), "frame " + std::to_string(frame) + " of track " + std::to_string(value[1]) +
                                            " follows frame " + std::to_string(t.first + t.size() - 1));
    t.boxes.push_back(box);
  }
  check<DataError>(!tracks.empty(), "read_tracks", [&] { return path + " holds no boxes"; });
  return tracks;
}

NACRE_INLINE void write_tracks(const std::string& path, const std::vector<Track>& tracks) {
  std::string text = std::string(detail::track_columns) + "\n";
  for (std::size_t t = 0; t < tracks.size(); ++t)
    for (i64 k = 0; k < tracks[t].size(); ++k) {
      const Box& b = tracks[t].boxes[static_cast<std::size_t>(k)];
      for (i64 v : {tracks[t].clip, static_cast<i64>(t), tracks[t].first + k, b.x, b.y, b.width, b.height})
        text += std::to_string(v) + ",";
      text.back() = '\n';
    }
  io::replace_file(path, text);
}

NACRE_INLINE Clips track_clips(const Clips& clips, const std::vector<Track>& tracks, i64 size) {
  check(size >= 1 && size <= 4096 && !tracks.empty(), "track_clips", [&] {
    return std::to_string(tracks.size()) + " tracks, size " + std::to_string(size) +
           "; need at least one track, and a size in 1 .. 4096";
  });
  std::vector<Video> videos;
  for (std::size_t t = 0; t < tracks.size(); ++t) {
    const Track& track = tracks[t];
    check(track.clip >= 0 && track.clip < clips.size() && track.first >= 0 && track.size() >= 1 &&
              track.first + track.size() <= clips[track.clip].size(),
          "track_clips", [&] { return "track " + std::to_string(t) + " is empty or leaves its clip"; });
    i64 channels = clips.frames.channels, pixels = size * size;
    Video v{Tensor<u8>({track.size(), size, size, channels}), "track " + std::to_string(t), clips[track.clip].fps};
    parallel_for(track.size(), 8, [&](i64 begin, i64 end) {
      for (i64 k = begin; k < end; ++k) {
        const Box& box = track.boxes[static_cast<std::size_t>(k)];
        check(detail::inside(clips, track.clip, track.first + k, box), "track_clips", [&] {
          return "box " + std::to_string(k) + " of track " + std::to_string(t) + " is not inside its picture";
        });
        Canvas canvas = data::canvas(0, size, channels);
        resize(clips.frames[clips[track.clip].begin + track.first + k], box, false, canvas);
        u8* out = v.frames.data() + k * pixels * channels;
        for (i64 i = 0; i < pixels; ++i)
          for (i64 c = 0; c < channels; ++c)
            *out++ = static_cast<u8>(std::lrint(std::clamp(canvas.plane(c)[i], 0.f, 1.f) * 255));
      }
    });
    videos.push_back(std::move(v));
  }
  return make_clips(videos, clips.frames.name + " tracks");
}

}  // namespace nacre::data
