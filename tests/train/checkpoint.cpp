#include <nacre/train/checkpoint.hpp>

#include "../io/scratch.hpp"
#include "method.hpp"

using namespace nacre;
using scratch::has;
using test::bits;
using train::load_checkpoint, train::part, train::save_checkpoint;

namespace {

// Every kind of leaf: float and double parameters, float, double and integer states.
struct Model {
  Parameter<float> a{test::randn<float>({2, 3}, 1)};
  Parameter<double> b{test::randn<double>({4}, 2)};
  State<float> mean{test::randn<float>({3}, 3)};
  State<double> z{test::randn<double>({1}, 4)};
  State<i64> queue{Tensor<i64>::of({2}, {7, -1})};
  bool with_extra = false;
  Parameter<float> extra{test::randn<float>({5}, 5)};

  static void visit(auto& self, auto&& f) {
    f("a", self.a);
    f("b", self.b);
    f("mean", self.mean);
    f("z", self.z);
    f("queue", self.queue);
    if (self.with_extra) f("extra", self.extra);
  }
  void scramble() {
    auto zero = [](const std::string&, auto& leaf) { leaf.value().fill(0); };
    nn::for_each_parameter(*this, zero);
    nn::for_each_state(*this, zero);
  }
};

// Agrees with Model in mean and z alone.
struct Other {
  Parameter<float> a{test::randn<float>({3, 2}, 1)};
  Parameter<float> b{test::randn<float>({4}, 2)};
  State<float> mean{test::randn<float>({3}, 3)};
  State<double> z{test::randn<double>({1}, 4)}, fresh{test::randn<double>({2}, 6)};
  static void visit(auto& self, auto&& f) {
    f("a", self.a);
    f("b", self.b);
    f("mean", self.mean);
    f("z", self.z);
    f("fresh", self.fresh);
  }
};

}  // namespace

TEST_CASE("every parameter and state of every part comes back with its bits, and so does the metadata") {
  scratch::Directory dir;
  Model one, two;
  two.a.value()[0] = -0.0f;
  two.b.value()[1] = 5e-324;
  save_checkpoint(dir / "c", {{"step", "12"}, {"text", "\"quoted\" \xc3\xa9"}}, part("one", one), part("two", two));
  std::string first = bits(one), second = bits(two);
  Model other, another;
  other.scramble();
  another.scramble();
  const float* memory = other.a.value().data();
  io::Metadata metadata = load_checkpoint(dir / "c", part("one", other), part("two", another));
  CHECK(bits(other) == first);
  CHECK(bits(another) == second);
  CHECK(metadata == io::Metadata{{"step", "12"}, {"text", "\"quoted\" \xc3\xa9"}});
  CHECK(other.a.value().data() == memory);  // an optimizer's views stay valid

  io::SafeTensors file = io::SafeTensors::open(dir / "c");
  CHECK(file.find("one.a")->shape == Shape{2, 3});
  CHECK(file.find("two.queue")->dtype == io::DType::i64);
  CHECK(file.tensors().size() == 10);
}

TEST_CASE("all differences are listed in one message, and nothing has changed") {
  scratch::Directory dir;
  Other other;
  Model model;
  model.with_extra = true;
  save_checkpoint(dir / "c", {}, part("m", model));
  std::string before = bits(other);
  std::string text = scratch::error<DataError>([&] { load_checkpoint(dir / "c", part("m", other)); });
  CHECK(has(text, (dir / "c") + " belongs to another configuration:"));
  CHECK(has(text, "differs: m.a is F32 [2, 3] there, F32 [3, 2] here"));
  CHECK(has(text, "differs: m.b is F64 [4] there, F32 [4] here"));
  CHECK(has(text, "missing there: m.fresh F64 [2]"));
  CHECK(has(text, "missing here: m.queue I64 [2]"));
  CHECK(has(text, "missing here: m.extra F32 [5]"));
  CHECK(!has(text, "m.mean"));
  CHECK(!has(text, "m.z"));
  CHECK(bits(other) == before);

  Model plain;  // only that the file holds more
  std::string more = scratch::error<DataError>([&] { load_checkpoint(dir / "c", part("m", plain)); });
  CHECK(has(more, "missing here: m.extra F32 [5]"));
  more = scratch::error<DataError>([&] { load_checkpoint(dir / "c", part("other", model)); });
  CHECK(has(more, "missing there: other.a"));
}

TEST_CASE("one part can be read alone; its own tensors must agree all the same") {
  scratch::Directory dir;
  Model one, two, there;
  two.scramble();
  save_checkpoint(dir / "c", {}, part("one", one), part("two", two));
  io::SafeTensors file = io::SafeTensors::open(dir / "c");
  load_checkpoint(file, train::Others::ignore, part("two", there));
  CHECK(bits(there) == bits(two));
  std::string text = scratch::error<DataError>([&] { load_checkpoint(file, part("two", there)); });
  CHECK(has(text, "missing here: one.a"));
  Other other;
  text = scratch::error<DataError>([&] { load_checkpoint(file, train::Others::ignore, part("two", other)); });
  CHECK(has(text, "missing here: two.queue I64 [2]"));
  CHECK(!has(text, "one."));
}

TEST_CASE("a damaged, truncated, absent or foreign file changes nothing") {
  scratch::Directory dir;
  Model model, there;
  there.scramble();
  save_checkpoint(dir / "c", {}, part("m", there));
  std::string good = scratch::content(dir / "c"), before = bits(model);
  auto refused = [&](const std::string& bytes) {
    scratch::put(dir / "c", bytes);
    std::string text = scratch::error<DataError>([&] { load_checkpoint(dir / "c", part("m", model)); });
    CHECK(has(text, dir / "c"));
    CHECK(bits(model) == before);
  };
  for (std::size_t at = 0; at < good.size(); at += 3) {  // one flipped bit, anywhere
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    CAPTURE(at);
    refused(bytes);
  }
  for (std::size_t size = 0; size < good.size(); size += 7) refused(good.substr(0, size));
  refused(good + "x");
  std::string text = scratch::error<DataError>([&] { load_checkpoint(dir / "none", part("m", model)); });
  CHECK(has(text, "none"));
  CHECK(bits(model) == before);
  scratch::put(dir / "c", good);
  load_checkpoint(dir / "c", part("m", model));
  CHECK(bits(model) == bits(there));
}

TEST_CASE("the checkpoint before is kept, and both can be loaded") {
  scratch::Directory dir;
  Model model;
  std::string path = dir / "checkpoint.safetensors", previous = io::previous_name(path);
  CHECK(previous == dir / "checkpoint.prev.safetensors");
  std::string states[3];
  for (int i = 0; i < 3; ++i) {
    model.z.value()[0] = i;
    states[i] = bits(model);
    save_checkpoint(path, {{"step", std::to_string(i)}}, part("m", model));
    CHECK(dir.files() == (i == 0 ? 1 : 2));  // and no temporary file
  }
  Model loaded;
  CHECK(load_checkpoint(path, part("m", loaded)).at("step") == "2");
  CHECK(bits(loaded) == states[2]);
  CHECK(load_checkpoint(previous, part("m", loaded)).at("step") == "1");
  CHECK(bits(loaded) == states[1]);
}

TEST_CASE("what cannot be written is a WriteError, and the same model gives the same file") {
  scratch::Directory dir;
  Model model;
  CHECK_THROWS_AS(save_checkpoint(dir / "nowhere/c", {}, part("m", model)), WriteError);
  save_checkpoint(dir / "a", {{"k", "v"}}, part("m", model));
  save_checkpoint(dir / "b", {{"k", "v"}}, part("m", model));
  CHECK(scratch::content(dir / "a") == scratch::content(dir / "b"));
}
