// PNG through libpng: link -lpng. Any bit depth, palette or interlacing becomes uint8 grey or RGB; alpha is dropped.
//
// Sizes are checked before anything is allocated: at most max_pixels, and no more than the compressed bytes can hold.
// Throws DataError, WriteError. Tested in tests/data/image_io.cpp.
#pragma once

#include <nacre/core/tensor.hpp>

#include <string>
#include <vector>

namespace nacre::data {

// The pixels [H, W, C], C 1 or 3; `name` stands in error messages.
NACRE_INLINE Tensor<u8> decode_png(const u8* bytes, std::size_t size, const std::string& name,
                                   i64 max_pixels = 100'000'000);

// A PNG file of [H, W], [H, W, 1] or [H, W, 3] in memory.
NACRE_INLINE std::vector<u8> encode_png(const Tensor<u8>& image);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/png_impl.hpp>
#endif
