// Definitions of data/png.hpp: the only header of the library that includes libpng.
//
// libpng reports errors by longjmp, which must not cross a C++ object with a destructor: each stage below is a
// function of plain data, and tensors are made between the stages.
#pragma once

#include <nacre/core/error.hpp>
#include <nacre/data/png.hpp>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <png.h>

namespace nacre::data {
namespace detail {

struct PngReader {
  const u8* next = nullptr;
  std::size_t left = 0;
  png_structp png = nullptr;
  png_infop info = nullptr;
  i64 height = 0, width = 0, channels = 0;
  char message[120] = "corrupt";

  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }

  static void on_error(png_structp png, png_const_charp text) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(self->message, sizeof self->message, "%s", text);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep out, png_size_t n) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (n > self->left) png_error(png, "the file ends before its data does");
    std::memcpy(out, self->next, n);
    self->next += n;
    self->left -= n;
  }

  bool read_header(i64 max_pixels) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    info = png ? png_create_info_struct(png) : nullptr;
    if (!info) return false;
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_read_fn(png, this, on_read);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    png_set_user_limits(png, 1 << 20, 1 << 20);
    png_set_chunk_malloc_max(png, 8 << 20);
    u64 bytes = left;
    png_read_info(png, info);
    width = png_get_image_width(png, info);
    height = png_get_image_height(png, info);
    if (width > max_pixels / height) png_error(png, "more pixels than the limit");
    if (png_get_rowbytes(png, info) * static_cast<u64>(height) / 1032 > bytes)
      png_error(png, "claims more pixels than its bytes can hold");
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    channels = png_get_channels(png, info);
    if (channels != 1 && channels != 3) png_error(png, "neither grey nor colour");
    return true;
  }
  bool read_rows(u8* out) {
    if (setjmp(png_jmpbuf(png))) return false;
    for (int pass = png_get_interlace_type(png, info) == PNG_INTERLACE_ADAM7 ? 7 : 1; pass > 0; --pass)
      for (i64 y = 0; y < height; ++y) png_read_row(png, out + y * width * channels, nullptr);
    png_read_end(png, nullptr);
    return true;
  }
};

struct PngWriter {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<u8>* out = nullptr;

  ~PngWriter() { png_destroy_write_struct(&png, &info); }

  static void on_error(png_structp png, png_const_charp) { png_longjmp(png, 1); }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_write(png_structp png, png_bytep bytes, png_size_t n) {
    auto* self = static_cast<PngWriter*>(png_get_io_ptr(png));
    self->out->insert(self->out->end(), bytes, bytes + n);
  }
  static void on_flush(png_structp) {}

  bool write(const u8* pixels, i64 height, i64 width, i64 channels) {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    info = png ? png_create_info_struct(png) : nullptr;
    if (!info) return false;
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_write_fn(png, this, on_write, on_flush);
    png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 8,
                 channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (i64 y = 0; y < height; ++y) png_write_row(png, pixels + y * width * channels);
    png_write_end(png, info);
    return true;
  }
};

}  // namespace detail

NACRE_INLINE Tensor<u8> decode_png(const u8* bytes, std::size_t size, const std::string& name, i64 max_pixels) {
  detail::PngReader reader;
  reader.next = bytes;
  reader.left = size;
  auto why = [&] { return name + " is not a readable PNG (" + reader.message + ")"; };
  check<DataError>(reader.read_header(max_pixels), "decode_png", why);
  Tensor<u8> pixels({reader.height, reader.width, reader.channels});
  check<DataError>(reader.read_rows(pixels.data()), "decode_png", why);
  return pixels;
}

NACRE_INLINE std::vector<u8> encode_png(const Tensor<u8>& image) {
  i64 channels = image.rank() == 3 ? image.dim(2) : 1;
  check(image.rank() >= 2 && image.rank() <= 3 && image.size() > 0 && (channels == 1 || channels == 3), "encode_png",
        [&] { return "image must be [H, W], [H, W, 1] or [H, W, 3], got " + image.shape().str(); });
  std::vector<u8> out;
  detail::PngWriter writer;
  writer.out = &out;
  check<WriteError>(writer.write(image.data(), image.dim(0), image.dim(1), channels), "encode_png",
                    [&] { return "libpng cannot encode " + image.shape().str(); });
  return out;
}

}  // namespace nacre::data
