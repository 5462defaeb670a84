// Pirl<float>, compiled once into nacre::compiled.
#pragma once

#include <nacre/methods/pirl.hpp>

#if defined(NACRE_IMPLEMENTATION)
template struct nacre::methods::Pirl<float>;
#elif defined(NACRE_COMPILED)
extern template struct nacre::methods::Pirl<float>;
#endif
