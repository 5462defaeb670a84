// NACRE_REDUCERS on the device: over rows, columns and all, with derivatives, float and double.
#include <nacre/cuda/instantiate.cuh>

#define X(R, op) NACRE_CUDA_REDUCER(math::R)
NACRE_REDUCERS(X)
