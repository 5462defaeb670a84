// Definitions of data/image_io.hpp.
#pragma once

#include <nacre/data/image_io.hpp>
#include <nacre/io/file.hpp>

#include <algorithm>
#include <cstring>

namespace nacre::data {

namespace detail {

constexpr u64 max_picture_file = u64{1} << 30;

enum class Format { png, jpeg };

inline Format picture_format(const u8* bytes, std::size_t size, const std::string& name) {
  if (size >= 8 && std::memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0) return Format::png;
  if (size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff) return Format::jpeg;
  fail<DataError>("decode_image", name + " is neither PNG nor JPEG (by its first bytes)");
}

}  // namespace detail

NACRE_INLINE Tensor<u8> decode_image(const u8* bytes, std::size_t size, const std::string& name, i64 shrink) {
  if (detail::picture_format(bytes, size, name) == detail::Format::png) return decode_png(bytes, size, name);
  return decode_jpeg(bytes, size, name, 100'000'000, shrink);
}

NACRE_INLINE Tensor<u8> read_image(const std::string& path, i64 shrink) {
  std::string bytes = io::read_file(path, detail::max_picture_file);
  return decode_image(reinterpret_cast<const u8*>(bytes.data()), bytes.size(), path, shrink);
}

NACRE_INLINE Shape image_extent(const std::string& path) {
  io::Source file = io::Source::open(path);
  std::string head(std::min<std::size_t>(file.size(), 1 << 16), '\0');
  file.read(0, head.data(), head.size());
  const u8* bytes = reinterpret_cast<const u8*>(head.data());
  if (detail::picture_format(bytes, head.size(), path) == detail::Format::png) {
    check<DataError>(head.size() >= 24, "image_extent", [&] { return path + " ends inside its PNG header"; });
    auto word = [&](int at) {
      return i64{bytes[at]} << 24 | i64{bytes[at + 1]} << 16 | i64{bytes[at + 2]} << 8 | i64{bytes[at + 3]};
    };
    i64 height = word(20), width = word(16);
    check<DataError>(height >= 1 && width >= 1 && width <= 100'000'000 / height, "image_extent",
                     [&] { return path + " has no pixels or more than the limit"; });
    return {height, width};
  }
  try {
    return jpeg_extent(bytes, head.size(), path);
  } catch (const DataError&) {  // long comments or a thumbnail come first
    head = io::read_file(path, detail::max_picture_file);
    return jpeg_extent(reinterpret_cast<const u8*>(head.data()), head.size(), path);
  }
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
