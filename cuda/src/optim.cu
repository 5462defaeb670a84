// The update rules of math/optim.hpp over packed blocks: maps of one long row, float and double.
#include <nacre/cuda/map.cuh>
#include <nacre/math/optim.hpp>

#define OF_TWO(T, F) template void map(Cuda, const math::F&, T*, i64, i64, Into, const Dense<T>&, const Dense<T>&);
#define OF_THREE(T, F) \
  template void map(Cuda, const math::F&, T*, i64, i64, Into, const Dense<T>&, const Dense<T>&, const Dense<T>&);
#define RULES(T)         \
  OF_THREE(T, SgdVelocity) \
  OF_THREE(T, SgdStep)   \
  OF_TWO(T, AdamMean)    \
  OF_TWO(T, AdamSquare)  \
  OF_THREE(T, AdamStep)  \
  OF_TWO(T, Ema)

namespace nacre::backend {
RULES(float)
RULES(double)
}  // namespace nacre::backend
