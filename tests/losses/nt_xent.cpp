// losses/nt_xent.hpp against its composition of matmul, a mask and log-sum-exp.
#include <nacre/losses/nt_xent.hpp>

#include "../helpers.hpp"
#include "wave.hpp"

#include <nacre/ops/matmul.hpp>
#include <nacre/ops/normalize.hpp>
#include <nacre/ops/reduce.hpp>
#include <nacre/ops/shape.hpp>
#include <nacre/ops/similarity.hpp>

using namespace nacre;
using namespace nacre::test;

namespace {

// The readable version: all scores at once.
template <class T>
Var<T> reference(const Var<T>& z, double temperature) {
  i64 n = z.dim(0);
  Tensor<T> self = Tensor<T>::zeros({n, n});
  Tensor<i64> partner({n});
  for (i64 i = 0; i < n; ++i) {
    self[i * n + i] = -std::numeric_limits<T>::infinity();
    partner[i] = (i + n / 2) % n;
  }
  Var<T> s = matmul(z, z, {.transpose_b = true}) * (1 / temperature) + Var<T>(self);
  return mean(log_sum_exp(s, Axis::rows) - row_dot(z, gather_rows(z, partner)) * (1 / temperature));
}

Tensor<double> unit_rows(const Shape& shape) { return l2_normalize(Var<double>(randn(shape))).value(); }

OpCase fused(const Shape& shape, double temperature) {
  return op_case("nt_xent", [=](const auto& v) { return losses::nt_xent(v[0], temperature); }, {unit_rows(shape)});
}

}  // namespace

TEST_CASE("the gradient is right for any number of blocks, and the check can fail") {
  for (i64 n : {4, 14, 38}) check_op(fused({n, 3}, 0.5));
  check_op(op_case("long rows", [](const auto& v) { return losses::nt_xent(v[0], 0.5); }, {randn({6, 17})}));
}

TEST_CASE("the gradient is right where scores are too far apart for one shift, and the check can fail") {
  for (i64 n : {4, 38}) {
    auto z = randn({n, 3});
    for (i64 i = 0; i < z.size(); ++i) z[i] = 0.03 * z[i] + 1;  // rows so alike that a cold loss is not settled
    std::vector<Tensor<double>> rows{l2_normalize(Var<double>(z)).value()};
    auto f = [](const std::vector<Var<double>>& v) { return losses::nt_xent(v[0], 0.0025); };
    GradCheck small{.step = 3e-5};
    GradReport report = gradcheck(f, rows, small);
    CHECK_MESSAGE(report.ok(), report.str());
    small.break_step = 0;
    CHECK(!gradcheck(f, rows, small).ok(1e-3));
  }
}

TEST_CASE("a lone pair costs nothing") {
  Tape tape;
  Var<double> z = variable(tape, unit_rows({2, 3}));
  Var<double> loss = losses::nt_xent(z, 0.1);
  CHECK(std::abs(loss.item()) < 1e-14);
  backward(loss);
  for (double g : z.grad().span()) CHECK(std::abs(g) < 1e-14);
}

TEST_CASE("blocks that are forgotten give value and gradient of the whole matrix") {
  // of the last, too large to be copied, each pair of blocks packs its own part
  for (const Shape& shape : {Shape{6, 20}, Shape{130, 20}, Shape{600, 20}, Shape{38, 14000}})
    for (double temperature : {0.002, 0.02, 0.1, 1.0}) {
      CAPTURE(shape.str());
      CAPTURE(temperature);
      std::vector<Tensor<double>> z{unit_rows(shape)};
      auto fast = [&](const auto& v) { return losses::nt_xent(v[0], temperature); };
      auto plain = [&](const auto& v) { return reference(v[0], temperature); };
      check_agrees<double>(fast, plain, z, 1e-12 * std::max(1.0, 0.1 / temperature));
      check_agrees<float>(fast, plain, z, 3e-6 * std::max(1.0, 0.1 / temperature));
    }
}

TEST_CASE("the published golden values are reproduced to six digits") {
  struct Row {
    double temperature, value, g00, g25;
  };
  for (Row row : {Row{.1, 0.310961290, -.0586486, .2206232}, Row{.5, 0.948499588, -.0021021, .0522915}}) {
    Tape tape;
    Var<double> a = variable(tape, wave(4, 8, 0)), p = variable(tape, wave(4, 8, .5));
    Var<double> loss = losses::nt_xent(l2_normalize(concat(std::vector<Var<double>>{a, p}, 0)), row.temperature);
    CHECK(loss.item() == doctest::Approx(row.value).epsilon(1e-9));
    backward(loss);
    CHECK(std::abs(a.grad()[0] - row.g00) < 6e-8);
    CHECK(std::abs(a.grad()[2 * 8 + 5] - row.g25) < 6e-8);
    for (i64 i = 0; i < 4; ++i) {  // a cosine loss pulls at right angles to its row
      double along = 0;
      for (i64 j = 0; j < 8; ++j) along += a.grad()[i * 8 + j] * a.value()[i * 8 + j];
      CHECK(std::abs(along) < 1e-12);
    }
  }
}

TEST_CASE("equal rows cost log(2N - 1), and rows alike in pairs and else opposite cost little") {
  CHECK(losses::nt_xent(Var<float>(Tensor<float>::full({200, 4}, 0.5f)), 0.1).item() ==
        doctest::Approx(std::log(199.0)).epsilon(1e-6));
  auto z = Tensor<float>::of({4, 1}, {1, -1, 1, -1});
  CHECK(losses::nt_xent(Var<float>(z), 0.1).item() == doctest::Approx(2 * std::exp(-20.0)).epsilon(0.01));
}

TEST_CASE("neither the threads nor the width of the vectors change a bit") {
  for (double temperature : {0.1, 0.01}) {
    OpCase c = fused({330, 24}, temperature);
    check_threads(c);
    auto run = [&] { return value_and_gradients(c.in_float, c.inputs); };
    auto narrow = with_isa(backend::Isa::avx2, run), wide = with_isa(backend::Isa::avx512, run);
    for (std::size_t i = 0; i < wide.size(); ++i) CHECK(same_bits(narrow[i], wide[i]));
  }
}

TEST_CASE("memory is linear in the rows") {
  with_threads(2, [] {
    i64 n = 4096, dim = 32;
    Tape tape;
    Var<float> z = variable(tape, converted<float>(unit_rows({n, dim})));
    u64 before = pool::stats().bytes_in_use;
    pool::reset_peak();
    backward(losses::nt_xent(z, 0.1));
    CHECK(pool::stats().bytes_peak - before < 3u << 20);  // the gradient is 0.5 MB, all scores would be 64 MB
  });
}

TEST_CASE("a row that is no number reaches the loss, and bad calls are refused with the rule") {
  auto z = converted<float>(unit_rows({40, 3}));
  z[5] = std::nanf("");
  CHECK(std::isnan(losses::nt_xent(Var<float>(z), 0.1).item()));
  check_message([&] { losses::nt_xent(Var<float>(z.rows(0, 3)), 0.1); }, {"nt_xent", "z is [3, 3]", "[2N, D]"});
  check_message([&] { losses::nt_xent(Var<float>(z), 0); }, {"nt_xent", "temperature", "not above 0"});
}
