#ifndef GRANITE_GK_ADD_SCALED_H
#define GRANITE_GK_ADD_SCALED_H

#include "granite/gk_types.h"

/**
 * x[r,c] += scale * y[r,c]
 *
 * x          [rows, cols] f32, in place
 * y          [rows, cols] f32; y_stride 0 adds the same row everywhere (a bias)
 * precision  one product and one addition per element, or one FMA
 */
GK_API void gk_add_scaled_f32(float *x, int64_t x_stride, const float *y, int64_t y_stride,
                              float scale, int64_t rows, int64_t cols);

#endif
