#include <nacre/eval/linear_probe.hpp>

#include <doctest/doctest.h>

using namespace nacre;
using namespace nacre::eval;

namespace {

struct Problem {
  Tensor<float> x;
  Tensor<i64> y;
};

// A linear rule with some noise, on features of very different scales and offsets.
Problem problem(i64 n, i64 d, i64 classes, u64 seed) {
  Problem p{Tensor<float>({n, d}), Tensor<i64>({n})};
  Random rule(Key{99}), random(Key{seed});
  std::vector<float> w(static_cast<std::size_t>(classes * d));
  for (float& v : w) v = rule.normal();
  for (i64 i = 0; i < n; ++i) {
    std::vector<float> score(static_cast<std::size_t>(classes));
    for (i64 j = 0; j < d; ++j) {
      float z = random.normal();
      p.x[i * d + j] = z * static_cast<float>(1 << (j % 8)) + static_cast<float>(100 * j);
      for (i64 k = 0; k < classes; ++k)
        score[static_cast<std::size_t>(k)] += z * w[static_cast<std::size_t>(k * d + j)];
    }
    p.y[i] = std::max_element(score.begin(), score.end()) - score.begin();
  }
  return p;
}

// The same training in double, written out: predictions and the accuracy of the last epoch.
std::pair<std::vector<i64>, double> reference(const Problem& train, const Problem& test, i64 channels,
                                              const LinearOptions& o) {
  i64 n = train.x.dim(0), d = train.x.dim(1), classes = 0, right = 0;
  for (i64 y : train.y.span()) classes = std::max(classes, y + 1);
  auto u = [](i64 i) { return static_cast<std::size_t>(i); };
  std::vector<double> mean(u(channels)), var(u(channels)), w(u(classes * d)), v(w), b(u(classes)), vb(b), p(b);
  double per = static_cast<double>(n * d / channels);
  for (i64 i = 0; i < n * d; ++i) mean[u(i % channels)] += static_cast<double>(train.x[i]) / per;
  for (i64 i = 0; i < n * d; ++i)
    var[u(i % channels)] += std::pow(static_cast<double>(train.x[i]) - mean[u(i % channels)], 2) / per;
  auto feature = [&](const Problem& q, i64 r, i64 j) {
    return (static_cast<double>(q.x[r * d + j]) - mean[u(j % channels)]) / std::sqrt(var[u(j % channels)] + 1e-5);
  };
  auto scores = [&](const Problem& q, i64 r) {
    for (i64 k = 0; k < classes; ++k) {
      p[u(k)] = b[u(k)];
      for (i64 j = 0; j < d; ++j) p[u(k)] += w[u(k * d + j)] * feature(q, r, j);
    }
    return std::max_element(p.begin(), p.end()) - p.begin();
  };
  i64 steps = o.epochs * ((n + o.batch - 1) / o.batch), step = 0;
  for (i64 epoch = 0; epoch < o.epochs; ++epoch) {
    right = 0;
    for (i64 first = 0; first < n; first += o.batch, ++step) {
      i64 size = std::min(o.batch, n - first);
      std::vector<double> g(u(classes * d)), gb(u(classes));
      for (i64 r = 0; r < size; ++r) {
        i64 row = static_cast<i64>(permute(o.key.fold("probe").fold(static_cast<u64>(epoch)),
                                           static_cast<u64>(first + r), static_cast<u64>(n)));
        right += scores(train, row) == train.y[row];
        double sum = 0;
        for (double s : p) sum += std::exp(s);
        for (i64 k = 0; k < classes; ++k) {
          double e = (std::exp(p[u(k)]) / sum - (k == train.y[row])) / static_cast<double>(size);
          gb[u(k)] += e;
          for (i64 j = 0; j < d; ++j) g[u(k * d + j)] += e * feature(train, row, j);
        }
      }
      double lr =
          o.lr * .5 * (1 + std::cos(3.14159265358979323846 * static_cast<double>(step) / static_cast<double>(steps)));
      for (i64 i = 0; i < classes * d; ++i) {
        double t = g[u(i)] + o.weight_decay * w[u(i)];
        v[u(i)] = o.momentum * v[u(i)] + t;
        w[u(i)] -= lr * (t + o.momentum * v[u(i)]);
      }
      for (i64 k = 0; k < classes; ++k) {
        vb[u(k)] = o.momentum * vb[u(k)] + gb[u(k)];
        b[u(k)] -= lr * (gb[u(k)] + o.momentum * vb[u(k)]);
      }
    }
  }
  std::vector<i64> predictions;
  for (i64 r = 0; r < test.x.dim(0); ++r) predictions.push_back(scores(test, r));
  return {predictions, 100. * static_cast<double>(right) / static_cast<double>(n)};
}

}  // namespace

TEST_CASE("the probe is SGD on softmax regression of standardised features") {
  auto train = problem(150, 12, 3, 1), test = problem(100, 12, 3, 2);
  for (i64 channels : {12, 4}) {
    LinearOptions o{.epochs = 4, .batch = 32, .lr = 0.05, .weight_decay = 1e-2, .key = Key{5}};
    auto got = linear_probe(train.x, train.y, test.x, test.y, channels, o);
    auto [predictions, train_top1] = reference(train, test, channels, o);
    i64 same = 0, right = 0;
    for (i64 r = 0; r < 100; ++r) {
      same += got.predictions[r] == predictions[static_cast<std::size_t>(r)];
      right += got.predictions[r] == test.y[r];
    }
    CHECK(same == 100);
    CHECK(got.train_top1 == doctest::Approx(train_top1));
    CHECK(got.top1 == doctest::Approx(static_cast<double>(right)));
  }
}

TEST_CASE_TEMPLATE("a linear rule is found whatever the scales, in any storage", T, float, double, bf16) {
  auto train = problem(4000, 16, 5, 1), test = problem(1000, 16, 5, 2);
  Tensor<T> a(train.x.shape()), b(test.x.shape());
  for (i64 i = 0; i < a.size(); ++i) a[i] = static_cast<T>(train.x[i] - static_cast<float>(100 * (i % 16)));
  for (i64 i = 0; i < b.size(); ++i) b[i] = static_cast<T>(test.x[i] - static_cast<float>(100 * (i % 16)));
  auto result = linear_probe(a, train.y, b, test.y, 0, {.epochs = 30, .lr = 0.1});
  CHECK(result.top1 > 93);
  CHECK(result.train_top1 > 93);
}

TEST_CASE("labels that mean nothing stay at chance") {
  auto train = problem(3000, 8, 4, 1), test = problem(2000, 8, 4, 2);
  for (i64 i = 0; i < train.y.size(); ++i) train.y[i] = i % 4;
  for (i64 i = 0; i < test.y.size(); ++i) test.y[i] = i % 4;
  CHECK(std::fabs(linear_probe(train.x, train.y, test.x, test.y).top1 - 25) < 4);
}

TEST_CASE("the answer does not depend on the number of threads") {
  auto train = problem(700, 300, 7, 1), test = problem(200, 300, 7, 2);
  set_threads(1);
  auto one = linear_probe(train.x, train.y, test.x, test.y, 0, {.epochs = 3});
  set_threads(3);
  auto three = linear_probe(train.x, train.y, test.x, test.y, 0, {.epochs = 3});
  set_threads(0);
  CHECK(one.top1 == three.top1);
  CHECK(one.train_top1 == three.train_top1);
  for (i64 i = 0; i < 200; ++i) CHECK(one.predictions[i] == three.predictions[i]);
}

TEST_CASE("dead features, one row and one class are no trouble; bad input is named") {
  auto x = Tensor<float>::full({6, 4}, 3);
  auto y = Tensor<i64>::of({6}, {0, 1, 0, 0, 0, 1});
  CHECK(linear_probe(x, y, x, y).top1 == doctest::Approx(100. * 4 / 6));  // the majority
  auto none = Tensor<i64>::zeros({1});
  CHECK(linear_probe(x.rows(0, 1), none, x.rows(0, 1), none).top1 == 100);
  CHECK_THROWS_WITH_AS(linear_probe(x, y, x, y, 3), doctest::Contains("multiple of the channels"), Error);
  CHECK_THROWS_WITH_AS(linear_probe(x, y, x, none), doctest::Contains("6 rows of features, 1 labels"), DataError);
  x[13] = std::nanf("");
  CHECK_THROWS_WITH_AS(linear_probe(x, y, x, y), doctest::Contains("channel 1 of the training features"),
                       NonFiniteError);
}
