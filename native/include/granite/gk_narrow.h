#ifndef GRANITE_GK_NARROW_H
#define GRANITE_GK_NARROW_H

#include "granite/gk_types.h"

/**
 * Stores rows of f32 in the type of the cache:  dst[r,c] = (dtype) src[r,c]
 *
 * src        [rows, cols] f32
 * dst        [rows, cols] of `dtype`, GK_F32 or GK_BF16, at any byte offset
 * precision  f32 is copied; bf16 is rounded to nearest, ties to even, subnormal numbers too, the same bits on all tiers
 * edges      what is too large for bf16 becomes Inf; NaN stays NaN, its payload is cut and may be quietened
 * returns    GK_OK, or GK_EINVAL for another dtype
 */
GK_API int32_t gk_narrow(const float *src, int64_t src_stride, int64_t rows, int64_t cols,
                         void *dst, int32_t dtype, int64_t dst_stride);

#endif
