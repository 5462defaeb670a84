// jpeg(t, space): the file of a picture [H, W, C], for the tests of what reads such files.
#pragma once

#include <nacre/core/tensor.hpp>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include <jpeglib.h>

namespace nacre_test {

using nacre::Tensor, nacre::u8;

inline std::vector<u8> jpeg(const Tensor<u8>& t, J_COLOR_SPACE space, bool progressive = false) {
  jpeg_compress_struct c{};
  jpeg_error_mgr errors{};
  c.err = jpeg_std_error(&errors);
  jpeg_create_compress(&c);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&c, &out, &size);
  c.image_height = static_cast<JDIMENSION>(t.dim(0));
  c.image_width = static_cast<JDIMENSION>(t.dim(1));
  c.input_components = static_cast<int>(t.dim(2));
  c.in_color_space = space;
  jpeg_set_defaults(&c);
  jpeg_set_quality(&c, 98, TRUE);
  if (progressive) jpeg_simple_progression(&c);
  jpeg_start_compress(&c, TRUE);
  while (c.next_scanline < c.image_height) {
    JSAMPROW row = const_cast<u8*>(t.data()) + c.next_scanline * static_cast<std::size_t>(t.dim(1) * t.dim(2));
    jpeg_write_scanlines(&c, &row, 1);
  }
  jpeg_finish_compress(&c);
  jpeg_destroy_compress(&c);
  std::vector<u8> b(out, out + size);
  std::free(out);
  return b;
}

}  // namespace nacre_test
