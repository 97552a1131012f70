#ifndef GK_ROPE_VECTOR_H
#define GK_ROPE_VECTOR_H

/* The rotation of the wide tiers; include simd/load_scalar.h and the tier's simd/vec_<isa>.h first. */

#include <assert.h>

/* One head; out may be in, since both halves are read before either is written. */
GK_TEMPLATE void rope_rotate(const float *in, const float *cos, const float *sin, int64_t half,
                             void *out, int32_t dtype) {
  const int64_t size = gk_element_size(dtype);
  unsigned char *first = out, *second = first + half * size;
  int64_t i = 0;
  for (; i + GK_LANES <= half; i += GK_LANES) {
    const gk_vec a = gk_vec_load(in + i), b = gk_vec_load(in + i + half);
    const gk_vec cos_i = gk_vec_load(cos + i), sin_i = gk_vec_load(sin + i);
    gk_vec_store_cached(first + i * size, dtype, gk_vec_fma(-b, sin_i, a * cos_i));
    gk_vec_store_cached(second + i * size, dtype, gk_vec_fma(a, sin_i, b * cos_i));
  }
  if (i < half) {
    const int64_t rest = half - i;
    const gk_vec a = gk_vec_load_first(in + i, rest), b = gk_vec_load_first(in + i + half, rest);
    const gk_vec cos_i = gk_vec_load_first(cos + i, rest), sin_i = gk_vec_load_first(sin + i, rest);
    gk_vec_store_first_cached(first + i * size, rest, dtype, gk_vec_fma(-b, sin_i, a * cos_i));
    gk_vec_store_first_cached(second + i * size, rest, dtype, gk_vec_fma(a, sin_i, b * cos_i));
  }
}

GK_TEMPLATE int32_t rope(float *q, int64_t q_stride, int64_t q_heads, const float *k,
                         int64_t k_stride, int64_t k_heads, int64_t head_dim, const float *cos,
                         const float *sin, int64_t rows, void *k_out, int32_t k_out_dtype,
                         int64_t k_out_head_stride) {
  assert(q_heads >= 0 && k_heads >= 0 && head_dim >= 0 && rows >= 0);
  if (head_dim % 2 != 0 || (k_out_dtype != GK_F32 && k_out_dtype != GK_BF16)) return GK_EINVAL;
  const int64_t half = head_dim / 2;
  for (int64_t r = 0; r < rows; r++) {
    const float *cos_r = cos + r * half, *sin_r = sin + r * half;
    for (int64_t h = 0; h < q_heads; h++) {
      float *q_rh = q + r * q_stride + h * head_dim;
      rope_rotate(q_rh, cos_r, sin_r, half, q_rh, GK_F32);
    }
    for (int64_t h = 0; h < k_heads; h++) {
      const float *k_rh = k + r * k_stride + h * head_dim;
      const int64_t at = h * k_out_head_stride + r * head_dim;
      if (k_out_dtype == GK_F32) {
        rope_rotate(k_rh, cos_r, sin_r, half, (float *)k_out + at, GK_F32);
      } else {
        rope_rotate(k_rh, cos_r, sin_r, half, (uint16_t *)k_out + at, GK_BF16);
      }
    }
  }
  return GK_OK;
}

#endif
