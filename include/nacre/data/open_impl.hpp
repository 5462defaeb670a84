// Definitions of data/open.hpp.
#pragma once

#include <nacre/core/parallel.hpp>
#include <nacre/data/file.hpp>
#include <nacre/data/open.hpp>
#include <nacre/io/npy.hpp>

#include <algorithm>
#include <cstring>

namespace nacre::data {
namespace detail {

inline void require_directory(const std::string& dir, const char* op, const char* holds) {
  check<DataError>(is_directory(dir), op,
                   [&] { return "there is no folder '" + dir + "'; give the folder that holds " + holds; });
}

// DIR, or DIR/inner where the archive was unpacked as it comes: where the file `probe` lies, beside the others that
// the folder holds.
inline std::string directory_with(const std::string& dir, const std::string& inner, const char* probe,
                                  const char* holds) {
  require_directory(dir, "open", holds);
  for (const std::string& found : {dir, dir + "/" + inner})
    if (is_file(found + "/" + probe)) return found;
  fail<DataError>("open", "'" + dir + "' holds no " + probe + "; give the folder that holds " + holds);
}

inline std::vector<std::string> names_or(const std::string& path, std::size_t count,
                                         std::vector<std::string> fallback) {
  if (!is_file(path)) return fallback;
  std::vector<std::string> names = read_lines(path);
  check<DataError>(names.size() == count, "open", [&] {
    return path + " names " + std::to_string(names.size()) + " classes instead of " + std::to_string(count);
  });
  return names;
}

// Files of records [label bytes][3 planes of 32 x 32], one after another.
inline Images read_cifar(const std::vector<std::string>& paths, int label_bytes, const std::string& name,
                         const std::vector<std::string>& classes) {
  constexpr i64 plane = 32 * 32, max_records = 1 << 22;
  i64 record = label_bytes + 3 * plane, n = 0;
  for (const std::string& path : paths) {
    i64 size = static_cast<i64>(io::Source::open(path).size());
    check<DataError>(size > 0 && size % record == 0 && size / record <= max_records, "open", [&] {
      return path + " has " + std::to_string(size) + " bytes, not a multiple of the record's " +
             std::to_string(record) + "; it is truncated or another file";
    });
    n += size / record;
  }
  Images images;
  images.channels = 3;
  images.pixels = Tensor<u8>({n, 32, 32, 3});
  images.labels = Tensor<i64>({n});
  images.classes = classes;
  images.name = name;
  i64 at = 0;
  for (const std::string& path : paths) {
    io::Source file = io::Source::open(path);
    i64 records = std::min(static_cast<i64>(file.size()) / record, n - at);
    std::vector<u8> bytes(static_cast<std::size_t>(record));
    for (i64 r = 0; r < records; ++r, ++at) {
      file.read(static_cast<u64>(r * record), bytes.data(), bytes.size());
      u8 label = bytes[static_cast<std::size_t>(label_bytes - 1)];  // CIFAR-100: coarse, then fine
      check<DataError>(label < classes.size(), "open", [&] {
        return path + ": record " + std::to_string(r) + " has label " + std::to_string(label) + ", not below " +
               std::to_string(classes.size());
      });
      images.labels[at] = label;
      u8* out = images.pixels.data() + at * 3 * plane;
      for (i64 i = 0; i < plane; ++i)
        for (i64 c = 0; c < 3; ++c) out[3 * i + c] = bytes[static_cast<std::size_t>(label_bytes + c * plane + i)];
    }
  }
  seal(images);
  return images;
}

// Pictures stored as [channel][column][row].
inline Images read_stl10(const std::string& pixels_path, const std::string& labels_path, const std::string& name,
                         const std::vector<std::string>& classes) {
  constexpr i64 side = 96, record = 3 * side * side, max_records = 1 << 20;
  io::Source file = io::Source::open(pixels_path);
  i64 n = static_cast<i64>(file.size()) / record;
  check<DataError>(n > 0 && n <= max_records && static_cast<u64>(n * record) == file.size(), "open", [&] {
    return pixels_path + " has " + std::to_string(file.size()) + " bytes, not a multiple of " + std::to_string(record) +
           " (96 x 96 x 3); it is truncated or another file";
  });
  Images images;
  images.channels = 3;
  images.classes = classes;
  images.name = name;
  if (!labels_path.empty()) {
    std::string labels = io::read_file(labels_path, max_records);
    check<DataError>(static_cast<i64>(labels.size()) == n, "open", [&] {
      return labels_path + " holds " + std::to_string(labels.size()) + " labels for " + std::to_string(n) + " pictures";
    });
    images.labels = Tensor<i64>({n});
    for (i64 i = 0; i < n; ++i) {
      int label = static_cast<u8>(labels[static_cast<std::size_t>(i)]);
      check<DataError>(label >= 1 && label <= 10, "open", [&] {
        return labels_path + ": label " + std::to_string(label) + " of picture " + std::to_string(i) +
               " is not in 1 .. 10";
      });
      images.labels[i] = label - 1;
    }
  }
  images.pixels = Tensor<u8>({n, side, side, 3});
  parallel_for(n, 64, [&](i64 begin, i64 end) {
    std::vector<u8> bytes(record);
    for (i64 i = begin; i < end; ++i) {
      file.read(static_cast<u64>(i * record), bytes.data(), bytes.size());
      u8* out = images.pixels.data() + i * record;
      for (i64 y = 0; y < side; ++y)
        for (i64 x = 0; x < side; ++x)
          for (i64 c = 0; c < 3; ++c) *out++ = bytes[static_cast<std::size_t>((c * side + x) * side + y)];
    }
  });
  seal(images);
  return images;
}

inline bool picture_name(const std::string& name) {
  std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return false;
  std::string end = name.substr(dot);
  for (char& c : end)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return end == ".jpg" || end == ".jpeg" || end == ".png";
}

struct PictureFile {
  std::string path;
  i64 label = 0;
};

inline void list_pictures(const std::string& dir, i64 label, std::vector<PictureFile>& files) {
  for (const std::string& name : list_directory(dir))
    if (picture_name(name)) files.push_back({dir + "/" + name, label});
}

// f(k) for every k below n, in parallel; why it failed, or "".
template <class F>
std::vector<std::string> try_each(std::size_t n, const F& f) {
  std::vector<std::string> errors(n);
  parallel_for(static_cast<i64>(n), 16, [&](i64 begin, i64 end) {
    for (std::size_t k = static_cast<std::size_t>(begin); k < static_cast<std::size_t>(end); ++k) {
      try {
        f(k);
      } catch (const DataError& e) {
        errors[k] = e.what();
      }
    }
  });
  return errors;
}

// Decodes all files where that fits the budget. A file that fails is listed, and more than 1 % of them is an error.
inline Images read_pictures(const std::vector<PictureFile>& files, bool labelled, const std::string& name,
                            const std::vector<std::string>& classes, i64 budget) {
  std::vector<Shape> sizes(files.size());  // [H, W]
  auto errors = try_each(files.size(), [&](std::size_t k) { sizes[k] = image_extent(files[k].path); });
  std::vector<i64> place(files.size());  // of its pixels
  i64 bytes = 0;
  for (std::size_t k = 0; k < files.size(); ++k) {
    place[k] = bytes;
    if (errors[k].empty()) bytes += 3 * sizes[k].size();
  }
  bool in_files = bytes > budget;
  Tensor<u8> pixels({in_files ? 0 : bytes});
  if (!in_files)
    errors = try_each(files.size(), [&](std::size_t k) {
      if (!errors[k].empty()) throw DataError(errors[k]);
      Tensor<u8> p = to_rgb(read_image(files[k].path));
      check<DataError>(p.shape() == Shape{sizes[k][0], sizes[k][1], 3}, "open",
                       [&] { return files[k].path + " changed while it was read"; });
      std::memcpy(pixels.data() + place[k], p.data(), static_cast<std::size_t>(p.size()));
    });

  Images images;
  images.channels = 3;
  images.classes = classes;
  images.name = name;
  std::vector<i64> labels;
  i64 at = 0;
  bool same = !in_files;
  for (std::size_t k = 0; k < files.size(); ++k) {
    if (!errors[k].empty()) {
      images.skipped.push_back(errors[k]);
      continue;
    }
    i64 size = 3 * sizes[k].size();
    if (in_files) {
      size = static_cast<i64>(io::Source::open(files[k].path).size());
      images.files.push_back(files[k].path);
    } else if (place[k] != at) {  // closes the gap that a broken file left
      std::memmove(pixels.data() + at, pixels.data() + place[k], static_cast<std::size_t>(size));
    }
    images.extents.push_back({in_files ? size : at, sizes[k][0], sizes[k][1]});
    const Extent &first = images.extents.front(), &last = images.extents.back();
    same = same && first.height == last.height && first.width == last.width;
    labels.push_back(files[k].label);
    at += in_files ? 0 : size;
  }
  i64 n = static_cast<i64>(files.size()), good = static_cast<i64>(labels.size()), bad = n - good;
  check<DataError>(good > 0 && bad * 100 <= n, "open", [&] {
    return std::to_string(bad) + " of the " + std::to_string(n) + " pictures of '" + name +
           "' cannot be read, more than 1 %; repair or remove them. The first: " + images.skipped.front();
  });
  if (in_files) {
    images.decode = [](const std::string& file, i64 shrink) { return to_rgb(read_image(file, shrink)); };
    images.errors = std::make_shared<PictureErrors>();
    auto readable = [&](const std::string& file) {
      try {
        return !images.decode(file, 8).empty();
      } catch (const DataError&) {
        return false;
      }
    };
    check<DataError>(std::any_of(images.files.begin(), images.files.end(), readable), "open", [&] {
      return "none of the " + std::to_string(good) + " pictures of '" + name + "' can be decoded";
    });
  } else {
    images.pixels = pixels.rows(0, at);
  }
  if (same) {
    images.pixels = images.pixels.reshape({good, images.extents[0].height, images.extents[0].width, 3});
    images.extents.clear();
  }
  if (labelled) {
    images.labels = Tensor<i64>({good});
    std::copy(labels.begin(), labels.end(), images.labels.data());
  }
  seal(images);
  return images;
}

}  // namespace detail

NACRE_INLINE DataSplits open_cifar(const std::string& given, int classes) {
  DataSplits data;
  if (classes == 10) {
    std::string dir = detail::directory_with(given, "cifar-10-batches-bin", "test_batch.bin",
                                             "data_batch_1.bin to data_batch_5.bin and test_batch.bin (CIFAR-10, "
                                             "binary version)");
    std::vector<std::string> train;
    for (int i = 1; i <= 5; ++i) train.push_back(dir + "/data_batch_" + std::to_string(i) + ".bin");
    auto names =
        detail::names_or(dir + "/batches.meta.txt", 10,
                         {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"});
    data.train = detail::read_cifar(train, 1, "cifar10 train", names);
    data.test = detail::read_cifar({dir + "/test_batch.bin"}, 1, "cifar10 test", names);
    return data;
  }
  std::string dir = detail::directory_with(given, "cifar-100-binary", "test.bin",
                                           "train.bin and test.bin (CIFAR-100, binary version)");
  std::vector<std::string> numbers;
  for (int i = 0; i < 100; ++i) numbers.push_back("class " + std::to_string(i));
  auto names = detail::names_or(dir + "/fine_label_names.txt", 100, numbers);
  data.train = detail::read_cifar({dir + "/train.bin"}, 2, "cifar100 train", names);
  data.test = detail::read_cifar({dir + "/test.bin"}, 2, "cifar100 test", names);
  return data;
}

NACRE_INLINE DataSplits open_stl10(const std::string& given) {
  std::string dir = detail::directory_with(given, "stl10_binary", "train_X.bin",
                                           "train_X.bin, train_y.bin, test_X.bin and test_y.bin (STL-10, binary)");
  auto names = detail::names_or(dir + "/class_names.txt", 10,
                                {"airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"});
  DataSplits data;
  data.train = detail::read_stl10(dir + "/train_X.bin", dir + "/train_y.bin", "stl10 train", names);
  data.test = detail::read_stl10(dir + "/test_X.bin", dir + "/test_y.bin", "stl10 test", names);
  if (is_file(dir + "/unlabeled_X.bin"))
    data.unlabeled = detail::read_stl10(dir + "/unlabeled_X.bin", "", "stl10 unlabeled", names);
  return data;
}

NACRE_INLINE DataSplits open_folder(const std::string& dir, i64 budget) {
  detail::require_directory(dir, "open", "train/CLASS/*.jpg (and test/CLASS/*, unlabeled/*)");
  std::vector<std::string> classes;
  if (is_directory(dir + "/train"))
    for (const std::string& name : list_directory(dir + "/train"))
      if (is_directory(dir + "/train/" + name)) classes.push_back(name);
  auto split = [&](const std::string& part) {
    std::vector<detail::PictureFile> files;
    for (std::size_t c = 0; c < classes.size(); ++c) {
      std::string folder = dir + "/" + part + "/" + classes[c];
      if (is_directory(folder)) detail::list_pictures(folder, static_cast<i64>(c), files);
    }
    return files.empty() ? Images{} : detail::read_pictures(files, true, part, classes, budget);
  };
  if (is_directory(dir + "/test"))
    for (const std::string& name : list_directory(dir + "/test"))
      check<DataError>(
          !is_directory(dir + "/test/" + name) || std::find(classes.begin(), classes.end(), name) != classes.end(),
          "open",
          [&] { return dir + "/test/" + name + " has no class of that name under train/; rename or remove it"; });
  DataSplits data;
  data.train = split("train");
  data.test = split("test");
  if (is_directory(dir + "/unlabeled")) {
    std::vector<detail::PictureFile> files;
    detail::list_pictures(dir + "/unlabeled", 0, files);
    if (!files.empty()) data.unlabeled = detail::read_pictures(files, false, "unlabeled", classes, budget);
  }
  check<DataError>(!data.pretrain().empty(), "open", [&] {
    return "no .jpg, .jpeg or .png lies in '" + dir + "/train/CLASS/' or '" + dir +
           "/unlabeled/'; put the pictures there";
  });
  return data;
}

NACRE_INLINE DataSplits open_npy(const std::string& images_path, const std::string& labels_path) {
  auto holds = [](const io::Npy& file) { return std::string(io::name_of(file.dtype())) + " " + file.shape().str(); };
  io::Npy images = io::Npy::open(images_path);
  Shape s = images.shape();
  if (s.rank() == 3 && s[2] != 1) s = {s[0], s[1], s[2], 1};
  bool fits = s.rank() == 4 && (s[3] == 1 || s[3] == 3) && s.size() > 0 && images.dtype() == io::DType::u8;
  check<DataError>(fits, "open", [&] {
    return images_path + " must be uint8 [N, H, W, C] with C 1 or 3 and not empty, got " + holds(images);
  });
  Tensor<u8> pixels = images.get<u8>().reshape(s);
  Tensor<i64> labels;
  std::vector<std::string> classes;
  if (!labels_path.empty()) {
    io::Npy file = io::Npy::open(labels_path);
    check<DataError>(file.dtype() == io::DType::i64 && file.shape() == Shape{s[0]}, "open", [&] {
      return labels_path + " must be int64 [" + std::to_string(s[0]) + "], one label a picture, got " + holds(file);
    });
    labels = file.get<i64>();
    i64 highest = 0;
    for (i64 i = 0; i < labels.size(); ++i) {
      check<DataError>(labels[i] >= 0 && labels[i] < 100000, "open", [&] {
        return labels_path + ": label " + std::to_string(labels[i]) + " of picture " + std::to_string(i) +
               " is not in 0 .. 99999";
      });
      highest = std::max(highest, labels[i]);
    }
    for (i64 c = 0; c <= highest; ++c) classes.push_back("class " + std::to_string(c));
  }
  DataSplits data;
  data.train = make_images(pixels, labels, "npy train");
  data.train.classes = classes;
  seal(data.train);
  return data;
}

NACRE_INLINE DataSplits open(const std::string& spec, i64 budget) {
  std::size_t colon = spec.find(':');
  std::string kind = spec.substr(0, colon), where = colon == std::string::npos ? "" : spec.substr(colon + 1);
  check<DataError>(!where.empty() || kind == "fashion-mnist", "open", [&] {
    return "the data SPEC '" + spec +
           "' names no place; write for example folder:DIR, cifar10:DIR, npy:IMAGES.npy or fashion-mnist";
  });
  if (kind == "fashion-mnist") {
    std::string dir = where.empty() ? fashion_mnist_directory : where;
    DataSplits data;
    data.train = fashion_mnist(dir);
    data.test = fashion_mnist_test(dir);
    return data;
  }
  if (kind == "cifar10") return open_cifar(where, 10);
  if (kind == "cifar100") return open_cifar(where, 100);
  if (kind == "stl10") return open_stl10(where);
  if (kind == "folder") return open_folder(where, budget);
  if (kind == "npy") {
    std::size_t comma = where.find(',');
    return open_npy(where.substr(0, comma), comma == std::string::npos ? "" : where.substr(comma + 1));
  }
  fail<DataError>(
      "open", "the data SPEC '" + spec + "' begins with none of fashion-mnist, cifar10, cifar100, stl10, folder, npy");
}

}  // namespace nacre::data
