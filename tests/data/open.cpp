#include <nacre/core/random.hpp>
#include <nacre/data/file.hpp>
#include <nacre/data/open.hpp>
#include <nacre/io/npy.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

using namespace nacre;
using namespace nacre::data;

namespace {

// A folder that is removed with everything in it.
struct Folder {
  std::string path;
  explicit Folder(std::string name) : path(std::move(name)) {
    remove(path);
    ::mkdir(path.c_str(), 0777);
  }
  ~Folder() { remove(path); }
  static void remove(const std::string& p) {
    if (is_directory(p)) {
      for (const std::string& n : list_directory(p)) remove(p + "/" + n);
      ::rmdir(p.c_str());
    } else {
      std::remove(p.c_str());
    }
  }
  std::string sub(const std::string& name) const {
    std::string at = path;
    for (std::size_t i = 0; i < name.size();) {
      std::size_t j = std::min(name.find('/', i), name.size());
      at += "/" + name.substr(i, j - i);
      ::mkdir(at.c_str(), 0777);
      i = j + 1;
    }
    return at;
  }
};

std::string repeat(std::size_t n, u8 value) { return std::string(n, static_cast<char>(value)); }
void picture_file(const std::string& path, i64 h, i64 w, i64 c, u8 value) {
  write_png(path, Tensor<u8>::full({h, w, c}, value));
}
std::string refusal(const std::string& spec) {
  try {
    open(spec);
  } catch (const DataError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a folder of classes becomes images, labels by the byte order of the names, grey spread to three channels") {
  Folder f("open_folder");
  picture_file(f.sub("train/dog") + "/1.png", 4, 4, 3, 10);
  picture_file(f.sub("train/Cat") + "/2.PNG", 4, 4, 1, 20);
  picture_file(f.sub("train/Cat") + "/1.png", 4, 4, 3, 30);
  picture_file(f.sub("test/dog") + "/x.png", 4, 4, 3, 40);
  picture_file(f.sub("unlabeled") + "/x.png", 3, 5, 3, 50);
  picture_file(f.sub("unlabeled") + "/y.png", 2, 2, 3, 60);
  io::replace_file(f.path + "/train/dog/notes.txt", "not a picture");
  DataSplits d = open("folder:" + f.path);
  CHECK(d.train.classes == std::vector<std::string>{"Cat", "dog"});
  CHECK((d.train.size() == 3 && d.train.dense() && d.train.channels == 3 && d.train.skipped.empty()));
  CHECK((d.train[0].data()[0] == 30 && d.train[1].data()[0] == 20 && d.train[1].data()[2] == 20));
  CHECK(d.train[2].data()[0] == 10);
  CHECK((d.train.labels[0] == 0 && d.train.labels[2] == 1));
  CHECK((d.test.size() == 1 && d.test.labels[0] == 1));
  CHECK((d.unlabeled.size() == 2 && !d.unlabeled.dense() && !d.unlabeled.labelled()));
  CHECK((d.unlabeled[0].height == 3 && d.unlabeled[0].width == 5 && d.unlabeled[1].data()[0] == 60));
  CHECK(&d.pretrain() == &d.unlabeled);
  CHECK(open("folder:" + f.path).train.fingerprint == d.train.fingerprint);
  f.sub("test/wolf");
  CHECK(refusal("folder:" + f.path).find("wolf") != std::string::npos);
}

TEST_CASE("one corrupt picture in a hundred is skipped and listed, two are an error that names the first") {
  Folder f("open_corrupt");
  std::string dir = f.sub("train/a");
  for (int i = 0; i < 99; ++i) picture_file(dir + "/" + std::to_string(100 + i) + ".png", 2, 2, 3, static_cast<u8>(i));
  io::replace_file(dir + "/150x.jpg", "\xff\xd8\xff broken");
  DataSplits d = open("folder:" + f.path);
  CHECK((d.train.size() == 99 && d.train.labels.size() == 99));
  REQUIRE(d.train.skipped.size() == 1);
  CHECK(d.train.skipped[0].find("150x.jpg") != std::string::npos);
  CHECK((d.train[50].data()[0] == 50 && d.train[51].data()[0] == 51));  // nothing is shifted
  io::replace_file(dir + "/150y.png", "");
  CHECK(refusal("folder:" + f.path).find("2 of the 101") != std::string::npos);
}

TEST_CASE("an empty folder, a missing one and an unknown SPEC say what to do") {
  Folder f("open_empty");
  CHECK(refusal("folder:" + f.path).find("put the pictures there") != std::string::npos);
  f.sub("train/a");
  CHECK(refusal("folder:" + f.path).find("put the pictures there") != std::string::npos);
  CHECK(refusal("folder:no/such").find("no folder") != std::string::npos);
  for (const char* kind : {"cifar10", "cifar100", "stl10"}) {
    CHECK(refusal(std::string(kind) + ":no/such").find("no folder") != std::string::npos);
    CHECK(refusal(std::string(kind) + ":" + f.path).find("give the folder that holds") != std::string::npos);
    CHECK(refusal(kind).find("names no place") != std::string::npos);
  }
  CHECK(refusal("imagenet:x").find("begins with none of") != std::string::npos);
  CHECK(refusal("").find("names no place") != std::string::npos);
  CHECK(refusal("fashion-mnist:" + f.path).find("IDX") != std::string::npos);
}

TEST_CASE("one picture is a set of one") {
  Folder f("open_one");
  picture_file(f.sub("train/a") + "/1.png", 2, 3, 3, 1);
  DataSplits d = open("folder:" + f.path);
  CHECK((d.train.size() == 1 && d.test.empty()));
}

TEST_CASE("CIFAR's planes become pixels, also from the inner folder of the archive") {
  Folder f("open_cifar");
  std::string inner = f.sub("cifar-10-batches-bin");
  auto record = [](u8 label, u8 shade) {
    return repeat(1, label) + repeat(1024, shade) + repeat(1024, static_cast<u8>(shade + 1)) +
           repeat(1024, static_cast<u8>(shade + 2));
  };
  for (int i = 1; i <= 5; ++i)
    io::replace_file(inner + "/data_batch_" + std::to_string(i) + ".bin",
                     record(static_cast<u8>(i), static_cast<u8>(10 * i)) + record(9, 200));
  io::replace_file(inner + "/test_batch.bin", record(0, 100));
  for (const std::string& dir : {f.path, inner}) {
    DataSplits d = open("cifar10:" + dir);
    CHECK((d.train.size() == 10 && d.test.size() == 1 && d.train.classes[1] == "automobile"));
    CHECK((d.train.labels[2] == 2 && d.train.labels[3] == 9));
    CHECK((d.train[2].data()[0] == 20 && d.train[2].data()[1] == 21 && d.train[2].data()[3071] == 22));
  }
  io::replace_file(inner + "/data_batch_3.bin", record(1, 1).substr(1));
  CHECK(refusal("cifar10:" + f.path).find("not a multiple") != std::string::npos);
  io::replace_file(inner + "/data_batch_3.bin", "");
  CHECK(refusal("cifar10:" + f.path).find("not a multiple") != std::string::npos);
  io::replace_file(inner + "/data_batch_3.bin", record(10, 1));
  CHECK(refusal("cifar10:" + f.path).find("label 10") != std::string::npos);

  Folder g("open_cifar100");
  io::replace_file(g.path + "/train.bin", repeat(1, 19) + record(99, 5));
  io::replace_file(g.path + "/test.bin", repeat(1, 19) + record(3, 5));
  DataSplits d = open("cifar100:" + g.path);
  CHECK((d.train.labels[0] == 99 && d.test.labels[0] == 3 && d.train[0].data()[2] == 7));
  io::replace_file(g.path + "/fine_label_names.txt", "apple\nbear\n");
  CHECK(refusal("cifar100:" + g.path).find("names 2 classes") != std::string::npos);
}

TEST_CASE("STL-10's columns become rows") {
  Folder f("open_stl10");
  std::string x(2 * 27648, '\0');
  x[27648 + 1] = 7;              // picture 1, red, column 0, row 1
  x[27648 + 9216 + 2 * 96] = 9;  // green, column 2, row 0
  for (const char* part : {"train", "test"}) {
    io::replace_file(f.path + "/" + part + "_X.bin", x);
    io::replace_file(f.path + "/" + part + "_y.bin", "\x01\x0a");
  }
  io::replace_file(f.path + "/unlabeled_X.bin", x);
  DataSplits d = open("stl10:" + f.path);
  CHECK((d.train.size() == 2 && d.unlabeled.size() == 2 && !d.unlabeled.labelled()));
  CHECK((d.train.labels[0] == 0 && d.train.labels[1] == 9));
  CHECK((d.train[1].data()[96 * 3] == 7 && d.train[1].data()[2 * 3 + 1] == 9));
  io::replace_file(f.path + "/test_y.bin", repeat(2, 0));
  CHECK(refusal("stl10:" + f.path).find("label 0") != std::string::npos);
  io::replace_file(f.path + "/test_y.bin", repeat(3, 1));
  CHECK(refusal("stl10:" + f.path).find("3 labels for 2") != std::string::npos);
  io::replace_file(f.path + "/test_y.bin", repeat(2, 1));
  io::replace_file(f.path + "/unlabeled_X.bin", x.substr(1));
  CHECK(refusal("stl10:" + f.path).find("unlabeled_X.bin") != std::string::npos);
}

TEST_CASE("arrays of NumPy become images") {
  Tensor<u8> x({4, 5, 6, 3});
  x.fill(1);
  io::write_npy("open_x.npy", x);
  io::write_npy("open_y.npy", Tensor<i64>::of({4}, {0, 2, 2, 1}));
  DataSplits d = open("npy:open_x.npy,open_y.npy");
  CHECK((d.train.size() == 4 && d.train[0].height == 5 && d.train.labels[1] == 2 && d.train.classes.size() == 3));
  CHECK(!open("npy:open_x.npy").train.labelled());
  io::write_npy("open_x.npy", x.reshape({4, 5, 18}));
  CHECK(open("npy:open_x.npy").train.channels == 1);
  io::write_npy("open_x.npy", x.reshape({4, 5, 9, 2}));
  CHECK(refusal("npy:open_x.npy").find("C 1 or 3") != std::string::npos);
  io::write_npy("open_x.npy", Tensor<u8>({0, 5, 6, 3}));
  CHECK(refusal("npy:open_x.npy").find("not empty") != std::string::npos);
  io::write_npy("open_x.npy", Tensor<float>({4, 5, 6, 3}));
  CHECK(refusal("npy:open_x.npy") != "accepted");
  io::write_npy("open_x.npy", x);
  io::write_npy("open_y.npy", Tensor<i64>::of({3}, {0, 2, 2}));
  CHECK(refusal("npy:open_x.npy,open_y.npy").find("one label a picture") != std::string::npos);
  io::write_npy("open_y.npy", Tensor<i64>::of({4}, {0, 2, -1, 2}));
  CHECK(refusal("npy:open_x.npy,open_y.npy").find("label -1") != std::string::npos);
  for (const char* p : {"open_x.npy", "open_y.npy"}) std::remove(p);
}

TEST_CASE("the archives of shared/data give the mean and deviation that their README states") {
  const char* given = std::getenv("NACRE_SHARED");
  std::string archive =
      (given ? std::string(given) : std::string(NACRE_SOURCE_DIR) + "/../shared") + "/data/cifar10-jpeg.tar.zst";
  Folder f("open_archive");
  if (!is_file(archive) ||
      std::system(("zstd -dc '" + archive + "' 2>/dev/null | tar x -C " + f.path + " train 2>/dev/null").c_str()) !=
          0) {
    MESSAGE("skipped: no " << archive << " or no zstd to unpack it");
    return;
  }
  DataSplits d = open("folder:" + f.path);
  CHECK((d.train.size() == 50000 && d.train.dense() && d.train.classes.size() == 10));
  Normalization n = mean_std(d.train);
  float mean[3] = {0.49125f, 0.48209f, 0.44652f}, std[3] = {0.24523f, 0.24278f, 0.26063f};
  for (std::size_t c = 0; c < 3; ++c) {
    CHECK(std::abs(n.mean[c] - mean[c]) < 2e-5f);
    CHECK(std::abs(n.std[c] - std[c]) < 2e-5f);
  }
}
