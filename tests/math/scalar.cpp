// math/scalar.hpp
#include "../helpers.hpp"

using namespace nacre;
using namespace nacre::test;

// exp of every `stride`-th float there is, by the vectorised loop.
template <class F>
static void every_float(u32 stride, F&& f) {
  constexpr i64 block = 1 << 14;
  Tensor<float> x({block});
  for (u64 begin = 0; begin < (u64{1} << 32); begin += block * stride) {
    for (i64 i = 0; i < block; ++i) x[i] = std::bit_cast<float>(static_cast<u32>(begin + static_cast<u64>(i) * stride));
    f(x);
  }
}
static Tensor<float> exp_of(const Tensor<float>& x) {
  Tensor<float> y(x.shape());
  backend::map(Cpu{}, math::Exp{}, y.data(), 1, x.size(), Into::assign, backend::Dense<float>{x.data(), x.size()});
  return y;
}

TEST_CASE("exp is within 2 ulp of the true value over all floats") {
  double worst = 0;
  i64 wrong = 0;
  every_float(61, [&](const Tensor<float>& x) {
    auto y = exp_of(x);
    for (i64 i = 0; i < x.size(); ++i) {
      double exact = std::exp(static_cast<double>(x[i]));
      float nearest = static_cast<float>(exact);
      if (std::isnan(x[i])) wrong += !std::isnan(y[i]);
      else if (std::isinf(nearest) || std::isinf(y[i])) wrong += y[i] != nearest;
      else {
        int e;
        std::frexp(nearest, &e);
        worst = std::max(worst, std::abs(static_cast<double>(y[i]) - exact) / std::ldexp(1.0, std::max(e - 24, -149)));
      }
    }
  });
  CHECK(wrong == 0);
  CHECK(worst <= 2);
  CHECK(worst > 0.5);  // the measurement sees something
}

TEST_CASE("exp has the same bits on every instruction set and as a single number") {
  i64 different = 0;
  every_float(997, [&](const Tensor<float>& x) {
    auto y = with_isa(backend::Isa::baseline, [&] { return exp_of(x); });
    for (auto isa : {backend::Isa::avx2, backend::Isa::avx512})
      different += !same_bits(with_isa(isa, [&] { return exp_of(x); }), y);
    for (i64 i = 0; i < x.size(); i += 16) {
      float one = scalar::exp(x[i]);
      different += std::memcmp(&one, &y[i], sizeof one) != 0;
    }
  });
  CHECK(different == 0);
}

TEST_CASE("sigmoid does not overflow at either end") {
  CHECK(scalar::sigmoid(0.0f) == 0.5f);
  CHECK(scalar::sigmoid(1000.0f) == 1);
  CHECK(scalar::sigmoid(-1000.0f) == 0);
  CHECK(std::abs(scalar::sigmoid(-2.0) + scalar::sigmoid(2.0) - 1) < 1e-15);
  CHECK(std::isnan(scalar::sigmoid(std::nanf(""))));
}
