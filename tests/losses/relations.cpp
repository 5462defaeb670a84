#include <nacre/losses/relations.hpp>

#include "../helpers.hpp"

using namespace nacre;
using namespace nacre::losses;
using namespace nacre::test;

namespace {

std::string drawn(const Relations& r) {  // rows of + - . apart by spaces
  std::string s;
  for (i64 i = 0; i < r.dim(0); ++i) {
    if (i) s += ' ';
    for (i64 j = 0; j < r.dim(1); ++j) s += "-+."[static_cast<int>(r[i * r.dim(1) + j])];
  }
  return s;
}
Tensor<i64> ids(const std::vector<i64>& v) { return Tensor<i64>::of({static_cast<i64>(v.size())}, v); }

}  // namespace

TEST_CASE("views of one picture are related, and no row to itself") {
  CHECK(drawn(view_relations(4)) == ".-+- -.-+ +-.- -+-.");
  CHECK(drawn(view_relations(3, 3)) == ".++ +.+ ++.");
}

TEST_CASE("equal labels are related; a row is ignored only where it meets itself") {
  CHECK(drawn(label_relations(ids({7, 2, 7}))) == ".-+ -.- +-.");
  CHECK(drawn(label_relations(ids({7, 2}), ids({2, 7, 7}))) == "-++ +--");
  CHECK(drawn(pair_relations(3)) == "+-- -+- --+");
}

TEST_CASE("frames are related when near, unrelated when far or of another clip, neither in between") {
  auto clip = ids({0, 0, 0, 0, 1}), time = ids({10, 11, 13, 14, 10});
  CHECK(drawn(frame_relations(clip, time, {.positive = 1, .negative = 4})) == ".+.-- +...- ...+- -.+.- ----.");
  CHECK(drawn(frame_relations(clip, time, {})) == ".+--- +.--- --.+- --+.- ----.");
  CHECK(drawn(frame_relations(ids({0, 1}), ids({12, 10}), clip, time, {.positive = 1, .negative = 2})) == "-++-- ----+");
}

TEST_CASE("a queue, a bank without the own row, and blocks beside each other") {
  CHECK(drawn(queue_relations(2, 3)) == "+--- +---");
  CHECK(drawn(bank_relations(ids({5, 8}), ids({8, 1, 5, 8}))) == "--.- .--.");
  CHECK(drawn(beside(pair_relations(2), bank_relations(ids({5, 8}), ids({8})))) == "+-- -+.");
}

TEST_CASE("random negatives: k a row, only of the negatives, named by the key, each equally often") {
  Relations all = label_relations(ids({0, 0, 1, 2, 3, 4}));
  std::vector<int> hits(36);
  for (u64 seed = 0; seed < 3000; ++seed) {
    Relations r = random_negatives(all, 2, Key{seed});
    for (i64 i = 0; i < 6; ++i) {
      int kept = 0;
      for (i64 j = 0; j < 6; ++j) {
        Relation before = all[i * 6 + j], after = r[i * 6 + j];
        if (before != Relation::negative) CHECK(after == before);
        else if (after == Relation::negative) ++kept, ++hits[static_cast<std::size_t>(i * 6 + j)];
      }
      CHECK(kept == 2);
    }
  }
  for (i64 j = 2; j < 6; ++j) CHECK(std::abs(hits[static_cast<std::size_t>(j)] - 1500) < 150);  // 2 of 4; sigma is 27
  CHECK(same_bits(random_negatives(all, 2, Key{5}), random_negatives(all, 2, Key{5})));
  CHECK(!same_bits(random_negatives(all, 2, Key{5}), random_negatives(all, 2, Key{6})));
  CHECK(same_bits(random_negatives(all, 5, Key{5}), all));
}

TEST_CASE("bad calls are refused with the rule") {
  check_message([] { view_relations(5); }, {"view_relations", "5 rows, 2 views"});
  check_message([] { frame_relations(ids({1}), ids({1}), {.positive = 3, .negative = 3}); }, {"radii 3 and 3", "<"});
  check_message([] { frame_relations(ids({1}), ids({1, 2}), {}); }, {"clip [1], time [2]"});
  check_message([] { beside(pair_relations(2), pair_relations(3)); }, {"beside", "[2, 2] and [3, 3]"});
  check_message([] { random_negatives(pair_relations(2), 0, {}); }, {"random_negatives", "at least 1"});
}
