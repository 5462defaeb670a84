// backend/cpu/simd.hpp: the instruction set is chosen at run time and never raised above what the CPU has.
#include "../../helpers.hpp"

using namespace nacre;
using namespace nacre::test;
using backend::Isa;

TEST_CASE("the instruction set can be lowered and put back, not raised") {
  Isa best = with_isa(Isa::avx512, [] { return backend::isa(); });
  CHECK(best >= backend::isa());
  CHECK(with_isa(Isa::baseline, [] { return backend::isa(); }) == Isa::baseline);
  CHECK(with_isa(Isa::avx2, [] { return backend::isa(); }) == std::min(best, Isa::avx2));
  CHECK(std::string(backend::isa_name(Isa::baseline)) == "baseline");
}

TEST_CASE("run calls its function once, whatever the instruction set, and hands exceptions on") {
  for (Isa i : {Isa::baseline, Isa::avx2, Isa::avx512})
    with_isa(i, [] {
      int calls = 0;
      backend::simd::run([&] { ++calls; });
      CHECK(calls == 1);
      CHECK_THROWS_AS(backend::simd::run([] { throw Error("x"); }), Error);
      return 0;
    });
}

TEST_CASE("no instruction set fuses a multiplication and an addition") {
  // (1 + e)(1 - e) - 1 is -e^2 if fused and 0 if each step is rounded
  float e = 0x1p-13f;
  auto a = Tensor<float>::full({64}, 1 + e), b = Tensor<float>::full({64}, 1 - e);
  for (Isa i : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    auto y = Tensor<float>::full({64}, 7);
    with_isa(i, [&] {
      float *pa = a.data(), *pb = b.data(), *py = y.data();
      backend::simd::run([=] {
        for (int k = 0; k < 64; ++k) py[k] = pa[k] * pb[k] - 1.0f;
      });
      return 0;
    });
    CHECK(same_bits(y, Tensor<float>::zeros({64})));
  }
}
