// Definitions of data/y4m.hpp.
#pragma once

#include <nacre/core/parallel.hpp>
#include <nacre/data/y4m.hpp>
#include <nacre/io/file.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace nacre::data {
namespace detail {

// What the first line says.
struct Y4mHeader {
  i64 height = 0, width = 0, across = 2, down = 2;  // pixels a chroma sample covers; 4:2:0 where C is missing
  bool mono = false, full = false;
  double fps = 0;

  i64 chroma_height() const { return mono ? 0 : (height + down - 1) / down; }
  i64 chroma_width() const { return mono ? 0 : (width + across - 1) / across; }
  i64 frame_bytes() const { return height * width + 2 * chroma_height() * chroma_width(); }
};

class Y4mReader {
 public:
  explicit Y4mReader(io::Source source) : source_(std::move(source)) {
    std::string first = line(0, 1024, "the first line");
    at_ = first.size() + 1;
    std::vector<std::string> words(1);
    for (char c : first) {
      if (c == ' ') words.emplace_back();
      else words.back() += c;
    }
    expect(words[0] == "YUV4MPEG2", "it does not begin with YUV4MPEG2");
    for (std::size_t i = 1; i < words.size(); ++i) parameter(words[i]);
    expect(header.width > 0 && header.height > 0, "its first line gives no width W or no height H");
    expect(header.width <= 100'000'000 / header.height, "its frames have more pixels than the limit");
  }

  Y4mHeader header;

  // Goes past "FRAME...\n"; false at the end of the file.
  bool next() {
    if (at_ == source_.size()) return false;
    std::string text = line(at_, 256, "the line FRAME");
    expect(text == "FRAME" || text.starts_with("FRAME "), "a frame does not begin with FRAME");
    at_ += text.size() + 1;
    expect(source_.size() - at_ >= static_cast<u64>(header.frame_bytes()), "it ends inside a frame");
    ++frames_;
    return true;
  }
  void skip() { at_ += static_cast<u64>(header.frame_bytes()); }
  void read(std::vector<u8>& planes) {
    planes.resize(static_cast<std::size_t>(header.frame_bytes()));
    source_.read(at_, planes.data(), planes.size());
    skip();
  }

  void expect(bool ok, const char* what) const {
    check<DataError>(ok, "read_y4m", [&] {
      return source_.name() + " cannot be read (" + what + ", after " + std::to_string(frames_) + " frames)";
    });
  }

 private:
  std::string line(u64 from, u64 most, const char* what) {
    std::string text(std::min(most, source_.size() - from), '\0');
    source_.read(from, text.data(), text.size());
    std::size_t end = text.find('\n');
    expect(end != std::string::npos, (std::string(what) + " does not end").c_str());
    text.resize(end);
    return text;
  }

  i64 number(std::string_view text, char key) {
    i64 value = -1;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    expect(error == std::errc() && end == text.data() + text.size() && value >= 0 && value < (1 << 30),
           (std::string("parameter ") + key + " is not a whole number").c_str());
    return value;
  }

  void parameter(const std::string& word) {
    std::string_view value(word);
    if (value.empty()) return;
    value.remove_prefix(1);
    switch (word[0]) {
      case 'W': header.width = number(value, 'W'); break;
      case 'H': header.height = number(value, 'H'); break;
      case 'F': {
        std::size_t colon = value.find(':');
        expect(colon != std::string_view::npos, "parameter F is not a ratio");
        double n = static_cast<double>(number(value.substr(0, colon), 'F'));
        double d = static_cast<double>(number(value.substr(colon + 1), 'F'));
        header.fps = d > 0 ? n / d : 0;
        break;
      }
      case 'I': expect(value == "p" || value == "?", "it is interlaced"); break;
      case 'C':
        header.mono = value == "mono";
        header.across = value == "444" || header.mono ? 1 : 2;
        header.down = value.starts_with("420") ? 2 : 1;
        expect(value == "420" || value == "420jpeg" || value == "420mpeg2" || value == "420paldv" || value == "422" ||
                   value == "444" || header.mono,
               "its colour space is none of 420, 422, 444 and mono with 8 bits");
        break;
      case 'X':
        if (value == "COLORRANGE=FULL") header.full = true;
        break;
      default: break;  // A, the shape of a pixel
    }
  }

  io::Source source_;
  u64 at_ = 0;
  i64 frames_ = 0;
};

// Planes Y, U, V to [H, W, 3].
inline void y4m_to_rgb(const Y4mHeader& h, const u8* planes, u8* rgb) {
  float low = h.full ? 0.f : 16.f, luma = h.full ? 1.f : 255.f / 219, chroma = h.full ? 1.f : 255.f / 224;
  auto byte = [](float x) { return static_cast<u8>(std::lrint(std::clamp(x, 0.f, 255.f))); };
  const u8 *u_plane = planes + h.height * h.width, *v_plane = u_plane + h.chroma_height() * h.chroma_width();
  parallel_for(h.height, 64, [&](i64 begin, i64 end) {
    for (i64 y = begin; y < end; ++y)
      for (i64 x = 0; x < h.width; ++x) {
        float value = (static_cast<float>(planes[y * h.width + x]) - low) * luma, u = 0, v = 0;
        if (!h.mono) {
          i64 at = y / h.down * h.chroma_width() + x / h.across;
          u = (static_cast<float>(u_plane[at]) - 128) * chroma;
          v = (static_cast<float>(v_plane[at]) - 128) * chroma;
        }
        u8* out = rgb + (y * h.width + x) * 3;
        out[0] = byte(value + 1.402f * v);
        out[1] = byte(value - 0.344136f * u - 0.714136f * v);
        out[2] = byte(value + 1.772f * u);
      }
  });
}

inline Video y4m_video(io::Source source, const std::string& name, const VideoOptions& o) {
  check(o.every >= 1 && o.side >= 0 && o.frames >= 0, "read_y4m", [&] {
    return "every " + std::to_string(o.every) + ", side " + std::to_string(o.side) + ", frames " +
           std::to_string(o.frames) + ": every must be at least 1, the others 0 (no limit) or more";
  });
  Y4mReader in(std::move(source));
  const Y4mHeader& h = in.header;
  Shape to = fitted(h.height, h.width, o.side);
  i64 picture = to[0] * to[1] * 3, n = 0, seen = 0;
  std::vector<u8> bytes, planes;
  Tensor<u8> rgb;
  while ((o.frames == 0 || n < o.frames) && in.next()) {
    if (seen++ % o.every != 0) {
      in.skip();
      continue;
    }
    check<DataError>((n + 1) * picture <= o.budget, "read_y4m", [&] {
      return name + " needs more than " + std::to_string(o.budget) +
             " bytes decoded; keep fewer frames (every, frames) or smaller ones (side)";
    });
    in.read(planes);
    if (n == 0) rgb = Tensor<u8>({h.height, h.width, 3});
    y4m_to_rgb(h, planes.data(), rgb.data());
    Tensor<u8> small = shrink_area(rgb, to[0], to[1]);
    bytes.insert(bytes.end(), small.data(), small.data() + picture);
    ++n;
  }
  in.expect(n > 0, "it has no frames");
  Video out{Tensor<u8>({n, to[0], to[1], 3}), name, h.fps / static_cast<double>(o.every)};
  std::copy(bytes.begin(), bytes.end(), out.frames.data());
  return out;
}

}  // namespace detail

NACRE_INLINE Video read_y4m(const std::string& path, const VideoOptions& options) {
  return detail::y4m_video(io::Source::open(path), path, options);
}
NACRE_INLINE Video parse_y4m(std::string bytes, const std::string& name, const VideoOptions& options) {
  return detail::y4m_video(io::Source::memory(std::move(bytes), name), name, options);
}

}  // namespace nacre::data
