// backend/cpu/norm.hpp: the column statistics of batch norm.
#include "../../helpers.hpp"

#include <nacre/backend/cpu/norm.hpp>

using namespace nacre;
using namespace nacre::test;

TEST_CASE("moments and dot products are those of a plain loop, at shapes around the chunks") {
  for (i64 rows : {1, 2, 255, 256, 257, 3000})
    for (i64 cols : {1, 16, 37}) {
      CAPTURE(rows);
      CAPTURE(cols);
      auto x = randn({rows, cols}), gy = randn({rows, cols}, 2);
      Tensor<double> mean({cols}), var({cols}), s1({cols}), s2({cols});
      backend::moments_cols(Cpu{}, x.data(), rows, cols, mean.data(), var.data());
      backend::dot_cols(Cpu{}, gy.data(), x.data(), mean.data(), rows, cols, s1.data(), s2.data());
      for (i64 c = 0; c < cols; ++c) {
        double m = 0, v = 0, a = 0, b = 0;
        for (i64 r = 0; r < rows; ++r) m += x[r * cols + c] / static_cast<double>(rows);
        for (i64 r = 0; r < rows; ++r) {
          double d = x[r * cols + c] - m;
          v += d * d / static_cast<double>(rows);
          a += gy[r * cols + c];
          b += gy[r * cols + c] * d;
        }
        CHECK_UNARY(std::abs(mean[c] - m) < 1e-13);
        CHECK_UNARY(std::abs(var[c] - v) < 1e-12);
        CHECK_UNARY(std::abs(s1[c] - a) < 1e-11);
        CHECK_UNARY(std::abs(s2[c] - b) < 1e-11);
      }
    }
}

TEST_CASE("no rows have dot products of 0") {
  auto s1 = Tensor<double>::full({5}, 7), s2 = s1.clone(), mean = s1.clone();
  backend::dot_cols(Cpu{}, s1.data(), s1.data(), mean.data(), 0, 5, s1.data(), s2.data());
  for (i64 c = 0; c < 5; ++c) CHECK_UNARY(s1[c] == 0 && s2[c] == 0);
}

TEST_CASE("a large mean does not eat the variance of floats") {
  constexpr i64 rows = 20000;
  auto x = randn<float>({rows, 3});
  double m = 0, v = 0;
  for (i64 r = 0; r < rows; ++r) {
    x[3 * r] = 1000 + x[3 * r];
    m += static_cast<double>(x[3 * r]) / rows;
  }
  for (i64 r = 0; r < rows; ++r) v += (static_cast<double>(x[3 * r]) - m) * (static_cast<double>(x[3 * r]) - m) / rows;
  Tensor<float> mean({3}), var({3});
  backend::moments_cols(Cpu{}, x.data(), rows, 3, mean.data(), var.data());
  CHECK(static_cast<double>(mean[0]) == doctest::Approx(m).epsilon(1e-6));
  CHECK(static_cast<double>(var[0]) == doctest::Approx(v).epsilon(1e-4));
}

TEST_CASE("threads and instruction sets change no bit") {
  constexpr i64 rows = 5001, cols = 37;
  auto x = randn<float>({rows, cols}), gy = randn<float>({rows, cols}, 2);
  auto run = [&] {
    Tensor<float> y({4, cols});
    backend::moments_cols(Cpu{}, x.data(), rows, cols, y.data(), y.data() + cols);
    backend::dot_cols(Cpu{}, gy.data(), x.data(), y.data(), rows, cols, y.data() + 2 * cols, y.data() + 3 * cols);
    return y;
  };
  auto expected = with_threads(1, [&] { return with_isa(backend::Isa::baseline, run); });
  for (int n : {1, 2, 3, 7})
    for (auto isa : {backend::Isa::avx2, backend::Isa::avx512})
      CHECK_UNARY(same_bits(with_threads(n, [&] { return with_isa(isa, run); }), expected));
}
