#include <nacre/autograd/var.hpp>
#include <nacre/ops/matmul.hpp>

double elsewhere(const nacre::Tensor<double>& x);
double elsewhere(const nacre::Tensor<double>& x) {
  return nacre::matmul(nacre::Var<double>(x), nacre::Var<double>(x)).value()[3];
}
