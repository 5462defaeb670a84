// Definitions of data/talking_pictures.hpp.
#pragma once

#include <nacre/core/parallel.hpp>
#include <nacre/data/augment.hpp>
#include <nacre/data/file.hpp>
#include <nacre/data/talking_pictures.hpp>

#include <algorithm>
#include <map>

namespace nacre::data {
namespace detail {

struct TalkingFile {
  std::string path, stem;  // stem: the path without its ending
};
struct TalkingFiles {
  std::vector<TalkingFile> pictures, sounds;
};

inline void find_talking(const std::string& folder, int depth, TalkingFiles& found) {
  for (const std::string& name : list_directory(folder)) {
    std::string path = folder + "/" + name;
    if (is_directory(path)) {
      if (depth < 16) find_talking(path, depth + 1, found);
      continue;
    }
    std::size_t dot = path.rfind('.');
    std::string ending = path.substr(std::max(dot == std::string::npos ? 0 : dot, folder.size()));
    auto one_of = [&](std::initializer_list<const char*> endings) {
      return std::find(endings.begin(), endings.end(), ending) != endings.end();
    };
    if (one_of({".png", ".jpg", ".jpeg"})) found.pictures.push_back({path, path.substr(0, dot)});
    if (one_of({".wav", ".ogg", ".flac"})) found.sounds.push_back({path, path.substr(0, dot)});
  }
}

// [height, width, 1 or 3] of any size -> [side, side, 3], the whole picture.
inline void shrink_to(const Tensor<u8>& picture, i64 side, u8* out) {
  i64 height = picture.dim(0), width = picture.dim(1), channels = picture.dim(2);
  Canvas c = canvas(0, side, channels);
  resize({picture.data(), height, width, channels}, {0, 0, height, width}, false, c);
  for (i64 i = 0; i < side * side; ++i)
    for (i64 k = 0; k < 3; ++k)
      out[3 * i + k] = static_cast<u8>(std::clamp(c.plane(channels == 1 ? 0 : k)[i] * 255 + 0.5f, 0.f, 255.f));
}

// The pictures and recordings for which keep is true; pictures without recordings are dropped.
inline TalkingPictures choose(const TalkingPictures& all, const std::vector<char>& picture,
                              const std::vector<char>& recording) {
  TalkingPictures out;
  std::vector<i64> index;
  for (std::size_t i = 0; i < all.names.size(); ++i) {
    if (!picture[i]) continue;
    Span from = all.sounds.of[i], to{out.sounds.size(), 0};
    for (i64 r = from.begin; r < from.end; ++r) {
      if (!recording[static_cast<std::size_t>(r)]) continue;
      out.sounds.log_mel.push_back(all.sounds.log_mel[static_cast<std::size_t>(r)]);
      out.tags.push_back(all.tags[static_cast<std::size_t>(r)]);
    }
    to.end = out.sounds.size();
    out.sounds.of.push_back(to);
    out.names.push_back(all.names[i]);
    index.push_back(static_cast<i64>(i));
  }
  out.pictures = subset(all.pictures, index);
  out.skipped = all.skipped;
  return out;
}

}  // namespace detail

NACRE_INLINE TalkingPictures talking_pictures(const std::string& folder, Decode picture, DecodeSound sound,
                                              const TalkingOptions& o) {
  check(o.side >= 1 && o.side <= 1024 && o.seconds > 0, "talking_pictures", [&] {
    return "side " + std::to_string(o.side) + ", seconds " + std::to_string(o.seconds) +
           "; need 1 to 1024 pixels and a positive time";
  });
  validate(o.mel);
  check<DataError>(is_directory(folder), "talking_pictures",
                   [&] { return "there is no folder " + folder + "; need one of name.png and name.wav pairs"; });
  detail::TalkingFiles files;
  detail::find_talking(folder, 0, files);

  std::map<std::string, std::size_t> by_stem;
  for (std::size_t i = 0; i < files.pictures.size(); ++i) by_stem.emplace(files.pictures[i].stem, i);
  struct Belongs {
    std::string path, tag;
  };
  std::vector<std::vector<Belongs>> sounds(files.pictures.size());
  for (const auto& s : files.sounds)
    for (std::size_t end = s.stem.size(); end != std::string::npos && end > 0; end = s.stem.rfind('_', end - 1)) {
      auto owner = by_stem.find(s.stem.substr(0, end));
      if (owner == by_stem.end()) continue;
      std::string tag = end < s.stem.size() ? s.stem.substr(end + 1) : "";
      if (o.tags.empty() || std::find(o.tags.begin(), o.tags.end(), tag) != o.tags.end())
        sounds[owner->second].push_back({s.path, tag});
      break;
    }

  std::vector<std::size_t> heard;  // the pictures that have a sound
  for (std::size_t i = 0; i < sounds.size(); ++i)
    if (!sounds[i].empty()) heard.push_back(i);
  if (auto most = static_cast<std::size_t>(o.most); o.most > 0 && most < heard.size()) {
    for (std::size_t i = 0; i < most; ++i) heard[i] = heard[i * heard.size() / most];
    heard.resize(most);
  }
  TalkingPictures all;
  std::vector<std::string> paths;
  std::vector<Belongs> recordings;
  for (std::size_t i : heard) {
    auto begin = static_cast<i64>(recordings.size());
    recordings.insert(recordings.end(), sounds[i].begin(), sounds[i].end());
    all.sounds.of.push_back({begin, static_cast<i64>(recordings.size())});
    all.names.push_back(files.pictures[i].stem);
    paths.push_back(files.pictures[i].path);
  }
  auto n = static_cast<i64>(paths.size()), m = static_cast<i64>(recordings.size());
  check<DataError>(n > 0, "talking_pictures", [&] {
    return folder + " holds " + std::to_string(files.pictures.size()) + " pictures and " +
           std::to_string(files.sounds.size()) + " sounds, but none of them as name.png and name.wav or name_TAG.ogg";
  });
  all.pictures.pixels = Tensor<u8>({n, o.side, o.side, 3});
  all.pictures.channels = 3;
  all.sounds.log_mel.resize(recordings.size());

  // Each file is read by whoever comes first; what could not be read is told in the order of the files.
  std::vector<std::string> wrong(paths.size() + recordings.size());
  auto guarded = [&](i64 at, auto&& read) {
    try {
      read();
    } catch (const DataError& e) {
      wrong[static_cast<std::size_t>(at)] = e.what();
    }
  };
  parallel_for(n, 1, [&](i64 i, i64) {
    guarded(i, [&] {
      detail::shrink_to(picture(paths[static_cast<std::size_t>(i)], 1), o.side,
                        all.pictures.pixels.data() + i * o.side * o.side * 3);
    });
  });
  parallel_for(m, 1, [&](i64 r, i64) {
    guarded(n + r, [&] {
      Sound s = sound(recordings[static_cast<std::size_t>(r)].path);
      i64 most = static_cast<i64>(o.seconds * static_cast<double>(s.rate));
      if (s.samples.size() > most) s.samples = s.samples.rows(0, most);
      all.sounds.log_mel[static_cast<std::size_t>(r)] = log_mel(s, o.mel);
    });
  });
  std::vector<char> keep(paths.size(), 0), readable(recordings.size());
  for (std::size_t i = 0; i < paths.size(); ++i)
    for (i64 r = all.sounds.of[i].begin; r < all.sounds.of[i].end; ++r) {
      auto at = static_cast<std::size_t>(r);
      readable[at] = wrong[paths.size() + at].empty();
      if (readable[at] && wrong[i].empty()) keep[i] = 1;
    }
  for (const std::string& w : wrong)
    if (!w.empty()) all.skipped.push_back(w);
  check<DataError>(std::find(keep.begin(), keep.end(), 1) != keep.end(), "talking_pictures",
                   [&] { return folder + ": no picture with a sound could be read; the first: " + all.skipped.at(0); });
  for (const auto& r : recordings) all.tags.push_back(r.tag);
  all.pictures.name = folder;
  TalkingPictures out = detail::choose(all, keep, readable);
  measure(out.sounds, o.mel.silence());
  return out;
}

NACRE_INLINE std::pair<TalkingPictures, TalkingPictures> hold_out(const TalkingPictures& all,
                                                                  const std::vector<std::string>& tags) {
  std::vector<char> held(all.tags.size()), kept(all.tags.size()), both(all.names.size());
  for (std::size_t r = 0; r < held.size(); ++r) {
    held[r] = std::find(tags.begin(), tags.end(), all.tags[r]) != tags.end();
    kept[r] = !held[r];
  }
  for (std::size_t i = 0; i < both.size(); ++i) {
    auto begin = held.begin() + all.sounds.of[i].begin, end = held.begin() + all.sounds.of[i].end;
    both[i] = std::find(begin, end, 1) != end && std::find(begin, end, 0) != end;
  }
  check<DataError>(std::find(both.begin(), both.end(), 1) != both.end(), "hold_out",
                   [] { return std::string("no picture has recordings with and without the tags"); });
  std::pair out(detail::choose(all, both, kept), detail::choose(all, both, held));
  measure(out.first.sounds, all.sounds.silence);
  out.second.sounds.mean = out.first.sounds.mean;
  out.second.sounds.std = out.first.sounds.std;
  out.second.sounds.silence = all.sounds.silence;
  return out;
}

}  // namespace nacre::data
