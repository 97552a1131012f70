#ifndef GRANITE_GK_SILU_MUL_H
#define GRANITE_GK_SILU_MUL_H

#include "granite/gk_types.h"

/**
 * The gate of a SwiGLU feed-forward:  out[r,c] = silu(gate[r,c]) * up[r,c],   silu(z) = z / (1 + exp(-z))
 *
 * gate, up, out  [rows, cols] f32
 * aliasing   out may be gate, or up, with the same stride
 * precision  |error| <= 8 * eps_f32 * |out|, and 2^-126 near zero
 * edges      finite for every finite gate, however large (exp does not overflow on the way), unless the product with up
 *            overflows; silu(-Inf) is -0; NaN in, NaN out
 * source     Shazeer 2020, eq. 6
 */
GK_API void gk_silu_mul_f32(const float *gate, int64_t gate_stride, const float *up,
                            int64_t up_stride, int64_t rows, int64_t cols, float *out,
                            int64_t out_stride);

#endif
