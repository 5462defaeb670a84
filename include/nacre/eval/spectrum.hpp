// Eigenvalues and eigenvectors of a symmetric matrix, by Eigen, in double: effective rank, principal components.
//
//   A = sum_k l_k v_k v_k^T,  A [m, m],  l_0 >= l_1 >= ...,  v_k of length 1
//
// One instantiation of one solver serves the library; users of this header do not see Eigen.
// Throws nacre::Error. Tested in tests/eval/spectrum.cpp.
#pragma once

#include <nacre/core/tensor.hpp>

#include <vector>

namespace nacre::eval {

struct Spectrum {
  std::vector<double> values;  // descending
  Tensor<double> vectors;      // [m, m]: row k is v_k; its largest component is positive
};

// a [m, m] must be symmetric. NaN in, NaN out.
NACRE_INLINE Spectrum symmetric_spectrum(const Tensor<double>& a);
NACRE_INLINE std::vector<double> symmetric_eigenvalues(const Tensor<double>& a);  // descending

}  // namespace nacre::eval

#if NACRE_DEFINITIONS
#include <nacre/eval/spectrum_impl.hpp>
#endif
