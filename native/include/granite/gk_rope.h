#ifndef GRANITE_GK_ROPE_H
#define GRANITE_GK_ROPE_H

#include "granite/gk_types.h"

/**
 * Rotary position embedding of queries (in place) and keys (into the cache), half-split pairing: with
 * h = head_dim / 2 and i in [0, h)
 *
 *   out[i]     = in[i] * cos[r,i] - in[i+h] * sin[r,i]
 *   out[i + h] = in[i+h] * cos[r,i] + in[i] * sin[r,i]
 *
 * q          [rows, q_heads, head_dim] f32, rows q_stride apart, heads head_dim apart; in place
 * k          [rows, k_heads, head_dim] f32, rows k_stride apart, heads head_dim apart
 * cos, sin   [rows, head_dim / 2] f32, contiguous: of the angle position * inv_freq[i], in radians
 * k_out      element (r, head, i) at k_out[head * k_out_head_stride + r * head_dim + i]: the layout of the cache;
 *            of `k_out_dtype`, GK_F32 or GK_BF16, at any byte offset
 * aliasing   k_out does not overlap k or q; q_heads or k_heads may be 0
 * edges      head_dim even, else GK_EINVAL
 * precision  two products and one addition per element, or one product and one FMA; bf16 rounded once from that, to nearest,
 *            ties to even
 * returns    GK_OK, or GK_EINVAL for an odd head_dim or another type of k_out; then nothing is written
 * source     Su et al. 2021, section 3.4.2, with the pairing of Hugging Face transformers' rotate_half
 */
GK_API int32_t gk_rope_f32(float *q, int64_t q_stride, int64_t q_heads, const float *k,
                           int64_t k_stride, int64_t k_heads, int64_t head_dim, const float *cos,
                           const float *sin, int64_t rows, void *k_out, int32_t k_out_dtype,
                           int64_t k_out_head_stride);

#endif
