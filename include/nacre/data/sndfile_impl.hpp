// Definitions of data/sndfile.hpp: the only header of the library that includes libsndfile.
#pragma once

#include <nacre/data/sndfile.hpp>
#include <nacre/io/file.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include <sndfile.h>

namespace nacre::data {

NACRE_INLINE Sound read_sound(const std::string& path) {
  io::Source::open(path);  // a missing file, a folder: said in our words
  SF_INFO info{};
  std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file(sf_open(path.c_str(), SFM_READ, &info), sf_close);
  auto require = [&](bool ok, const std::string& what) {
    check<DataError>(ok, "read_sound", [&] { return path + " " + what; });
  };
  require(file != nullptr, std::string("is no sound that libsndfile reads (") + sf_strerror(nullptr) + ")");
  require(1 <= info.channels && info.channels <= 64 && min_rate <= info.samplerate && info.samplerate <= max_rate,
          "has " + std::to_string(info.channels) + " channels at " + std::to_string(info.samplerate) + " a second");
  std::vector<float> all, block(static_cast<std::size_t>(info.channels) * 65536);
  for (;;) {
    sf_count_t frames = sf_readf_float(file.get(), block.data(), 65536);
    if (frames <= 0) break;
    all.insert(all.end(), block.begin(), block.begin() + frames * info.channels);
    require(all.size() <= std::size_t{max_samples}, "holds more than " + std::to_string(max_samples) + " samples");
  }
  require(sf_error(file.get()) == SF_ERR_NO_ERROR, std::string("does not decode (") + sf_strerror(file.get()) + ")");
  require(!all.empty(), "holds no samples");
  require(std::all_of(all.begin(), all.end(), [](float x) { return std::isfinite(x); }),
          "holds samples that are not finite");
  Tensor<float> frames({static_cast<i64>(all.size()) / info.channels, info.channels});
  std::copy(all.begin(), all.end(), frames.data());
  return {mix_down(frames), info.samplerate};
}

}  // namespace nacre::data
