// NACRE_UNARY on the device: value and derivative, float and double.
#include <nacre/cuda/instantiate.cuh>

#define X(F, op) NACRE_CUDA_UNARY(math::F)
NACRE_UNARY(X)

namespace nacre::backend {
template void map(Cuda, const Identity&, float*, i64, i64, Into, const Dense<float>&);
template void map(Cuda, const Identity&, double*, i64, i64, Into, const Dense<double>&);
}  // namespace nacre::backend
