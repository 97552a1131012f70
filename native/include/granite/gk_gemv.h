#ifndef GRANITE_GK_GEMV_H
#define GRANITE_GK_GEMV_H

#include "granite/gk_types.h"

/**
 * Product of a few activation rows with a weight matrix stored [out, in] row-major:
 *
 *   y[i,j] = alpha * sum_c(x[i,c] * w[j,c]) + beta * y[i,j]        0 <= i < m,  0 <= j < n,  0 <= c < k
 *
 * w          [n, k] of the type in the name, at any byte offset; widened exactly to f32 in registers
 * x          [m, k] f32
 * y          [m, n] f32; not read when beta is 0
 * m          any; made for 1 to 8 rows, which read each weight once. Each further 8 rows read the weights again.
 * precision  products and sums in f32;  |error| <= k * eps_f32 * sum_c|alpha * x * w| + 2 * eps_f32 * |y|
 * order      the order of summation of an element depends on k and the tier alone, not on m, n, i or j: splitting the
 *            rows of w over threads, or batching rows of x, changes no bit of the result
 * edges      k == 0 gives beta * y
 */
GK_API void gk_gemv_f32(const void *w, int64_t w_stride, int64_t n, int64_t k, const float *x,
                        int64_t x_stride, int64_t m, float alpha, float beta, float *y,
                        int64_t y_stride);
/** As gk_gemv_f32, with w in IEEE binary16. */
GK_API void gk_gemv_f16(const void *w, int64_t w_stride, int64_t n, int64_t k, const float *x,
                        int64_t x_stride, int64_t m, float alpha, float beta, float *y,
                        int64_t y_stride);
/** As gk_gemv_f32, with w in bfloat16. */
GK_API void gk_gemv_bf16(const void *w, int64_t w_stride, int64_t n, int64_t k, const float *x,
                         int64_t x_stride, int64_t m, float alpha, float beta, float *y,
                         int64_t y_stride);

#endif
