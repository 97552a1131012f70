#ifndef GRANITE_GK_ATTENTION_H
#define GRANITE_GK_ATTENTION_H

#include "granite/gk_types.h"

/**
 * Causal attention of the query heads that share one key/value head, over its cache; prefill and decode alike.
 * With S(r) the keys visible to row r, { j : 0 <= j <= past + r and key_mask[j] != 0 },
 *
 *   p[r,h,j]   = softmax over j in S(r) of (scale * sum_i q[r,h,i] * k[j,i])
 *   out[r,h,i] = sum over j in S(r) of p[r,h,j] * v[j,i]
 *
 * q, out     [rows, heads, head_dim] f32; rows q_stride / out_stride apart, heads head_dim apart
 * k, v       [past + rows, head_dim] of `dtype`, GK_F32 or GK_BF16, at any byte offset, rows kv_stride apart: one head of
 *            the cache, the rows' own keys included
 * key_mask   [past + rows] bytes, 0 hides a key from all rows; NULL hides none
 * heads      query heads of this key/value head, >= 1 (1: multi-head; n: multi-query)
 * edges      a row that sees no key gives zeros. A NaN in a visible key or in a query stays in the rows that see it;
 *            hidden keys and values are not read into any result
 * precision  scores, softmax and sums in f32; online softmax, so no row of scores is ever stored.
 *            |error| <= (head_dim + past + rows + 16) * eps_f32 * (1 + max|score|) * max|v|
 * order      an output row depends on its own query, past + r and the keys it sees, not on how rows are split over calls
 *            (up to the precision above), and a bf16 cache gives the bits of an f32 cache that holds the same numbers
 * returns    GK_OK, or GK_EINVAL for another dtype
 * source     Dao et al. 2022, algorithm 1; Ainslie et al. 2023 for the shared heads
 */
GK_API int32_t gk_attention_f32(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                                const void *k, const void *v, int32_t dtype, int64_t kv_stride,
                                int64_t past, const uint8_t *key_mask, int64_t head_dim,
                                float scale, float *out, int64_t out_stride);

/**
 * As gk_attention_f32, for many rows on a tier with a unit that multiplies bfloat16 matrices, which rounds q and p, and k
 * and v where they are f32, on their way into it (subnormal numbers may count as zero); on other tiers the very same.
 *
 * edges      as there, but a NaN or an infinity in a visible value may reach all rows and heads of the call
 * precision  scores, softmax and sums in f32. With m = max over visible j of |scale| * sum_i|q[i] * k[j,i]|,
 *            |error| <= (exp(m / 128) - 1 + 1 / 128) * max|v|, and that of gk_attention_f32
 */
GK_API int32_t gk_attention_bf16(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                                 const void *k, const void *v, int32_t dtype, int64_t kv_stride,
                                 int64_t past, const uint8_t *key_mask, int64_t head_dim,
                                 float scale, float *out, int64_t out_stride);

/**
 * The probabilities p of gk_attention_f32 themselves, for callers that want to look at them. Scalar on every tier.
 *
 * p          element (r, h, j) at p[h * p_head_stride + r * (past + rows) + j], f32; 0 where key j is hidden from row r
 */
GK_API int32_t gk_attention_probs_f32(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                                      const void *k, int32_t dtype, int64_t kv_stride, int64_t past,
                                      const uint8_t *key_mask, int64_t head_dim, float scale,
                                      float *p, int64_t p_head_stride);

#endif
