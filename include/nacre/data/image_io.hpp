// Picture files: .png, .jpg and .jpeg by their first bytes, not their names. Needs -lpng -ljpeg.
//
// Throws DataError, WriteError. Tested in tests/data/image_io.cpp.
#pragma once

#include <nacre/data/jpeg.hpp>
#include <nacre/data/png.hpp>

namespace nacre::data {

// The pixels [H, W, C], C 1 (grey) or 3. With shrink 2, 4 or 8 a JPEG is decoded to [ceil(H / shrink), ..]; a PNG
// never is.
NACRE_INLINE Tensor<u8> read_image(const std::string& path, i64 shrink = 1);
NACRE_INLINE Tensor<u8> decode_image(const u8* bytes, std::size_t size, const std::string& name, i64 shrink = 1);

// [H, W] by the header alone.
NACRE_INLINE Shape image_extent(const std::string& path);

// Writes [H, W], [H, W, 1] or [H, W, 3].
NACRE_INLINE void write_png(const std::string& path, const Tensor<u8>& image);

// [H, W, 1] becomes three equal channels; [H, W, 3] is returned as it is.
NACRE_INLINE Tensor<u8> to_rgb(const Tensor<u8>& image);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/image_io_impl.hpp>
#endif
