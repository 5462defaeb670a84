// open(SPEC): a set of pictures by name.
//
//   fashion-mnist[:DIR]            four IDX files, plain or .gz (data/idx.hpp)
//   cifar10:DIR, cifar100:DIR      the published binary batches, in DIR or its cifar-10-batches-bin, cifar-100-binary
//   stl10:DIR                      the published binaries, in DIR or its stl10_binary; with the unlabelled split
//   folder:DIR                     DIR/train/CLASS/*, DIR/test/CLASS/*, DIR/unlabeled/*; .jpg .jpeg .png of any size
//   npy:IMAGES.npy[,LABELS.npy]    uint8 [N, H, W, C] with C 1 or 3 (or [N, H, W]); int64 labels [N]
//
// Whole sets are held in memory, decoded. In a folder set classes are the folder names under train/ in byte order,
// grey pictures become RGB, and a corrupt picture is skipped and listed in Images::skipped; more than 1 % of them
// is an error. Links: -lz -lpng -ljpeg. Throws DataError. Tested in tests/data/open.cpp.
#pragma once

#include <nacre/data/idx.hpp>
#include <nacre/data/image_io.hpp>

namespace nacre::data {

NACRE_INLINE DataSplits open(const std::string& spec);

// The readers behind it.
NACRE_INLINE DataSplits open_cifar(const std::string& dir, int classes);  // 10 or 100
NACRE_INLINE DataSplits open_stl10(const std::string& dir);
NACRE_INLINE DataSplits open_folder(const std::string& dir);
NACRE_INLINE DataSplits open_npy(const std::string& images, const std::string& labels);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/open_impl.hpp>
#endif
