// Lars<float>, compiled once into nacre::compiled.
#pragma once

#include <nacre/optim/lars.hpp>

#if defined(NACRE_IMPLEMENTATION)
template class nacre::optim::Lars<float>;
#elif defined(NACRE_COMPILED)
extern template class nacre::optim::Lars<float>;
#endif
