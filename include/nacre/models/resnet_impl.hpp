// ResNet<float>, compiled once into nacre::compiled: its users compile no convolution and no batch norm.
#pragma once

#include <nacre/models/resnet.hpp>

#if defined(NACRE_IMPLEMENTATION)
template class nacre::models::ResNet<float>;
#elif defined(NACRE_COMPILED)
extern template class nacre::models::ResNet<float>;
#endif
