#ifndef GRANITE_GK_GEMM_H
#define GRANITE_GK_GEMM_H

#include "granite/gk_types.h"

/** Bytes of working memory that the products below take. */
#define GK_GEMM_SCRATCH (3 << 19)

/**
 * Product of many activation rows with a weight matrix stored [out, in] row-major, in f32:
 *
 *   y[i,j] = alpha * sum_c(x[i,c] * w[j,c]) + beta * y[i,j]        0 <= i < m,  0 <= j < n,  0 <= c < k
 *
 * w          [n, k] of `dtype`, a value of gk_dtype, at any byte offset; widened exactly
 * x          [m, k] f32
 * y          [m, n] f32; not read when beta is 0
 * m          any; made for more rows than gk_gemv_f32 is
 * scratch    GK_GEMM_SCRATCH bytes, of no use before or after
 * precision  products and sums in f32;  |error| <= k * eps_f32 * sum_c|alpha * x * w| + 2 * eps_f32 * |y|
 * order      the order of summation of an element depends on k and the tier alone, not on m, n, i or j: splitting the
 *            rows of w over threads, or batching rows of x, changes no bit of the result
 * edges      k == 0 gives beta * y
 * returns    GK_OK, or GK_EINVAL for another dtype
 */
GK_API int32_t gk_gemm_f32(const void *w, int32_t dtype, int64_t w_stride, int64_t n, int64_t k,
                           const float *x, int64_t x_stride, int64_t m, float alpha, float beta,
                           float *y, int64_t y_stride, void *scratch);

/*
 * The others are products of many activation rows with bfloat16 weights, for tiers with a unit that multiplies bfloat16 matrices
 * (today: amx). The activations are rounded to bfloat16 too, once, by gk_pack_bf16, into
 *
 *   packed     [ceil(m / 16), ceil(k / 32), 16, 16, 2] bfloat16: element (i, c) of the m x k activations stands at
 *              [i / 16, c / 32, c % 32 / 2, i % 16, c % 2]; rows and columns that fill up hold zeros
 *
 * which is what such a unit takes beside weights as they lie in a file. Products are exact and sums are f32.
 * Packed operands and scratch start at a multiple of 4 bytes. Subnormal numbers may count as zero. On tiers without such
 * a unit these kernels work too, slowly.
 */

/**
 * Rounds f32 rows to bfloat16, to nearest even, and packs them.
 *
 *   packed(i, c) = bf16(x[rows[i], c])        0 <= i < m,  0 <= c < k
 *
 * x          f32, rows x_stride apart
 * rows       [m] which row of x becomes row i, any number of times; NULL for the first m in order
 * packed     as above, ceil(m / 16) * ceil(k / 32) * 1024 bytes
 */
GK_API void gk_pack_bf16(const float *x, int64_t x_stride, const int32_t *rows, int64_t m,
                         int64_t k, void *packed);

/**
 * Product of packed activation rows with a weight matrix stored [out, in] row-major:
 *
 *   y[r,j] = alpha * s * sum_c(x[i,c] * w[j,c]) + beta * y[r,j]        0 <= i < m,  0 <= j < n,  0 <= c < k
 *            r = rows[i],  s = scales[i]
 *
 * w          [n, k] bfloat16, at any byte offset
 * x          packed [m, k]
 * rows       [m] which row of y row i of x adds to, each at most once; NULL for the first m in order
 * scales     [m] f32, or NULL for 1
 * y          f32, rows y_stride apart; not read when beta is 0
 * scratch    GK_GEMM_SCRATCH bytes, of no use before or after
 * precision  |error| <= k * eps_f32 * sum_c|alpha * s * x * w| + 2 * eps_f32 * |y|
 * order      the order of summation of an element depends on k and the tier alone: splitting the rows of w over
 *            threads, or batching rows of x, changes no bit of the result
 */
GK_API void gk_gemm_bf16(const void *w, int64_t w_stride, int64_t n, int64_t k, const void *x,
                         int64_t m, float alpha, const int32_t *rows, const float *scales,
                         float beta, float *y, int64_t y_stride, void *scratch);

/**
 * The same for groups of rows, each with a weight matrix of its own, as experts have: rows starts[g] to starts[g + 1] of
 * group g, whose weights are w_group elements after those of the group before.
 *
 *   y[r,j] = alpha * s * sum_c(x[i,c] * w[g,j,c]) + beta * y[r,j]
 *            starts[g] <= i < starts[g + 1],  0 <= j < n,  0 <= c < k,  r = rows[i],  s = scales[i]
 *
 * w          [groups, n, k] bfloat16, at any byte offset; only those of groups with rows are read
 * x          packed, group after group, each filled up to a multiple of 16 rows
 * starts     [groups + 1], ascending, from 0 on or from any other row
 * rows       by i as above; a row of y may occur once in each group, and groups are added in order
 * the others as in gk_gemm_bf16, and so are bounds of errors and order of sums
 */
GK_API void gk_gemm_grouped_bf16(const void *w, int64_t w_stride, int64_t w_group, int64_t n,
                                 int64_t k, const void *x, int64_t groups, const int32_t *starts,
                                 float alpha, const int32_t *rows, const float *scales, float beta,
                                 float *y, int64_t y_stride, void *scratch);

/**
 * The gated half of a network: two products, the activation, and the rounding for the product that follows, without the
 * way through memory.
 *
 *   out(i, first + j) = bf16(silu(sum_c(x[i,c] * gate[j,c])) * sum_c(x[i,c] * up[j,c]))
 *                       0 <= i < m,  0 <= j < n,  0 <= c < k
 *
 * gate, up   [n, k] bfloat16, at any byte offset, rows w_stride apart in both
 * x          packed [m, k]
 * first      a multiple of 32; n too is one, unless first + n == out_cols
 * out        packed [m, out_cols], of which columns first to first + n are written, with the zeros that fill them up
 * scratch    GK_GEMM_SCRATCH bytes, of no use before or after
 * precision  that of gk_gemm_bf16 and of gk_silu_mul_f32, and then of a bfloat16
 */
GK_API void gk_silu_mul_gemm_bf16(const void *gate, const void *up, int64_t w_stride, int64_t n,
                                  int64_t k, const void *x, int64_t m, int64_t first,
                                  int64_t out_cols, void *out, void *scratch);

/**
 * The same for groups of rows, each with matrices of its own, as in gk_gemm_grouped_bf16.
 *
 * gate, up   [groups, n, k] bfloat16, w_group elements from one group to the next in both
 * x, starts  as in gk_gemm_grouped_bf16
 * out        packed as x is, group after group
 */
GK_API void gk_silu_mul_gemm_grouped_bf16(const void *gate, const void *up, int64_t w_stride,
                                          int64_t w_group, int64_t n, int64_t k, const void *x,
                                          int64_t groups, const int32_t *starts, int64_t first,
                                          int64_t out_cols, void *out, void *scratch);

#endif
