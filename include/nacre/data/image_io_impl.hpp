// Definitions of data/image_io.hpp.
#pragma once

#include <nacre/data/image_io.hpp>
#include <nacre/io/file.hpp>

#include <cstring>

namespace nacre::data {

NACRE_INLINE Tensor<u8> decode_image(const u8* bytes, std::size_t size, const std::string& name) {
  if (size >= 8 && std::memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0) return decode_png(bytes, size, name);
  if (size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff) return decode_jpeg(bytes, size, name);
  fail<DataError>("decode_image", name + " is neither PNG nor JPEG (by its first bytes)");
}

NACRE_INLINE Tensor<u8> read_image(const std::string& path) {
  std::string bytes = io::read_file(path, u64{1} << 30);
  return decode_image(reinterpret_cast<const u8*>(bytes.data()), bytes.size(), path);
}

NACRE_INLINE void write_png(const std::string& path, const Tensor<u8>& image) {
  std::vector<u8> bytes = encode_png(image);
  io::replace_file(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

NACRE_INLINE Tensor<u8> to_rgb(const Tensor<u8>& image) {
  if (image.dim(2) == 3) return image;
  Tensor<u8> rgb({image.dim(0), image.dim(1), 3});
  for (i64 i = 0; i < rgb.size(); ++i) rgb[i] = image[i / 3];
  return rgb;
}

}  // namespace nacre::data
