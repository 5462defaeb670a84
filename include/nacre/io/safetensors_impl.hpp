// Definitions of io/safetensors.hpp.
#pragma once

#include <nacre/io/crc32.hpp>
#include <nacre/io/json.hpp>
#include <nacre/io/safetensors.hpp>

#include <algorithm>

namespace nacre::io {

namespace detail {

inline constexpr const char* crc_key = "nacre.crc32";
inline constexpr const char* crc_zero = "00000000";

inline std::string hex8(u32 x) {
  std::string s(8, '0');
  for (int i = 7; i >= 0; --i, x >>= 4) s[static_cast<std::size_t>(i)] = "0123456789abcdef"[x & 15];
  return s;
}

// IEEE half precision: 1 sign, 5 exponent (bias 15), 10 fraction.
inline double half_to_double(std::uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 1023;
  double x = exponent == 0    ? std::ldexp(fraction, -24)
             : exponent == 31 ? (fraction ? std::nan("") : HUGE_VAL)
                              : std::ldexp(fraction + 1024, exponent - 25);
  return h >> 15 ? -x : x;
}

// Elements times size; false when it does not fit.
inline bool bytes_of(const std::vector<u64>& extents, DType dtype, u64& bytes) {
  bytes = size_of(dtype);
  for (u64 e : extents)
    if (__builtin_mul_overflow(bytes, e, &bytes)) return false;
  return bytes < u64{1} << 62;
}

// The header as our writer spells it, padded with spaces to whole 8 bytes; tensors in the order of the data.
inline std::string header_text(const Metadata& metadata, const std::string& crc,
                               const std::vector<const TensorInfo*>& tensors) {
  json::Writer w;
  w.object().key("__metadata__").object();
  bool pending = true;
  auto write_crc = [&] {
    if (pending) w.key(crc_key).value(crc);
    pending = false;
  };
  for (const auto& [key, value] : metadata) {
    if (key > crc_key) write_crc();
    w.key(key).value(value);
  }
  write_crc();
  w.end();
  for (const TensorInfo* t : tensors) {
    w.key(t->name).object().key("dtype").value(name_of(t->dtype)).key("shape").array();
    for (i64 e : t->shape) w.value(e);
    w.end().key("data_offsets").array().value(t->begin).value(t->end).end().end();
  }
  w.end();
  std::string s = w.str();
  s.resize((s.size() + 7) / 8 * 8, ' ');
  return s;
}

inline TensorInfo read_tensor(json::Cursor& in, std::string name) {
  TensorInfo t;
  if (name.size() > SafeTensors::max_name) in.fail("a tensor's name is longer than 4096 bytes");
  for (char c : name)
    if (static_cast<unsigned char>(c) < 32) in.fail("a tensor's name contains a control character");
  auto refuse = [&](const std::string& what) { in.fail("tensor '" + name + "': " + what); };
  auto integer = [&] {
    u64 x = 0;
    std::string_view text = in.number();
    if (!json::parse_u64(text, x)) refuse(std::string(text) + " is not an integer from 0 to 2^64 - 1");
    return x;
  };
  bool has_dtype = false, has_shape = false, has_offsets = false;
  auto once = [&](bool& seen, const std::string& field) {
    if (seen) refuse("the field '" + field + "' stands twice");
    seen = true;
  };
  std::vector<u64> extents;
  in.object([&](const std::string& field) {
    if (field == "dtype") {
      once(has_dtype, field);
      std::string word = in.string();
      int d = 0;
      while (d < dtype_count && word != dtype_names[d]) ++d;
      if (d == dtype_count) refuse("the element type '" + word + "' is not supported");
      t.dtype = static_cast<DType>(d);
    } else if (field == "shape") {
      once(has_shape, field);
      in.array([&] {
        if (extents.size() == Shape::max_rank) refuse("more than 6 dimensions");
        extents.push_back(integer());
      });
    } else if (field == "data_offsets") {
      once(has_offsets, field);
      in.expect('[');
      t.begin = integer();
      in.expect(',');
      t.end = integer();
      in.expect(']');
    } else {
      refuse("unknown field '" + field + "'");
    }
  });
  if (!has_dtype) refuse("the field 'dtype' is missing");
  if (!has_shape) refuse("the field 'shape' is missing");
  if (!has_offsets) refuse("the field 'data_offsets' is missing");
  u64 bytes = 0;
  if (!bytes_of(extents, t.dtype, bytes)) refuse("its size overflows");
  if (t.end < t.begin) refuse("its data ends before it begins");
  if (t.end - t.begin != bytes)
    refuse("its shape needs " + std::to_string(bytes) + " bytes, its range has " + std::to_string(t.end - t.begin));
  i64 e[Shape::max_rank] = {};
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (extents[i] >= u64{1} << 62) refuse("a dimension is larger than 2^62");
    e[i] = static_cast<i64>(extents[i]);
  }
  t.shape = Shape(e, static_cast<int>(extents.size()));
  t.name = std::move(name);
  return t;
}

}  // namespace detail

NACRE_INLINE SafeTensors SafeTensors::open(const std::string& path) {
  SafeTensors s(Source::open(path));
  s.read_header();
  return s;
}

NACRE_INLINE SafeTensors SafeTensors::parse(std::string bytes, std::string name) {
  SafeTensors s(Source::memory(std::move(bytes), std::move(name)));
  s.read_header();
  return s;
}

NACRE_INLINE void SafeTensors::read_header() {
  auto refuse = [&](const std::string& what) { fail<DataError>("safetensors", file_name() + ": " + what); };
  u64 header = 0, size = source_.size();
  auto none = [&](const std::string& why) { refuse("is not a safetensors file: " + why); };
  if (size < 8) none("has " + std::to_string(size) + " bytes, a header's length alone takes 8");
  source_.read(0, &header, 8);
  if (header == 0) none("the header is empty");
  if (header > max_header) none("the header's length " + std::to_string(header) + " is above 100000000");
  if (header > size - 8)
    refuse("is truncated, or not a safetensors file: the header's length " + std::to_string(header) +
           " reaches beyond the file's end");
  std::string text(static_cast<std::size_t>(header), '\0');
  source_.read(8, text.data(), text.size());
  data_begin_ = 8 + header;

  if (text[0] != '{') none("the header does not start with '{'");
  json::Cursor in(text, "safetensors: " + file_name() + ": header", json::Cursor::Blanks::spaces);
  bool has_metadata = false;
  std::string checksum;
  in.object([&](std::string& name) {
    if (name == "__metadata__") {
      if (has_metadata) in.fail("'__metadata__' stands twice");
      has_metadata = true;
      in.object([&](std::string& key) {
        if (metadata_.size() == max_metadata) in.fail("more than 100000 metadata entries");
        if (in.peek() != '"') in.fail("the metadata '" + key + "' is not a string");
        if (!metadata_.emplace(key, in.string()).second) in.fail("the metadata '" + key + "' stands twice");
      });
    } else {
      if (tensors_.size() == max_tensors) in.fail("more than 1000000 tensors");
      tensors_.push_back(detail::read_tensor(in, std::move(name)));
    }
  });
  in.end();
  std::sort(tensors_.begin(), tensors_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (std::size_t i = 1; i < tensors_.size(); ++i)
    if (tensors_[i].name == tensors_[i - 1].name) refuse("the tensor '" + tensors_[i].name + "' stands twice");

  std::vector<u32> order = data_order();
  if (auto crc = metadata_.find(detail::crc_key); crc != metadata_.end()) {
    checksum = crc->second;
    metadata_.erase(crc);
    has_checksum_ = true;
    verify_checksum(order, checksum);
  }
}

NACRE_INLINE std::vector<u32> SafeTensors::data_order() const {
  std::vector<u32> order(tensors_.size());
  for (u32 i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](u32 i, u32 j) {
    const TensorInfo &a = tensors_[i], &b = tensors_[j];
    if (a.begin != b.begin) return a.begin < b.begin;
    if (a.end != b.end) return a.end < b.end;
    return a.dtype != b.dtype ? a.dtype > b.dtype : i < j;  // empty tensors, as our writer orders them
  });
  u64 at = 0;
  for (u32 i : order) {
    const TensorInfo& t = tensors_[i];
    check<DataError>(t.begin == at, "safetensors", [&] {
      return describe(t) + " starts at byte " + std::to_string(t.begin) + " of the data: the bytes " +
             (t.begin > at ? "before it belong to no tensor" : "there belong to two tensors");
    });
    at = t.end;
  }
  u64 data = source_.size() - data_begin_;
  check<DataError>(at == data, "safetensors", [&] {
    return file_name() + ": the tensors take " + std::to_string(at) + " bytes, the file has " + std::to_string(data) +
           " for them" + (at > data ? " (is it truncated?)" : " (something follows the last tensor)");
  });
  return order;
}

NACRE_INLINE void SafeTensors::verify_checksum(const std::vector<u32>& order, const std::string& expected) const {
  std::vector<const TensorInfo*> infos;
  for (u32 i : order) infos.push_back(&tensors_[i]);
  std::string text = detail::header_text(metadata_, detail::crc_zero, infos);
  u32 crc = crc32(0, text.data(), text.size());
  text.resize(std::size_t{1} << 18);
  for (u64 at = data_begin_; at < source_.size(); at += text.size()) {
    if (source_.size() - at < text.size()) text.resize(static_cast<std::size_t>(source_.size() - at));
    source_.read(at, text.data(), text.size());
    crc = crc32(crc, text.data(), text.size());
  }
  check<DataError>(detail::hex8(crc) == expected, "safetensors", [&] {
    return file_name() + ": its content does not match its checksum: the file is damaged (or was edited by a program" +
           " that kept the metadata '" + detail::crc_key + "'; remove that entry)";
  });
}

NACRE_INLINE const TensorInfo* SafeTensors::find(std::string_view name) const {
  auto t = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                            [](const TensorInfo& a, std::string_view b) { return a.name < b; });
  return t != tensors_.end() && t->name == name ? &*t : nullptr;
}

NACRE_INLINE const TensorInfo& SafeTensors::info(std::string_view name) const {
  const TensorInfo* t = find(name);
  if (!t) fail<DataError>("safetensors", file_name() + ": has no tensor '" + std::string(name) + "'");
  return *t;
}

NACRE_INLINE std::string SafeTensors::describe(const TensorInfo& t) const {
  return file_name() + ": tensor '" + t.name + "' (" + name_of(t.dtype) + " " + t.shape.str() + ")";
}

NACRE_INLINE void SafeTensors::read(const TensorInfo& t, u64 offset, void* into, std::size_t bytes) const {
  source_.read(data_begin_ + t.begin + offset, into, bytes);
  if (t.dtype != DType::boolean) return;
  const u8* p = static_cast<const u8*>(into);
  for (std::size_t i = 0; i < bytes; ++i)
    if (p[i] > 1) {
      std::memset(into, 0, bytes);  // no bool may hold another value
      fail<DataError>("safetensors", describe(t) + " holds a byte that is neither 0 nor 1");
    }
}

NACRE_INLINE void SafeTensors::read_doubles(const TensorInfo& t, u64 first, double* into, int count) const {
  check<DataError>(is_float(t.dtype), "safetensors", [&] { return describe(t) + " is not of a float type"; });
  std::size_t size = size_of(t.dtype), n = static_cast<std::size_t>(count);
  char raw[8 * 512];
  source_.read(data_begin_ + t.begin + first * size, raw, n * size);
  for (std::size_t i = 0; i < n; ++i) {
    std::uint16_t half;
    float single;
    std::memcpy(&half, raw + i * size, 2);
    if (size >= 4) std::memcpy(&single, raw + i * size, 4);
    if (t.dtype == DType::f64) std::memcpy(into + i, raw + i * size, 8);
    else if (t.dtype == DType::f32) into[i] = static_cast<double>(single);
    else if (t.dtype == DType::f16) into[i] = detail::half_to_double(half);
    else into[i] = static_cast<double>(std::bit_cast<float>(u32{half} << 16));
  }
}

NACRE_INLINE void SafeTensorsWriter::add(TensorInfo info, const void* data, std::shared_ptr<const void> owner) {
  const std::string& name = info.name;
  auto refuse = [&](const char* why) { fail("safetensors", "the tensor name '" + name + "' " + why); };
  if (name == "__metadata__") refuse("is reserved");
  if (name.size() > SafeTensors::max_name) refuse("is longer than 4096 bytes");
  if (!json::valid_utf8(name)) refuse("is not valid UTF-8");
  for (char c : name)
    if (static_cast<unsigned char>(c) < 32) refuse("contains a control character");
  if (items_.count(name)) refuse("is there already");
  info.end = static_cast<u64>(info.shape.size()) * size_of(info.dtype);
  std::string key = name;
  items_.emplace(std::move(key), Item{std::move(info), data, std::move(owner)});
}

NACRE_INLINE void SafeTensorsWriter::metadata(std::string key, std::string value) {
  check(key != detail::crc_key, "safetensors", [&] { return "the metadata key '" + key + "' is reserved"; });
  check(json::valid_utf8(key) && json::valid_utf8(value), "safetensors",
        [&] { return "the metadata '" + key + "' is not valid UTF-8"; });
  metadata_[std::move(key)] = std::move(value);
}

NACRE_INLINE std::vector<SafeTensorsWriter::Item> SafeTensorsWriter::sorted() const {
  std::vector<Item> items;
  u64 at = 0;
  for (int type = dtype_count - 1; type >= 0; --type)
    for (const auto& [name, item] : items_) {
      if (item.info.dtype != static_cast<DType>(type)) continue;
      items.push_back(item);
      items.back().info.begin = at;
      items.back().info.end = at += item.info.end;
    }
  return items;
}

NACRE_INLINE std::string SafeTensorsWriter::head(const std::vector<Item>& items) const {
  std::vector<const TensorInfo*> infos;
  for (const Item& item : items) infos.push_back(&item.info);
  std::string header = detail::header_text(metadata_, detail::crc_zero, infos);
  u32 crc = crc32(0, header.data(), header.size());
  for (const Item& item : items) crc = crc32(crc, item.data, item.bytes());
  header = detail::header_text(metadata_, detail::hex8(crc), infos);
  u64 size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header;
}

NACRE_INLINE void SafeTensorsWriter::save(const std::string& path, Previous previous) const {
  std::vector<Item> items = sorted();
  std::string start = head(items);
  AtomicFile f(path, start.size() + (items.empty() ? 0 : items.back().info.end));
  f.write(start);
  for (const Item& item : items) f.write(item.data, item.bytes());
  f.commit(previous);
}

NACRE_INLINE std::string SafeTensorsWriter::bytes() const {
  std::vector<Item> items = sorted();
  std::string all = head(items);
  for (const Item& item : items) all.append(static_cast<const char*>(item.data), item.bytes());
  return all;
}

}  // namespace nacre::io
