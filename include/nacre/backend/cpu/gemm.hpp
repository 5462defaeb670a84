// gemm: c [m, n] = op(a) [m, k] . op(b) [k, n], row-major, and the packing it shares with convolution.
//
// Each c(i, j) is one chain acc = fma(a(i, k), b(k, j), acc) over ascending k, from zero (Into::assign) or from
// the old c(i, j) (Into::add). Hence a row has the same bits alone or in any batch, at any thread count, on
// avx2 and avx512. B is packed into panels of the widest tile, shared by all tasks, or read in place where few rows
// would not repay the copy; A is read in place unless transposed. Where turning spares copies, c^T is computed.
// Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008.
// Tested in tests/backend/cpu/gemm.cpp.
#pragma once

#include <nacre/core/bf16.hpp>
#include <nacre/core/device.hpp>

namespace nacre::backend {

// a is [m, k] (trans_a: [k, m]) with rows lda apart, b is [k, n] (trans_b: [n, k]); c must overlap neither.
NACRE_INLINE void gemm(Cpu, bool trans_a, bool trans_b, i64 m, i64 n, i64 k, const float* a, i64 lda, const float* b,
                       i64 ldb, float* c, i64 ldc, Into into);
NACRE_INLINE void gemm(Cpu, bool trans_a, bool trans_b, i64 m, i64 n, i64 k, const double* a, i64 lda, const double* b,
                       i64 ldb, double* c, i64 ldc, Into into);

}  // namespace nacre::backend

#if NACRE_DEFINITIONS
#include <nacre/backend/cpu/gemm_impl.hpp>
#endif
