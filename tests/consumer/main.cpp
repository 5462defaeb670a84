#include <nacre/autograd/var.hpp>
#include <nacre/ops/matmul.hpp>

#include <cstdio>

double elsewhere(const nacre::Tensor<double>& x);  // other.cpp, which includes the same headers

int main() {
  auto x = nacre::Tensor<double>::of({2, 2}, {1, 2, 3, 4});
  double here = nacre::matmul(nacre::Var<double>(x), nacre::Var<double>(x)).value()[3], there = elsewhere(x);
  std::printf("%s: %g %g\n", nacre::version, here, there);
  return here == 22 && there == 22 ? 0 : 1;
}
