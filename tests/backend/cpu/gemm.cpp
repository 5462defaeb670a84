#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/backend/cpu/pack.hpp>
#include <nacre/backend/cpu/reference.hpp>
#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace nacre;
using backend::Isa;

namespace {

template <class T>
std::vector<T> random_values(i64 n, u64 seed) {
  std::vector<T> v(static_cast<std::size_t>(n));
  Random r(Key{seed});
  for (T& x : v) x = T(2) * static_cast<T>(r.uniform()) - T(1);
  return v;
}

// A product with odd leading dimensions; `c` starts from a fixed pattern.
template <class T>
struct Product {
  bool trans_a, trans_b;
  i64 m, n, k;
  i64 lda = (trans_a ? m : k) + 3, ldb = (trans_b ? k : n) + 1, ldc = n + 5;
  std::vector<T> a = random_values<T>((trans_a ? k : m) * lda + 1, 1);
  std::vector<T> b = random_values<T>((trans_b ? n : k) * ldb + 1, 2);

  std::vector<T> start() const { return random_values<T>(m * ldc + 1, 3); }
  std::vector<T> run(Into into) const {
    auto c = start();
    backend::gemm(Cpu{}, trans_a, trans_b, m, n, k, a.data(), lda, b.data(), ldb, c.data(), ldc, into);
    return c;
  }
  std::vector<T> expected(Into into) const {
    auto c = start();
    backend::reference::gemm(trans_a, trans_b, m, n, k, a.data(), lda, b.data(), ldb, c.data(), ldc, into);
    return c;
  }
};

struct Size {
  i64 m, n, k;
};
constexpr Size sizes[] = {{1, 1, 1},     {0, 3, 4},     {3, 0, 4},   {3, 4, 0},     {7, 5, 3},
                          {8, 32, 64},   {9, 33, 65},   {1, 100, 17}, {100, 1, 300}, {61, 47, 257},
                          {70, 66, 530}, {9, 60, 2100}, {20, 240, 800}, {70, 112, 64},
                          {40, 1100, 100},
                          // turned, where one operand is transposed: the first without B^T's copy, the second A^T's
                          {36, 100, 520}, {100, 36, 600}};

struct IsaGuard {
  Isa before = backend::isa();
  ~IsaGuard() { backend::set_isa(before); }
};
struct ThreadGuard {
  ~ThreadGuard() { set_threads(0); }
};

}  // namespace

TEST_CASE_TEMPLATE("a product has the bits of one ascending chain of fused multiply-adds, and writes nothing else", T,
                   float, double) {
  IsaGuard guard;
  for (Isa isa : {Isa::avx2, Isa::avx512}) {
    backend::set_isa(isa);
    if (backend::isa() != isa) continue;
    for (auto [m, n, k] : sizes)
      for (int t = 0; t < 4; ++t) {
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        CAPTURE(t);
        Product<T> p{(t & 1) != 0, (t & 2) != 0, m, n, k};
        CHECK(p.run(Into::assign) == p.expected(Into::assign));
        CHECK(p.run(Into::add) == p.expected(Into::add));
      }
  }
}

TEST_CASE_TEMPLATE("so does a product of near operands, where the steps are few too, at any number of rows", T, float,
                   double) {
  IsaGuard guard;
  for (Isa isa : {Isa::avx2, Isa::avx512}) {
    backend::set_isa(isa);
    if (backend::isa() != isa) continue;
    const auto kern = backend::detail::kernel<T>();
    for (i64 m : {1, 7, 8, 9, 16, 23})
      for (i64 k : {15, 16, 17}) {
        CAPTURE(m);
        CAPTURE(k);
        const i64 n = kern.lanes;  // one vector: b lies as its panel does
        const auto a = random_values<T>(m * k, 1), b = random_values<T>(k * n, 2);
        std::vector<T> got = random_values<T>(m * n + 1, 3), want = got;
        backend::detail::block_product(kern, m, n, k, a.data(), k, 1, b.data(), 0, got.data(), n, false, {a.data(), 0});
        backend::reference::gemm(false, false, m, n, k, a.data(), k, b.data(), n, want.data(), n, Into::assign);
        CHECK(got == want);
      }
  }
}

TEST_CASE_TEMPLATE("the baseline without FMA agrees to rounding", T, float, double) {
  IsaGuard guard;
  backend::set_isa(Isa::baseline);
  for (auto [m, n, k] : sizes) {
    Product<T> p{false, true, m, n, k};
    auto got = p.run(Into::add), want = p.expected(Into::add);
    for (std::size_t i = 0; i < got.size(); ++i)
      CHECK(std::abs(got[i] - want[i]) <= (sizeof(T) == 4 ? 1e-5 : 1e-13) * static_cast<double>(k + 1));
  }
}

TEST_CASE_TEMPLATE("the number of threads does not change a bit", T, float, double) {
  ThreadGuard guard;
  for (Product<T> p : {Product<T>{true, true, 150, 260, 700}, Product<T>{false, false, 150, 128, 700}}) {
    set_threads(1);
    auto one = p.run(Into::assign);
    for (int n : {2, 3, 7}) {
      set_threads(n);
      CHECK(p.run(Into::assign) == one);
    }
  }
}

TEST_CASE_TEMPLATE("a row computed alone has the bits it has in a batch", T, float, double) {
  // Of the second, 300 rows read a packed b and one reads it in place.
  for (Product<T> p : {Product<T>{false, true, 300, 130, 600}, Product<T>{false, false, 300, 128, 600}}) {
    auto all = p.run(Into::assign);
    for (i64 i : {0, 7, 8, 255, 256, 299}) {
      std::vector<T> row(static_cast<std::size_t>(p.n));
      backend::gemm(Cpu{}, false, p.trans_b, 1, p.n, p.k, p.a.data() + i * p.lda, p.lda, p.b.data(), p.ldb, row.data(),
                    p.n, Into::assign);
      CHECK(std::equal(row.begin(), row.end(), all.begin() + i * p.ldc));
    }
  }
}
