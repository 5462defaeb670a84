// AdamW<float>, compiled once into nacre::compiled.
#pragma once

#include <nacre/optim/adamw.hpp>

#if defined(NACRE_IMPLEMENTATION)
template class nacre::optim::AdamW<float>;
#elif defined(NACRE_COMPILED)
extern template class nacre::optim::AdamW<float>;
#endif
