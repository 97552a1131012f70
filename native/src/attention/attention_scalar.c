#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "kernels.h"
#include "simd/load_scalar.h"

static int is_cache_type(int32_t dtype) { return dtype == GK_F32 || dtype == GK_BF16; }

/* q . k, with the elements of k from `at` on */
GK_TEMPLATE float dot(const float *q, const void *k, int64_t at, int32_t dtype, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += q[i] * gk_load_scalar(k, at + i, dtype);
  return sum;
}

static int is_visible(const uint8_t *key_mask, int64_t j) {
  return key_mask == NULL || key_mask[j] != 0;
}

/*
 * One query over the keys [0, keys): online softmax, one key at a time. At each moment out[i] is
 * the sum of exp(score - max) * v[i] over the keys so far, and `sum` that of exp(score - max); a
 * new maximum rescales both.
 */
GK_TEMPLATE void attend(const float *q, const void *k, const void *v, int32_t dtype,
                        int64_t kv_stride, int64_t keys, const uint8_t *key_mask, int64_t head_dim,
                        float scale, float *out) {
  float max = -INFINITY, sum = 0;
  for (int64_t i = 0; i < head_dim; i++) out[i] = 0;
  int sees_one = 0;
  for (int64_t j = 0; j < keys; j++) {
    if (!is_visible(key_mask, j)) continue;
    const int64_t at = j * kv_stride;
    const float score = scale * dot(q, k, at, dtype, head_dim);
    if (score > max) {
      const float rescale = expf(max - score); /* 0 at the first key */
      for (int64_t i = 0; i < head_dim; i++) out[i] *= rescale;
      sum *= rescale;
      max = score;
    }
    /* A score of -Inf weighs nothing; without a finite one before it, the difference would be NaN.
     */
    const float p = score == -INFINITY ? 0 : expf(score - max);
    for (int64_t i = 0; i < head_dim; i++) out[i] += p * gk_load_scalar(v, at + i, dtype);
    sum += p;
    sees_one = 1;
  }
  if (!sees_one) return;
  const float normalise = 1 / sum;
  for (int64_t i = 0; i < head_dim; i++) out[i] *= normalise;
}

int32_t attention_f32_scalar(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                             const void *k, const void *v, int32_t dtype, int64_t kv_stride,
                             int64_t past, const uint8_t *key_mask, int64_t head_dim, float scale,
                             float *out, int64_t out_stride) {
  assert(heads >= 0 && rows >= 0 && past >= 0 && head_dim >= 0);
  if (!is_cache_type(dtype)) return GK_EINVAL;
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t h = 0; h < heads; h++) {
      const float *q_rh = q + r * q_stride + h * head_dim;
      float *out_rh = out + r * out_stride + h * head_dim;
      const int64_t keys = past + r + 1;
      if (dtype == GK_F32) {
        attend(q_rh, k, v, GK_F32, kv_stride, keys, key_mask, head_dim, scale, out_rh);
      } else {
        attend(q_rh, k, v, GK_BF16, kv_stride, keys, key_mask, head_dim, scale, out_rh);
      }
    }
  }
  return GK_OK;
}

int32_t attention_bf16_scalar(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                              const void *k, const void *v, int32_t dtype, int64_t kv_stride,
                              int64_t past, const uint8_t *key_mask, int64_t head_dim, float scale,
                              float *out, int64_t out_stride) {
  return attention_f32_scalar(q, q_stride, heads, rows, k, v, dtype, kv_stride, past, key_mask,
                              head_dim, scale, out, out_stride);
}

int32_t attention_probs_f32_scalar(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                                   const void *k, int32_t dtype, int64_t kv_stride, int64_t past,
                                   const uint8_t *key_mask, int64_t head_dim, float scale, float *p,
                                   int64_t p_head_stride) {
  assert(heads >= 0 && rows >= 0 && past >= 0 && head_dim >= 0);
  if (!is_cache_type(dtype)) return GK_EINVAL;
  const int64_t keys = past + rows;
  for (int64_t h = 0; h < heads; h++) {
    for (int64_t r = 0; r < rows; r++) {
      const float *q_rh = q + r * q_stride + h * head_dim;
      float *p_rh = p + h * p_head_stride + r * keys; /* scores first, then their exponentials */
      float max = -INFINITY, sum = 0;
      for (int64_t j = 0; j < keys; j++) {
        p_rh[j] = 0;
        if (j > past + r || !is_visible(key_mask, j)) continue;
        p_rh[j] = scale * dot(q_rh, k, j * kv_stride, dtype, head_dim);
        if (p_rh[j] > max) max = p_rh[j];
      }
      for (int64_t j = 0; j <= past + r; j++) {
        if (!is_visible(key_mask, j)) continue;
        p_rh[j] = expf(p_rh[j] - max);
        sum += p_rh[j];
      }
      for (int64_t j = 0; j <= past + r; j++) {
        if (is_visible(key_mask, j)) p_rh[j] /= sum;
      }
    }
  }
  return GK_OK;
}
