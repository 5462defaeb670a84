// IDX files of unsigned bytes, plain or gzip (MNIST, Fashion-MNIST and their kin). Needs zlib: link -lz.
//
// A file is magic 00 00 08 rank, rank big-endian 32-bit sizes, then exactly their product of bytes. The sizes are
// compared with the limit and with what the compressed bytes can hold (1032 to 1) before anything is allocated;
// a second gzip member, a wrong check sum or a byte too many is an error.
// Format: http://yann.lecun.com/exdb/mnist. Throws DataError. Tested in tests/data/idx.cpp.
#pragma once

#include <nacre/data/dataset.hpp>

namespace nacre::data {

// The bytes of an IDX file of rank 1 to 3 in memory; `name` stands in error messages.
NACRE_INLINE Tensor<u8> parse_idx(const u8* bytes, std::size_t size, const std::string& name,
                                  i64 max_elements = i64{1} << 32);

// DIR/stem or DIR/stem.gz.
NACRE_INLINE Tensor<u8> read_idx(const std::string& path);

// Pictures [N, H, W, 1] with labels below `classes`.
NACRE_INLINE Images read_idx_images(const std::string& images_path, const std::string& labels_path,
                                    const std::string& name, const std::vector<std::string>& classes);

// Fashion-MNIST: 60,000 and 10,000 grey pictures of 28 x 28 in 10 classes (Xiao et al., 2017).
// `dir` holds the four files {train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]; the default is where
// Debian's package dataset-fashion-mnist puts them.
inline constexpr const char* fashion_mnist_directory = "/usr/share/datasets/fashion-mnist";
NACRE_INLINE Images fashion_mnist(const std::string& dir = fashion_mnist_directory);
NACRE_INLINE Images fashion_mnist_test(const std::string& dir = fashion_mnist_directory);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/idx_impl.hpp>
#endif
