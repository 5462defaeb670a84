// NACRE_BINARY on the device: value and both derivatives for every view of b, float and double.
#include <nacre/cuda/instantiate.cuh>

#define X(F, op) NACRE_CUDA_BINARY(math::F)
NACRE_BINARY(X)
