#include <nacre/core/random.hpp>
#include <nacre/eval/metrics.hpp>

#include <doctest/doctest.h>

#include <limits>

using namespace nacre;
using namespace nacre::eval;

namespace {

// F(n, d, phi)_ij = sin(phi + .7 i + 1.3 j + .11 i j): the inputs of the golden rows
Tensor<double> waves(i64 n, i64 d, double phi) {
  Tensor<double> x({n, d});
  for (i64 i = 0; i < n; ++i)
    for (i64 j = 0; j < d; ++j) {
      double a = static_cast<double>(i), b = static_cast<double>(j);
      x[i * d + j] = std::sin(phi + .7 * a + 1.3 * b + .11 * a * b);
    }
  return x;
}

template <class T>
Tensor<T> gaussian(i64 n, i64 d, u64 seed) {
  Tensor<T> x({n, d});
  Random random(Key{seed});
  for (T& v : x.span()) v = static_cast<T>(random.normal());
  return x;
}

bool near(double a, double b, double tolerance) { return std::fabs(a - b) <= tolerance; }

}  // namespace

TEST_CASE("the measures reproduce the golden values") {
  auto a = waves(4, 8, 0), p = waves(4, 8, .5), m = waves(16, 8, 1);
  CHECK(near(alignment(a, p), 0.241764159, 1e-9));
  CHECK(near(uniformity(a), -2.858675321, 1e-9));
  CHECK(near(uniformity(m), -3.436015778, 1e-9));
  CHECK(near(spread(m), 0.364283411, 1e-9));
  CHECK(near(effective_rank(m), 6.285516, 1e-6));
}

TEST_CASE("the measures agree with their definitions written as plain loops") {
  auto z = gaussian<double>(300, 6, 5);  // three tiles of uniformity
  auto u = unit_rows(z);
  double terms = 0, cosines = 0;
  for (i64 i = 0; i < 300; ++i)
    for (i64 j = 0; j < 300; ++j) {
      if (i == j) continue;
      double squares = 0, dot = 0;
      for (i64 c = 0; c < 6; ++c) {
        squares += (u[i * 6 + c] - u[j * 6 + c]) * (u[i * 6 + c] - u[j * 6 + c]);
        dot += u[i * 6 + c] * u[j * 6 + c];
      }
      terms += std::exp(-3 * squares);
      cosines += dot;
    }
  CHECK(near(uniformity(z, 3), std::log(terms / (300 * 299)), 1e-12));
  CHECK(near(mean_cosine(z), cosines / (300 * 299), 1e-12));
}

TEST_CASE("random directions look healthy") {
  auto z = gaussian<float>(2000, 128, 1);
  CHECK(near(uniformity(z), -3.938, 0.002));
  CHECK(near(alignment(z, gaussian<float>(2000, 128, 2)), 2, 0.02));
  CHECK(near(spread(z), 1 / std::sqrt(128.), 1e-4));
  CHECK(near(mean_cosine(z), 0, 1e-3));
  CHECK(effective_rank(z) > 120);
  CHECK(participation(z) > 110);
  auto healthy = monitors(z, z);
  CHECK(near(healthy.gauge, 1, 1e-3));
  CHECK(healthy.alignment == 0);
}

TEST_CASE("a collapsed encoder is seen by every measure, however large its output") {
  for (float scale : {1e-4f, 1.f, 1e4f}) {
    Tensor<float> z({200, 32});
    for (i64 i = 0; i < z.size(); ++i) z[i] = scale * static_cast<float>(1 + i % 32);
    CHECK(near(uniformity(z), 0, 1e-5));
    CHECK(near(spread(z), 0, 1e-6));
    CHECK(near(mean_cosine(z), 1, 1e-6));
    CHECK(near(effective_rank(z), 1, 1e-3));
    CHECK(participation(z) < 1 + 1e-9);
    CHECK(near(alignment(z, z), 0, 1e-12));
  }
}

TEST_CASE("the spectra count the dimensions in use, whichever Gram matrix is smaller") {
  for (i64 n : {8, 40}) {  // below and above d
    Tensor<double> z = Tensor<double>::zeros({n, 20});
    for (i64 i = 0; i < n; ++i) z[i * 20 + i % 4] = 1;  // four orthogonal directions, equally often
    CHECK(near(effective_rank(z), 4, 1e-3));
    CHECK(near(participation(z), 3, 1e-9));  // centring takes one away
  }
  CHECK(effective_rank(Tensor<double>::zeros({5, 3})) == 1);
  CHECK(participation(Tensor<double>::full({5, 3}, 2)) == 0);
}

TEST_CASE("uniformity neither underflows nor overflows") {
  auto z = Tensor<double>::of({2, 2}, {1, 0, -1, 0});  // squared distance 4
  CHECK(near(uniformity(z, 2), -8, 1e-12));
  CHECK(near(uniformity(z, 1000), -4000, 1e-9));
}

TEST_CASE("what cannot be measured is refused, what is not finite is named or stays visible") {
  CHECK_THROWS_WITH_AS(uniformity(Tensor<float>({1, 4})), doctest::Contains("N >= 2"), Error);
  CHECK_THROWS_WITH_AS(alignment(Tensor<float>({3, 4}), Tensor<float>({4, 4})), doctest::Contains("[3, 4] and [4, 4]"),
                       Error);
  auto z = Tensor<float>::full({4, 3}, 1);
  z[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH_AS(spread(z), doctest::Contains("row 2"), NonFiniteError);
  CHECK(std::isnan(effective_rank(z)));
}
