// safetensors against bytes that the Python package wrote and against damage; the rules: safetensors_rules.cpp.
#include <nacre/io/json.hpp>
#include <nacre/io/safetensors.hpp>

#include <doctest/doctest.h>

#include <limits>

#include "safetensors_bytes.hpp"

using namespace nacre;
using scratch::has;
using scratch::length, scratch::raw, scratch::refusal;

template <std::size_t N>
static std::string literal(const char (&bytes)[N]) {
  return {bytes, N - 1};
}

// What the Python package safetensors 0.8 wrote.
static const std::string python = literal(
    "\220\001\000\000\000\000\000\000{\"__metadata__\":{\"who\":\"pyth\303\266n "
    "\\\"x\\\"\"},\"count\":{\"dtype\":\"I64\",\"shape\":[],"
    "\"data_offsets\":[0,8]},\"none\":{\"dtype\":\"F64\",\"shape\":[0,4],\"data_offsets\":[8,8]},\"layer.weight\":{"
    "\"dtype\":\"F32\","
    "\"shape\":[2,3],\"data_offsets\":[8,32]},\"half\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[32,40]},"
    "\"pixels\":{\"dtype\":"
    "\"U8\",\"shape\":[3],\"data_offsets\":[40,43]},\"flags\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[43,"
    "45]}}  "
    "\0000\357}\272\002\000\000\000\000\300?\000\000\000\200\000\000\200\177\001\000\000\000\000\000P@\000\000\000\300"
    "\000<\000\301\377{\001\000\000\377\007\001\000");
static const std::string python_data = literal(
    "\0000\357}\272\002\000\000\000\000\300?\000\000\000\200\000\000\200\177\001\000\000\000\000\000P@"
    "\000\000\000\300\000\377\007\001\000");

static io::SafeTensorsWriter sample() {
  io::SafeTensorsWriter w;
  w.add("layer.weight",
        Tensor<float>::of({2, 3}, {1.5f, -0.0f, std::numeric_limits<float>::infinity(), 1e-45f, 3.25f, -2.0f}));
  w.add("flags", Tensor<bool>::of({2}, {true, false}));
  w.add("pixels", Tensor<u8>::of({3}, {0, 255, 7}));
  w.add("count", Tensor<i64>::scalar(3'000'000'000'000));
  w.add("none", Tensor<double>(Shape{0, 4}));
  return w;
}

TEST_CASE("safetensors: Python's files are read") {
  auto f = io::SafeTensors::parse(python);
  CHECK(f.names() == std::vector<std::string>{"count", "flags", "half", "layer.weight", "none", "pixels"});
  CHECK(f.metadata().at("who") == "pythön \"x\"");
  CHECK_FALSE(f.has_checksum());
  CHECK(f.get<i64>("count").item() == 3'000'000'000'000);
  CHECK(f.get<double>("none").shape() == Shape{0, 4});
  auto w = f.get<float>("layer.weight");
  CHECK(w.shape() == Shape{2, 3});
  float expected[6] = {1.5f, -0.0f, std::numeric_limits<float>::infinity(), 1e-45f, 3.25f, -2.0f};
  CHECK(std::memcmp(w.data(), expected, sizeof expected) == 0);
  CHECK(io::count_non_finite(w) == 1);
  auto half = f.as<float>("half");
  CHECK(half[0] == 1.0f);
  CHECK(half[1] == -2.5f);
  CHECK(half[2] == 65504.0f);
  CHECK(half[3] == std::ldexp(1.0f, -24));
  auto flags = f.get<bool>("flags");
  CHECK(flags[0]);
  CHECK_FALSE(flags[1]);
  CHECK(f.get<u8>("pixels")[1] == 255);
}

TEST_CASE("safetensors: our file is Python's but for the checksum in the metadata") {
  std::string ours = sample().bytes();
  std::size_t n = ours.size() - python_data.size();
  CHECK(ours.substr(n) == python_data);
  std::string digits = ours.substr(ours.find("nacre.crc32") + 14, 8);
  CHECK(digits == "54e66aa3");  // zlib.crc32 of the header with eight zeros in its place, then the data
  CHECK(ours.substr(0, n) == raw("{\"__metadata__\":{\"nacre.crc32\":\"" + digits +
                                 "\"},\"count\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                                 "\"none\":{\"dtype\":\"F64\",\"shape\":[0,4],\"data_offsets\":[8,8]},\"layer.weight\":"
                                 "{\"dtype\":\"F32\",\"shape\":[2,3],"
                                 "\"data_offsets\":[8,32]},\"pixels\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":"
                                 "[32,35]},\"flags\":{\"dtype\":\"BOOL\","
                                 "\"shape\":[2],\"data_offsets\":[35,37]}} "));
}

TEST_CASE("safetensors: what is saved is read back, every type and bit; the same content is the same file") {
  scratch::Directory dir;
  io::SafeTensorsWriter w = sample();
  w.metadata("z", "line\nbreak");
  w.metadata("a", "");
  w.add("b", Tensor<bf16>::of({2}, {bf16(1.0f), bf16(-3.0f)}));
  w.add("i32", Tensor<std::int32_t>::of({1}, {-5}));
  w.add("i16", Tensor<std::int16_t>::of({1}, {-6}));
  w.add("i8", Tensor<std::int8_t>::of({1}, {-7}));
  w.add("u64", Tensor<u64>::of({1}, {~u64{0}}));
  w.add("", Tensor<double>::of({1, 1, 1, 1, 1, 3}, {std::nan("7"), std::numeric_limits<double>::denorm_min(), -0.0}));
  w.add("a \"quoted\" näme", Tensor<u32>::of({1}, {~u32{0}}));
  w.save(dir / "x");
  CHECK(scratch::content(dir / "x") == w.bytes());

  auto f = io::SafeTensors::open(dir / "x");
  CHECK(f.has_checksum());
  CHECK(f.metadata() == io::Metadata{{"a", ""}, {"z", "line\nbreak"}});
  io::SafeTensorsWriter again;
  again.metadata("a", "");
  again.metadata("z", "line\nbreak");
  again.add("pixels", f.get<u8>("pixels"));
  again.add("none", f.get<double>("none"));
  again.add("layer.weight", f.get<float>("layer.weight"));
  again.add("flags", f.get<bool>("flags"));
  again.add("count", f.get<i64>("count"));
  again.add("a \"quoted\" näme", f.get<u32>("a \"quoted\" näme"));
  again.add("", f.get<double>(""));
  again.add("u64", f.get<u64>("u64"));
  again.add("i8", f.get<std::int8_t>("i8"));
  again.add("i16", f.get<std::int16_t>("i16"));
  again.add("i32", f.get<std::int32_t>("i32"));
  again.add("b", f.get<bf16>("b"));
  CHECK(again.bytes() == w.bytes());
}

TEST_CASE("safetensors: a file without tensors is written and read") {
  CHECK(io::SafeTensors::parse(io::SafeTensorsWriter().bytes()).tensors().empty());
}

TEST_CASE("safetensors: the previous file is kept on request") {
  scratch::Directory dir;
  sample().save(dir / "x.safetensors");
  io::SafeTensorsWriter().save(dir / "x.safetensors", io::Previous::keep);
  CHECK(io::SafeTensors::open(dir / "x.prev.safetensors").tensors().size() == 5);
  CHECK(io::SafeTensors::open(dir / "x.safetensors").tensors().empty());
}

TEST_CASE("safetensors: types are converted only on request, among floats, and stay finite") {
  io::SafeTensorsWriter w;
  w.add("d", Tensor<double>::of({3}, {0.1, -1e-300, std::numeric_limits<double>::infinity()}));
  w.add("big", Tensor<double>::of({1}, {1e39}));
  w.add("b", Tensor<bf16>::of({1}, {bf16(1.5f)}));
  w.add("n", Tensor<i64>::of({1}, {1}));
  Tensor<float> many(Shape{1300});
  for (i64 i = 0; i < many.size(); ++i) many[i] = static_cast<float>(i) / 3;
  w.add("many", many);
  auto f = io::SafeTensors::parse(w.bytes(), "x");
  CHECK(has(scratch::error<DataError>([&] { f.get<float>("d"); }), "x: tensor 'd' (F64 [3]) was asked for as F32"));
  CHECK(f.as<float>("d")[0] == 0.1f);
  CHECK(f.as<float>("d")[1] == 0.0f);
  CHECK(std::isinf(f.as<float>("d")[2]));
  CHECK(f.as<bf16>("d")[0] == bf16(0.1f));
  CHECK(f.as<double>("b")[0] == 1.5);
  CHECK(f.as<double>("d")[0] == 0.1);
  auto wide = f.as<double>("many");
  for (i64 i = 0; i < many.size(); ++i) CHECK(wide[i] == static_cast<double>(many[i]));
  CHECK(has(scratch::error<DataError>([&] { f.as<float>("big"); }), "too large for F32"));
  CHECK(has(scratch::error<DataError>([&] { f.as<float>("n"); }), "is not of a float type"));
  CHECK(has(scratch::error<DataError>([&] { f.get<float>("none"); }), "has no tensor 'none'"));
  Tensor<double> wrong(Shape{4});
  CHECK(has(scratch::error<DataError>([&] { f.get_into("d", wrong); }), "does not fit the shape [4]"));
}

TEST_CASE("safetensors: every half float is converted as IEEE says") {
  std::string data;
  for (int i = 0; i < 65536; ++i) data += {static_cast<char>(i & 255), static_cast<char>(i >> 8)};
  auto h = io::SafeTensors::parse(raw(R"({"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}})", data))
               .as<double>("h");
  CHECK(h[0x0001] == std::ldexp(1.0, -24));
  CHECK(h[0x03FF] == std::ldexp(1023.0, -24));
  CHECK(h[0x0400] == std::ldexp(1.0, -14));
  CHECK(h[0x3555] == 0.333251953125);
  CHECK(std::signbit(h[0x8000]));
  CHECK(std::isinf(h[0x7C00]));
  for (int i = 0; i < 0x7C00; ++i) CHECK((h[i] == -h[i | 0x8000] && h[i] < h[i + 1]));  // monotone up to infinity
  for (int i = 0x7C01; i < 0x8000; ++i) CHECK((std::isnan(h[i]) && std::isnan(h[i | 0x8000])));
}

TEST_CASE("safetensors: the writer refuses what the reader would") {
  io::SafeTensorsWriter w;
  Tensor<float> t(Shape{1});
  w.add("a", t);
  CHECK_THROWS_AS(w.add("a", t), Error);
  CHECK_THROWS_AS(w.add("__metadata__", t), Error);
  CHECK_THROWS_AS(w.add("a\n", t), Error);
  CHECK_THROWS_AS(w.add("\xFF", t), Error);
  CHECK_THROWS_AS(w.add(std::string(4097, 'a'), t), Error);
  CHECK_THROWS_AS(w.metadata("nacre.crc32", ""), Error);
  CHECK_THROWS_AS(w.metadata("a", "\xFF"), Error);
}

TEST_CASE("safetensors: truncated at any byte, or longer, it is rejected") {
  for (const std::string& bytes : {python, sample().bytes()}) {
    for (std::size_t n = 0; n < bytes.size(); ++n) CHECK(refusal(bytes.substr(0, n)) != "");
    CHECK(refusal(bytes + '\0') != "");
  }
}

TEST_CASE("safetensors: any bit flipped is noticed by the checksum, unless it hides the checksum's own name") {
  std::string good = sample().bytes();
  std::size_t name = good.find("nacre.crc32");
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bytes = good;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    bool in_name = bit / 8 >= name && bit / 8 < name + 11;
    CHECK((refusal(bytes) != "" || (in_name && !io::SafeTensors::parse(bytes).has_checksum())));
  }
}

TEST_CASE("safetensors: without a checksum a changed header is rejected, or every tensor can be read") {
  auto read_all = [](const std::string& bytes) {
    try {
      auto f = io::SafeTensors::parse(bytes);
      u64 total = 0;
      for (const auto& t : f.tensors()) {
        total += t.end - t.begin;
        if (io::is_float(t.dtype)) CHECK(f.as<double>(t.name).shape() == t.shape);
      }
      CHECK(total <= bytes.size());
    } catch (const DataError&) {
    }
  };
  std::size_t header = python.size() - 45;
  for (std::size_t bit = 0; bit < header * 8; ++bit) {
    std::string bytes = python;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    read_all(bytes);
  }
  u64 seed = 1;
  auto below = [&](std::size_t n) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(seed >> 33) % n;
  };
  const std::string alphabet = "{}[]\",:0123456789-.eE \\utf";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = python;
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      std::size_t at = 8 + below(header - 8), n = below(12);
      switch (below(4)) {
        case 0:
          bytes[at] = alphabet[below(alphabet.size())];
          break;
        case 1:
          bytes.erase(at, n);
          break;
        case 2:
          bytes.insert(at, bytes.substr(8 + below(header - 8), n));
          break;
        default:
          bytes.insert(at, 1, alphabet[below(alphabet.size())]);
      }
    }
    read_all(length(bytes.size() - 45 - 8) + bytes.substr(8));
  }
}

TEST_CASE("safetensors: the golden file holds what its README says") {
  auto f = io::SafeTensors::open(NACRE_SOURCE_DIR "/tests/golden/pirl_tiny.safetensors");
  CHECK(f.tensors().size() == 723);
  CHECK(f.info("images").shape == Shape{4, 3, 32, 32});
  CHECK(f.info("patches").shape == Shape{4, 9, 3, 16, 16});
  CHECK(f.info("bank").shape == Shape{16, 16});
  CHECK(f.get<i64>("index").shape() == Shape{4});
  CHECK(f.get<i64>("negatives").shape() == Shape{5, 4, 5});
  for (std::string form : {"info_nce", "nce_paper", "nce_constant"}) {
    CHECK(f.info(form + ".loss").shape == Shape{5});
    CHECK(f.info(form + ".terms").shape == Shape{5, 2});
    CHECK(f.info(form + ".z_image").shape == Shape{4, 16});
    CHECK(f.info(form + ".z_patch").shape == Shape{4, 16});
    CHECK(f.info(form + ".bank").shape == Shape{16, 16});
    CHECK(f.contains(form + ".grad.conv1.weight"));
    CHECK(f.contains(form + ".final.layer4.1.bn2.running_var"));
  }
  CHECK(f.info("nce_constant.z").shape == Shape{1});
  CHECK(f.info("init.layer2.0.downsample.0.weight").shape == Shape{8, 4, 1, 1});
  CHECK(f.get<double>("info_nce.loss")[0] == doctest::Approx(2.66905542859680577));
  CHECK(io::json::parse(f.metadata().at("config")).at("temperature").as_double() == 0.07);
  for (const auto& t : f.tensors())
    if (t.dtype == io::DType::f64) CHECK(io::count_non_finite(f.get<double>(t.name)) == 0);
}
