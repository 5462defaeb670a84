// JPEG through libjpeg-turbo: link -ljpeg. Grey or RGB, 8 bits; CMYK is refused.
//
// The size is checked before anything is allocated. A picture that ends early or whose code is broken is an error,
// not a half-grey picture. Throws DataError. Tested in tests/data/image_io.cpp.
#pragma once

#include <nacre/core/tensor.hpp>

#include <string>

namespace nacre::data {

// The pixels [H, W, C], C 1 or 3; `name` stands in error messages. With shrink 2, 4 or 8: [ceil(H / shrink),
// ceil(W / shrink), C], each the mean of a square of pixels or nearly so, from fewer coefficients and much faster.
NACRE_INLINE Tensor<u8> decode_jpeg(const u8* bytes, std::size_t size, const std::string& name,
                                    i64 max_pixels = 100'000'000, i64 shrink = 1);

// [H, W] by the header alone: the first kilobytes of the file are enough.
NACRE_INLINE Shape jpeg_extent(const u8* bytes, std::size_t size, const std::string& name);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/jpeg_impl.hpp>
#endif
