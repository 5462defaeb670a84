// A loss of one's own in Eigen: value and gradient as expressions, checked by finite differences, then trained.
//
//   views a, b [B, D]  ->  C = a^T b / B [D, D]  ->  L = sum_i (C_ii - 1)^2 + weight sum_{i != j} C_ij^2
//
// Two views of a thing should agree number by number, and the numbers should not repeat one another: the loss of
// Barlow Twins (Zbontar et al., 2021). It is not in the library; no file of the library is touched.
//
//   g++ -std=c++20 -O2 -ffp-contract=off -Iinclude -I/usr/include/eigen3 examples/04_my_loss.cpp -ltbb -o loss
//   ./loss
#include <nacre/autograd/gradcheck.hpp>
#include <nacre/eigen.hpp>
#include <nacre/models/mlp.hpp>
#include <nacre/optim/sgd.hpp>

#include <cstdio>

namespace nc = nacre;

template <class T>
nc::Var<T> cross_correlation(const nc::Var<T>& a, const nc::Var<T>& b, T weight) {
  nc::check(a.shape().rank() == 2 && a.shape() == b.shape(), "cross_correlation", [&] {
    return "a is " + a.shape().str() + ", b is " + b.shape().str() + "; need two matrices [B, D] of one shape";
  });
  nc::i64 d = a.dim(1);
  T scale = 1 / static_cast<T>(a.dim(0));
  using Matrix = nc::EigenMatrix<T>;
  Matrix off = as_matrix(a.value()).transpose() * as_matrix(b.value()) * scale - Matrix::Identity(d, d);  // C - I
  Matrix w = Matrix::Constant(d, d, weight);
  w.diagonal().setOnes();
  T loss = (w.array() * off.array().square()).sum();

  Matrix dc = 2 * w.cwiseProduct(off) * scale;  // dL/dC / B
  return nc::make_op("cross_correlation", nc::Tensor<T>::scalar(loss), [=](const nc::Tensor<T>& gy) {
    accumulate(a, gy.item() * (as_matrix(b.value()) * dc.transpose()));
    accumulate(b, gy.item() * (as_matrix(a.value()) * dc));
  }, a, b);
}

template <class T>
nc::Tensor<T> noise(const nc::Shape& shape, nc::Key key, T scale = 1) {
  nc::Tensor<T> x(shape);
  nc::Random random(key);
  for (T& v : x.span()) v = scale * static_cast<T>(random.normal());
  return x;
}

int main() {
  nc::Key key{.seed = 1};

  auto f = [](const std::vector<nc::Var<double>>& v) { return cross_correlation(v[0], v[1], 0.05); };
  auto report = nc::gradcheck(f, {noise<double>({6, 4}, key.fold("a")), noise<double>({6, 4}, key.fold("b"))});
  std::printf("gradient against finite differences: relative error %.1e\n\n", report.worst);
  if (!report.ok()) return std::printf("wrong: %s\n", report.str().c_str()), 1;

  // Points in 16 dimensions, seen twice through noise; a small network is to name each point by 8 numbers.
  nc::models::Mlp<float> net({16, 64, 8}, {.batch_norm = true, .norm_output = true}, key.fold("net"));
  nc::optim::Sgd<float> sgd(net, {.momentum = 0.9});
  double first = 0, last = 0, sum = 0;
  for (int step = 0; step < 100; ++step) {
    nc::Key draw = key.fold("data").fold(static_cast<nc::u64>(step));
    nc::Tensor<float> points = noise<float>({128, 16}, draw);
    auto view = [&](const char* name) {
      nc::Tensor<float> x = noise<float>(points.shape(), draw.fold(name), 0.3f);
      as_array(x) += as_array(points);
      return x;
    };
    nc::Tape tape;
    auto loss = cross_correlation(net(nc::constant(tape, view("one"))), net(nc::constant(tape, view("two"))), 0.05f);
    nc::backward(loss);
    sgd.step(0.02);
    sum += loss.item();
    if (step % 20 == 19) {
      last = sum / 20, sum = 0;
      if (step == 19) first = last;
      std::printf("steps %2d to %2d: mean loss %.3f\n", step - 19, step, last);
    }
  }
  return last < first ? 0 : 1;
}
