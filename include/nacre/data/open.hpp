// open(SPEC): a set of pictures by name.
//
//   fashion-mnist[:DIR]            four IDX files, plain or .gz (data/idx.hpp)
//   cifar10:DIR, cifar100:DIR      the published binary batches, in DIR or its cifar-10-batches-bin, cifar-100-binary
//   stl10:DIR                      the published binaries, in DIR or its stl10_binary; with the unlabelled split
//   folder:DIR                     DIR/train/CLASS/*, DIR/test/CLASS/*, DIR/unlabeled/*; .jpg .jpeg .png of any size
//   npy:IMAGES.npy[,LABELS.npy]    uint8 [N, H, W, C] with C 1 or 3 (or [N, H, W]); int64 labels [N]
//
// Sets are held in memory, decoded. A split of a folder set that needs more than `budget` bytes for that stays in its
// files: its pictures are decoded whenever they are asked for, JPEGs at 1/2, 1/4 or 1/8 of their size where a crop
// allows, and only their headers are looked at now. In a folder set classes are the folder names under train/ in byte
// order, grey pictures become RGB, and a corrupt picture is skipped and listed in Images::skipped (unreadable() if only
// its decoding shows it); more than 1 % at opening is an error. Links: -lz -lpng -ljpeg. Throws DataError. Tested in
// tests/data/open.cpp.
#pragma once

#include <nacre/data/idx.hpp>
#include <nacre/data/image_io.hpp>

namespace nacre::data {

inline constexpr i64 decoded_budget = i64{4} << 30;  // bytes of a split; the same everywhere, as bits depend on it

NACRE_INLINE DataSplits open(const std::string& spec, i64 budget = decoded_budget);

// The readers behind it.
NACRE_INLINE DataSplits open_cifar(const std::string& dir, int classes);  // 10 or 100
NACRE_INLINE DataSplits open_stl10(const std::string& dir);
NACRE_INLINE DataSplits open_folder(const std::string& dir, i64 budget = decoded_budget);
NACRE_INLINE DataSplits open_npy(const std::string& images, const std::string& labels);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/open_impl.hpp>
#endif
