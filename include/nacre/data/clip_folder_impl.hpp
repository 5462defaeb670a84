// Definitions of data/clip_folder.hpp.
#pragma once

#include <nacre/data/clip_folder.hpp>
#include <nacre/data/file.hpp>
#include <nacre/data/open.hpp>

namespace nacre::data {

NACRE_INLINE Clips open_clips(const std::string& dir, i64 budget) {
  detail::require_directory(dir, "open_clips", "a folder of frames for each clip");
  std::vector<detail::PictureFile> files;
  std::vector<std::string> names;
  for (const std::string& name : list_directory(dir)) {
    std::size_t before = files.size();
    if (is_directory(dir + "/" + name)) detail::list_pictures(dir + "/" + name, static_cast<i64>(names.size()), files);
    if (files.size() > before) names.push_back(name);
  }
  check<DataError>(!files.empty(), "open_clips", [&] {
    return "no .jpg, .jpeg or .png lies in a folder of '" + dir + "'; put the frames of each clip in one";
  });
  Images frames = detail::read_pictures(files, true, dir, names, budget);
  check<DataError>(frames.skipped.empty(), "open_clips", [&] { return frames.skipped.front(); });
  return clips_of_labels(std::move(frames));
}

}  // namespace nacre::data
