#ifndef GRANITE_GK_WIDEN_H
#define GRANITE_GK_WIDEN_H

#include "granite/gk_types.h"

/**
 * Widens a panel of a weight matrix to f32, exactly, for sgemm:  dst[r,c] = (float) src[r,c]
 *
 * src        [rows, cols] of `dtype`, a value of gk_dtype, at any byte offset
 * dst        [rows, cols] f32
 * edges      NaN stays NaN, its payload may be quietened
 * returns    GK_OK, or GK_EINVAL for another dtype
 */
GK_API int32_t gk_widen_f32(const void *src, int32_t dtype, int64_t src_stride, int64_t rows,
                            int64_t cols, float *dst, int64_t dst_stride);

#endif
