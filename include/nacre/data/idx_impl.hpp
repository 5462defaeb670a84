// Definitions of data/idx.hpp: the only header of the library that includes zlib.
#pragma once

#include <nacre/data/file.hpp>
#include <nacre/data/idx.hpp>
#include <nacre/io/file.hpp>

#include <algorithm>

#include <zlib.h>

namespace nacre::data {
namespace detail {

// Reads a plain or gzip file front to back, as many bytes as asked for.
class IdxSource {
 public:
  IdxSource(const u8* bytes, std::size_t size, const std::string& name)
      : name_(name), gzip_(size >= 2 && bytes[0] == 0x1f) {
    stream_.next_in = const_cast<u8*>(bytes);
    left_ = size;
    if (gzip_ && inflateInit2(&stream_, 15 + 16) != Z_OK) fail<DataError>("read_idx", "zlib could not be started");
  }
  ~IdxSource() {
    if (gzip_) inflateEnd(&stream_);
  }
  IdxSource(const IdxSource&) = delete;

  bool gzip() const { return gzip_; }

  void read(u8* out, u64 n) {
    while (n > 0) {
      u64 piece = std::min<u64>(n, u64{1} << 30);
      if (gzip_) {
        stream_.next_out = out;
        stream_.avail_out = static_cast<uInt>(piece);
        while (stream_.avail_out > 0) step("ends before its data does; download it again");
      } else {
        check<DataError>(left_ >= piece, "read_idx",
                         [&] { return name_ + " ends before its data does; download it again"; });
        std::copy_n(stream_.next_in, piece, out);
        stream_.next_in += piece;
        left_ -= piece;
      }
      out += piece;
      n -= piece;
    }
  }

  // The file must end here.
  void finish() {
    if (gzip_) {
      u8 extra;
      stream_.next_out = &extra;
      stream_.avail_out = 1;
      while (!ended_) {
        step("ends inside its check sum; download it again");
        check<DataError>(stream_.avail_out == 1, "read_idx",
                         [&] { return name_ + " holds more bytes than its header says"; });
      }
    }
    check<DataError>(left_ == 0 && stream_.avail_in == 0, "read_idx",
                     [&] { return name_ + " has bytes after its end (more than its header says)"; });
  }

 private:
  void step(const char* too_short) {
    if (stream_.avail_in == 0) {  // zlib counts in 32 bits
      stream_.avail_in = static_cast<uInt>(std::min<u64>(left_, u64{1} << 30));
      left_ -= stream_.avail_in;
    }
    check<DataError>(!ended_ && stream_.avail_in > 0, "read_idx", [&] { return name_ + " " + too_short; });
    int r = inflate(&stream_, Z_NO_FLUSH);
    ended_ = r == Z_STREAM_END;
    check<DataError>(r == Z_OK || ended_, "read_idx", [&] {
      return name_ + " is not valid gzip (" + (stream_.msg ? stream_.msg : "corrupt") + "); download it again";
    });
  }

  const std::string& name_;
  z_stream stream_{};
  u64 left_ = 0;  // bytes not yet handed to zlib
  bool gzip_, ended_ = false;
};

inline std::string idx_path(const std::string& dir, const std::string& stem) {
  std::string plain = dir + "/" + stem, packed = plain + ".gz";
  check<DataError>(is_directory(dir), "fashion_mnist", [&] {
    return "there is no folder " + dir +
           "; install Debian's dataset-fashion-mnist or name the folder of the four files";
  });
  if (is_file(packed)) return packed;
  check<DataError>(is_file(plain), "fashion_mnist", [&] {
    return dir + " holds neither " + stem + ".gz nor " + stem + "; the four IDX files must lie there";
  });
  return plain;
}

inline Images fashion_mnist_split(const std::string& dir, const std::string& prefix, const std::string& name) {
  return read_idx_images(
      idx_path(dir, prefix + "-images-idx3-ubyte"), idx_path(dir, prefix + "-labels-idx1-ubyte"), name,
      {"T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"});
}

}  // namespace detail

NACRE_INLINE Tensor<u8> parse_idx(const u8* bytes, std::size_t size, const std::string& name, i64 max_elements) {
  detail::IdxSource source(bytes, size, name);
  u8 head[16];
  source.read(head, 4);
  int rank = head[3];
  check<DataError>(head[0] == 0 && head[1] == 0 && head[2] == 8 && rank >= 1 && rank <= 3, "read_idx", [&] {
    return name + " is not an IDX file of unsigned bytes with 1 to 3 sizes (its first four bytes are " +
           std::to_string(head[0]) + " " + std::to_string(head[1]) + " " + std::to_string(head[2]) + " " +
           std::to_string(head[3]) + ")";
  });
  source.read(head + 4, 4 * static_cast<u64>(rank));
  i64 extent[3] = {}, elements = 1;
  for (int i = 0; i < rank; ++i) {
    for (int k = 0; k < 4; ++k) extent[i] = extent[i] * 256 + head[4 + 4 * i + k];
    bool overflow = __builtin_mul_overflow(elements, extent[i], &elements);
    check<DataError>(!overflow && elements <= max_elements, "read_idx", [&] {
      return name + " claims more than " + std::to_string(max_elements) +
             " bytes; the file is corrupt or the limit too low";
    });
  }
  u64 most = source.gzip() ? 1032 * static_cast<u64>(size) : static_cast<u64>(size);
  check<DataError>(static_cast<u64>(elements) <= most, "read_idx", [&] {
    return name + " claims " + std::to_string(elements) + " bytes, more than its " + std::to_string(size) +
           " bytes can hold; it is truncated or corrupt";
  });
  Tensor<u8> out(Shape(extent, rank));
  source.read(out.data(), static_cast<u64>(elements));
  source.finish();
  return out;
}

NACRE_INLINE Tensor<u8> read_idx(const std::string& path) {
  std::string bytes = io::read_file(path, u64{1} << 32);
  return parse_idx(reinterpret_cast<const u8*>(bytes.data()), bytes.size(), path);
}

NACRE_INLINE Images read_idx_images(const std::string& images_path, const std::string& labels_path,
                                    const std::string& name, const std::vector<std::string>& classes) {
  Tensor<u8> pixels = read_idx(images_path), raw = read_idx(labels_path);
  check<DataError>(pixels.rank() == 3 && raw.rank() == 1, "read_idx", [&] {
    return images_path + " must be [N, H, W] and " + labels_path + " [N], got " + pixels.shape().str() + " and " +
           raw.shape().str();
  });
  check<DataError>(pixels.dim(0) == raw.dim(0) && pixels.size() > 0, "read_idx", [&] {
    return images_path + " holds " + std::to_string(pixels.dim(0)) + " pictures and " + labels_path + " " +
           std::to_string(raw.dim(0)) + " labels; both must be equal and not 0";
  });
  Tensor<i64> labels({raw.dim(0)});
  for (i64 i = 0; i < raw.size(); ++i) {
    check<DataError>(raw[i] < classes.size(), "read_idx", [&] {
      return labels_path + ": label " + std::to_string(raw[i]) + " of picture " + std::to_string(i) + " is not below " +
             std::to_string(classes.size());
    });
    labels[i] = raw[i];
  }
  Images images;
  images.channels = 1;
  images.pixels = pixels.reshape({pixels.dim(0), pixels.dim(1), pixels.dim(2), 1});
  images.labels = labels;
  images.classes = classes;
  images.name = name;
  seal(images);
  return images;
}

NACRE_INLINE Images fashion_mnist(const std::string& dir) {
  return detail::fashion_mnist_split(dir, "train", "fashion-mnist train");
}
NACRE_INLINE Images fashion_mnist_test(const std::string& dir) {
  return detail::fashion_mnist_split(dir, "t10k", "fashion-mnist test");
}

}  // namespace nacre::data
