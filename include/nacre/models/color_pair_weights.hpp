// Reads a pair of encoders (color_pair.hpp) from the file that save_encoder of weights.hpp wrote.
// Throws DataError. Tested in tests/models/weights.cpp.
#pragma once

#include <nacre/models/color_pair.hpp>
#include <nacre/models/weights.hpp>

namespace nacre::models {

// The pair of a file.
template <class T>
ColorPair<T> load_color_pair(const std::string& path, EncoderFile* about = nullptr) {
  io::SafeTensors file = io::SafeTensors::open(path);
  EncoderFile said = detail::read_about(file);
  check<DataError>(said.normalization.known(), "load_color_pair", [&] {
    return file.file_name() + " does not say by which mean and std pictures are normalised; a pair needs them";
  });
  ColorPair<T> pair(detail::read_options(file, "luma."), said.normalization, Key{});
  load_weights(file, pair);
  if (about) *about = said;
  return pair;
}

}  // namespace nacre::models
