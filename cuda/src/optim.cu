// The update rules of math/optim.hpp over packed blocks: maps of one long row, float and double; and the squared norm
// that LARS needs.
#include <nacre/cuda/map.cuh>
#include <nacre/cuda/reduce.cuh>
#include <nacre/math/elementwise.hpp>
#include <nacre/math/optim.hpp>
#include <nacre/math/reduce.hpp>

#define OF_TWO(T, F) template void map(Cuda, const math::F&, T*, i64, i64, Into, const Dense<T>&, const Dense<T>&);
#define OF_THREE(T, F) \
  template void map(Cuda, const math::F&, T*, i64, i64, Into, const Dense<T>&, const Dense<T>&, const Dense<T>&);
#define RULES(T)         \
  OF_THREE(T, SgdVelocity) \
  OF_THREE(T, SgdStep)   \
  OF_TWO(T, AdamMean)    \
  OF_TWO(T, AdamSquare)  \
  OF_THREE(T, AdamStep)  \
  OF_TWO(T, Ema)         \
  template void reduce_all(Cuda, math::Sum, const math::Square&, T*, i64, Into, const Dense<T>&);

namespace nacre::backend {
RULES(float)
RULES(double)
}  // namespace nacre::backend
