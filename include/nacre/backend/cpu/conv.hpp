// 2-D convolution (cross-correlation) and its two gradients, NHWC.
//
//   x [N, H, W, C]   w [O, KH, KW, C/groups]   y [N, OH, OW, O]          (math/window.hpp)
//   y(n,i,j,o)         = sum over kh, kw, c of x(n, row(i,kh), col(j,kw), c) w(o,kh,kw,c)
//   grad_input         = the transposed sum, over the taps in the order of gy's pixels, then o
//   grad_weight(o,...) = sum over n, i, j of gy(n,i,j,o) x(n, row(i,kh), col(j,kw), c)
//
// In float, a 3x3 whose channels come in sixteens is Winograd's (backend/cpu/winograd.hpp has the rule), unless
// exact_conv() asks for the plain sum. The others are implicit im2col over the tile of gemm: a block of the input is
// copied once with its zero rim, the taps of a kernel row are then contiguous. The first two are one FMA chain per
// element (Into::add starts it at the old value). Either way an image has the same bits alone or in any batch; the
// weight gradient is summed in chunks of the batch that depend on the shape only and are added in index order.
// Where relu(x scale + shift) is to stand for x, Winograd's transform makes it as it reads x; the others read a copy.
// Tested in tests/backend/cpu/conv.cpp.
#pragma once

#include <nacre/backend/cpu/norm.hpp>
#include <nacre/core/device.hpp>
#include <nacre/math/window.hpp>

namespace nacre::backend {

NACRE_INLINE bool& exact_conv();  // of the process; not to be changed between a forward pass and its backward

NACRE_INLINE void conv2d(Cpu, const Window2d& win, const float* x, const float* w, float* y, ReluMap<float> relu = {});
NACRE_INLINE void conv2d(Cpu, const Window2d& win, const double* x, const double* w, double* y,
                         ReluMap<double> relu = {});

NACRE_INLINE void conv2d_grad_input(Cpu, const Window2d& win, const float* w, const float* gy, float* gx, Into into);
NACRE_INLINE void conv2d_grad_input(Cpu, const Window2d& win, const double* w, const double* gy, double* gx, Into into);

NACRE_INLINE void conv2d_grad_weight(Cpu, const Window2d& win, const float* x, const float* gy, float* gw, Into into,
                                     ReluMap<float> relu = {});
NACRE_INLINE void conv2d_grad_weight(Cpu, const Window2d& win, const double* x, const double* gy, double* gw,
                                     Into into, ReluMap<double> relu = {});

}  // namespace nacre::backend

#if NACRE_DEFINITIONS
#include <nacre/backend/cpu/conv_impl.hpp>
#endif
