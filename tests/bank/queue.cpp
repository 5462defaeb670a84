// bank/queue.hpp: a ring that any batch size may write to.
#include "../nn/check.hpp"

#include <nacre/bank/queue.hpp>

using namespace nacre;

TEST_CASE("a queue holds the newest K keys whatever the batch sizes") {
  const i64 k = 7, d = 2;
  Queue<double> queue(k, d, Key{1});
  std::vector<double> newest;  // of each key its first number
  double next = 0;
  for (i64 batch : {3, 3, 3, 1, 5, 7, 16, 2}) {
    Tensor<double> z({batch, d});
    for (i64 b = 0; b < batch; ++b) {
      z[b * d] = next;
      z[b * d + 1] = -next;
      newest.push_back(next++);
    }
    queue.push(z);
    if (static_cast<i64>(newest.size()) < k) continue;
    std::vector<double> held;
    for (i64 r = 0; r < k; ++r) {
      i64 row = (queue.cursor() + r) % k;  // the oldest first
      held.push_back(queue.rows()[row * d]);
      CHECK(queue.rows()[row * d + 1] == -held.back());
    }
    CHECK(held == std::vector<double>(newest.end() - k, newest.end()));
  }
  CHECK(queue.cursor() == static_cast<i64>(newest.size()) % k);
}

TEST_CASE("a queue begins with random unit rows and is a value that is visited whole") {
  Queue<float> queue(50, 16, Key{2}), same(50, 16, Key{2}), other(50, 16, Key{3});
  for (i64 r = 0; r < 50; ++r) {
    float norm = 0, cosine = 0;
    for (i64 i = 0; i < 16; ++i) {
      norm += queue.rows()[r * 16 + i] * queue.rows()[r * 16 + i];
      cosine += queue.rows()[r * 16 + i] * other.rows()[r * 16 + i];
      CHECK(queue.rows()[r * 16 + i] == same.rows()[r * 16 + i]);
    }
    CHECK(norm == doctest::Approx(1));
    CHECK(cosine < 0.99f);
  }
  Queue<float> copy = queue;
  queue.push(Tensor<float>::zeros({3, 16}));
  CHECK(copy.cursor() == 0);
  CHECK(copy.rows()[0] == same.rows()[0]);
  CHECK(test::tensor_bytes(queue) == 50 * 16 * 4 + 8);
}

TEST_CASE("keys of another width are refused") {
  Queue<float> queue(4, 3, Key{1});
  CHECK_THROWS_WITH_AS(queue.push(Tensor<float>({2, 4})), "queue: z is [2, 4], rows are [4, 3]; need [B, 3]", Error);
  CHECK(queue.cursor() == 0);
}
