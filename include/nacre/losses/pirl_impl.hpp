// The PIRL loss in float, compiled once into nacre::compiled.
#pragma once

#include <nacre/losses/pirl.hpp>

#if defined(NACRE_COMPILED)
namespace nacre::losses {
#if !defined(NACRE_IMPLEMENTATION)
extern
#endif
    template PirlTerms<float> pirl(const Var<float>&, const Var<float>&, const Tensor<float>&, const Tensor<i64>&,
                                   const Tensor<i64>&, const PirlOptions&, double&);
}  // namespace nacre::losses
#endif
