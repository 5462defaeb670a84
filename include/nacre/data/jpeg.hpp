// JPEG through libjpeg-turbo: link -ljpeg. Grey or RGB, 8 bits; CMYK is refused.
//
// The size is checked before anything is allocated. A picture that ends early or whose code is broken is an error,
// not a half-grey picture. Throws DataError. Tested in tests/data/image_io.cpp.
#pragma once

#include <nacre/core/tensor.hpp>

#include <string>

namespace nacre::data {

// The pixels [H, W, C], C 1 or 3; `name` stands in error messages.
NACRE_INLINE Tensor<u8> decode_jpeg(const u8* bytes, std::size_t size, const std::string& name,
                                    i64 max_pixels = 100'000'000);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/jpeg_impl.hpp>
#endif
