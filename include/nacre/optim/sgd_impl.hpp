// Sgd<float>, compiled once into nacre::compiled.
#pragma once

#include <nacre/optim/sgd.hpp>

#if defined(NACRE_IMPLEMENTATION)
template class nacre::optim::Sgd<float>;
#elif defined(NACRE_COMPILED)
extern template class nacre::optim::Sgd<float>;
#endif
