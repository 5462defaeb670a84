// Definitions of data/jpeg.hpp: the only header of the library that includes libjpeg.
//
// libjpeg reports errors by longjmp here, which must not cross a C++ object with a destructor: each stage below is a
// function of plain data, and the tensor is made between the stages.
#pragma once

#include <nacre/core/error.hpp>
#include <nacre/data/jpeg.hpp>

#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>
// jerror.h needs jpeglib.h before it.
#include <jerror.h>

namespace nacre::data {
namespace detail {

struct JpegReader {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf jump;
  i64 height = 0, width = 0, channels = 0;
  char message[JMSG_LENGTH_MAX] = "corrupt";

  ~JpegReader() { jpeg_destroy_decompress(&info); }

  static JpegReader& self(j_common_ptr info) { return *static_cast<JpegReader*>(info->client_data); }
  static void on_error(j_common_ptr info) {
    (*info->err->format_message)(info, self(info).message);
    std::longjmp(self(info).jump, 1);
  }
  static void on_message(j_common_ptr info, int level) {  // -1: the data is corrupt, libjpeg would go on
    int code = info->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR)
      on_error(info);
  }
  static void on_progress(j_common_ptr info) {  // a small progressive file can ask for endless work
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > 500) refuse(info, "more than 500 scans");
  }
  static void refuse(j_common_ptr info, const char* text) {
    std::snprintf(self(info).message, JMSG_LENGTH_MAX, "%s", text);
    std::longjmp(self(info).jump, 1);
  }

  bool read_header(const u8* bytes, std::size_t size, i64 max_pixels) {
    info.err = jpeg_std_error(&errors);
    errors.error_exit = on_error;
    errors.emit_message = on_message;
    info.client_data = this;
    auto* common = reinterpret_cast<j_common_ptr>(&info);
    if (setjmp(jump)) return false;
    jpeg_create_decompress(&info);
    info.client_data = this;
    progress.progress_monitor = on_progress;
    info.progress = &progress;
    jpeg_mem_src(&info, bytes, static_cast<unsigned long>(size));
    jpeg_read_header(&info, TRUE);
    width = info.image_width;
    height = info.image_height;
    if (height < 1 || width < 1 || width > max_pixels / height) refuse(common, "more pixels than the limit");
    if (info.num_components != 1 && info.num_components != 3) refuse(common, "CMYK; only grey and RGB are read");
    info.out_color_space = info.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    channels = info.num_components;
    return true;
  }
  void shrink(i64 by) {
    info.scale_num = 1;
    info.scale_denom = static_cast<unsigned>(by);
    height = (height + by - 1) / by;
    width = (width + by - 1) / by;
  }
  bool read_rows(u8* out) {
    if (setjmp(jump)) return false;
    jpeg_start_decompress(&info);
    if (info.output_width != static_cast<JDIMENSION>(width) || info.output_height != static_cast<JDIMENSION>(height) ||
        info.output_components != channels)
      refuse(reinterpret_cast<j_common_ptr>(&info), "its size changed while decoding");
    while (info.output_scanline < info.output_height) {
      JSAMPROW row = out + static_cast<i64>(info.output_scanline) * width * channels;
      jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    return true;
  }
};

}  // namespace detail

NACRE_INLINE Shape jpeg_extent(const u8* bytes, std::size_t size, const std::string& name) {
  detail::JpegReader reader;
  check<DataError>(reader.read_header(bytes, size, 100'000'000), "jpeg_extent",
                   [&] { return name + " is not a readable JPEG (" + reader.message + ")"; });
  return {reader.height, reader.width};
}

NACRE_INLINE Tensor<u8> decode_jpeg(const u8* bytes, std::size_t size, const std::string& name, i64 max_pixels,
                                    i64 shrink) {
  check(shrink == 1 || shrink == 2 || shrink == 4 || shrink == 8, "decode_jpeg",
        [&] { return "shrink is " + std::to_string(shrink) + ", not 1, 2, 4 or 8"; });
  detail::JpegReader reader;
  auto why = [&] { return name + " is not a readable JPEG (" + reader.message + ")"; };
  check<DataError>(reader.read_header(bytes, size, max_pixels), "decode_jpeg", why);
  // A block of 8 x 8 coefficients takes at least a bit or so in every coding: far fewer bytes is a lie about the size.
  check<DataError>(reader.height * reader.width / 64 / 1024 <= static_cast<i64>(size), "decode_jpeg", [&] {
    return name + " claims " + std::to_string(reader.width) + " x " + std::to_string(reader.height) + " pixels in " +
           std::to_string(size) + " bytes";
  });
  reader.shrink(shrink);
  Tensor<u8> pixels({reader.height, reader.width, reader.channels});
  check<DataError>(reader.read_rows(pixels.data()), "decode_jpeg", why);
  return pixels;
}

}  // namespace nacre::data
