#include <nacre/eval/spectrum.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace nacre;

TEST_CASE("the eigenvectors rebuild the matrix, largest eigenvalue first") {
  auto a = Tensor<double>::of({3, 3}, {4, 1, -2, 1, 3, 0.5, -2, 0.5, 1});
  auto s = eval::symmetric_spectrum(a);
  CHECK(s.values[0] > s.values[1]);
  CHECK(s.values[1] > s.values[2]);
  for (i64 i = 0; i < 3; ++i)
    for (i64 j = 0; j < 3; ++j) {
      double sum = 0, product = 0;
      for (i64 k = 0; k < 3; ++k) {
        sum += s.values[static_cast<std::size_t>(k)] * s.vectors[k * 3 + i] * s.vectors[k * 3 + j];
        product += s.vectors[i * 3 + k] * s.vectors[j * 3 + k];
      }
      CHECK(sum == doctest::Approx(a[i * 3 + j]));
      CHECK(std::fabs(product - (i == j)) < 1e-14);
    }
  auto values = eval::symmetric_eigenvalues(a);
  for (std::size_t k = 0; k < 3; ++k) CHECK(values[k] == doctest::Approx(s.values[k]));
}

TEST_CASE("a matrix that is not finite has no spectrum, one that is not square is refused") {
  auto a = Tensor<double>::full({2, 2}, std::numeric_limits<double>::quiet_NaN());
  CHECK(std::isnan(eval::symmetric_eigenvalues(a)[1]));
  CHECK_THROWS_WITH_AS(eval::symmetric_eigenvalues(Tensor<double>::zeros({2, 3})), doctest::Contains("[2, 3]"), Error);
}
