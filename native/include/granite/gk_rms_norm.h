#ifndef GRANITE_GK_RMS_NORM_H
#define GRANITE_GK_RMS_NORM_H

#include "granite/gk_types.h"

/**
 * Root-mean-square normalisation of each row:
 *
 *   out[r,c] = x[r,c] / sqrt(mean_c(x[r,c]^2) + eps) * weight[c]
 *
 * x, out     [rows, cols] f32;   weight [cols] f32, contiguous
 * aliasing   out may be x with the same stride
 * precision  squares are summed in f32 (scalar tier: f64);  |error| <= |out| * (cols + 4) * eps_f32
 * edges      cols >= 1; a NaN or Inf stays in its own row
 * source     Zhang & Sennrich 2019, eq. 4
 */
GK_API void gk_rms_norm_f32(const float *x, int64_t x_stride, const float *weight, float eps,
                            int64_t rows, int64_t cols, float *out, int64_t out_stride);

/**
 * Scaled residual add, then the normalisation above, in one pass over the row:
 *
 *   x[r,c]  += scale * residual[r,c]
 *   out[r,c] = x[r,c] / sqrt(mean_c(x[r,c]^2) + eps) * weight[c]
 *
 * x, residual, out  [rows, cols] f32;   weight [cols] f32, contiguous;   x is updated in place
 * aliasing   out may be residual with the same stride
 * precision, edges, source   as gk_rms_norm_f32; the sum itself is one product and one addition, or one FMA
 */
GK_API void gk_add_rms_norm_f32(float *x, int64_t x_stride, const float *residual,
                                int64_t residual_stride, float scale, const float *weight,
                                float eps, int64_t rows, int64_t cols, float *out,
                                int64_t out_stride);

#endif
