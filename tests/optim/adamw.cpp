#include "rule.hpp"

#include <nacre/optim/adamw.hpp>

using namespace nacre;
using namespace nacre::test;
using optim::AdamW, optim::AdamWOptions;

TEST_CASE("AdamW takes PyTorch's steps") {
  check_values(run_rule<AdamW<double>>(AdamWOptions{.weight_decay = 0.05}),
               {0.3895017614028209, -1.0498924502451998, 1.8158961624986172});
  check_values(run_rule<AdamW<double>>(AdamWOptions{.beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0}),
               {0.41002320884782556, -1.0799987195206084, 1.845033183803813});
}

TEST_CASE("AdamW's first step is lr in the direction of the gradient's sign, whatever its size") {
  for (double size : {1e-3, 1.0, 1e3}) {
    Vector v;
    AdamW<double> adam(v, {.weight_decay = 0});
    auto g = gradient_of(v.w.node());
    for (i64 i = 0; i < 3; ++i) g.tensor[i] = i == 1 ? -size : size;
    adam.step(0.01);
    CHECK(v.w.value()[0] == doctest::Approx(0.49));
    CHECK(v.w.value()[1] == doctest::Approx(-0.99));
  }
}

TEST_CASE("AdamW does not decay biases, and continues from its saved state") {
  CHECK(same_bits(run_rule<AdamW<double>>(AdamWOptions{.weight_decay = 0.5}, false),
                  run_rule<AdamW<double>>(AdamWOptions{.weight_decay = 0}, true)));
  check_resumes<AdamW<double>>(AdamWOptions{});
  Vector v;
  CHECK(names(AdamW<double>(v)) == std::vector<std::string>{"mean", "square", "powers"});
}

namespace {

template <class T>
struct Weights {
  Parameter<T> w;
  static void visit(auto& self, auto&& f) { f("w", self.w); }
};

template <class T>
void same_as_one_by_one(i64 n) {
  Weights<T> v{Parameter<T>(randn<T>({n}, 1))};
  auto w = v.w.value().clone(), m = Tensor<T>::zeros({n}), s = Tensor<T>::zeros({n});
  AdamWOptions o{.beta1 = 0.8, .beta2 = 0.99, .eps = 1e-6, .weight_decay = 0.1};
  AdamW<T> adam(v, o);
  double left1 = 1, left2 = 1;
  for (u64 step = 2; step < 5; ++step) {
    auto g = randn<T>({n}, step);
    gradient_of(v.w.node()).tensor.copy_from(g);
    adam.step(0.1);
    left1 *= o.beta1;
    left2 *= o.beta2;
    math::AdamStep rule{0.1, o.weight_decay, o.eps, 1 - left1, 1 - left2};
    for (i64 i = 0; i < n; ++i) {
      m[i] = math::AdamMean{o.beta1}(m[i], g[i]);
      s[i] = math::AdamSquare{o.beta2}(s[i], g[i]);
      w[i] = rule(w[i], m[i], s[i]);
    }
  }
  CHECK(same_bits(v.w.value(), w));
}

}  // namespace

TEST_CASE("AdamW moves blocks of 16 as it moves one by one, in every bit, whatever the threads and instructions") {
  for (i64 n : {1, 15, 16, 37, 40001})
    for (int threads : {1, 3})
      for (auto isa : {backend::Isa::baseline, backend::Isa::avx2, backend::Isa::avx512})
        with_threads(threads, [&] {
          with_isa(isa, [&] {
            same_as_one_by_one<float>(n);
            same_as_one_by_one<double>(n);
          });
        });
}

TEST_CASE("AdamW refuses options outside their range") {
  Vector v;
  check_message([&] { AdamW<double> a(v, {.beta2 = 1}); }, {"adamw", "beta2 1", "[0, 1)"});
  check_message([&] { AdamW<double> a(v, {.eps = 0}); }, {"adamw", "eps"});
}
