#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "kernels.h"

static float dot(const float *a, const float *b, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
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
static void attend(const float *q, const float *k, const float *v, int64_t kv_stride, int64_t keys,
                   const uint8_t *key_mask, int64_t head_dim, float scale, float *out) {
  float max = -INFINITY, sum = 0;
  for (int64_t i = 0; i < head_dim; i++) out[i] = 0;
  int sees_one = 0;
  for (int64_t j = 0; j < keys; j++) {
    if (!is_visible(key_mask, j)) continue;
    const float *v_j = v + j * kv_stride;
    const float score = scale * dot(q, k + j * kv_stride, head_dim);
    if (score > max) {
      const float rescale = expf(max - score); /* 0 at the first key */
      for (int64_t i = 0; i < head_dim; i++) out[i] *= rescale;
      sum *= rescale;
      max = score;
    }
    /* A score of -Inf weighs nothing; without a finite one before it, the difference would be NaN.
     */
    const float p = score == -INFINITY ? 0 : expf(score - max);
    for (int64_t i = 0; i < head_dim; i++) out[i] += p * v_j[i];
    sum += p;
    sees_one = 1;
  }
  if (!sees_one) return;
  const float normalise = 1 / sum;
  for (int64_t i = 0; i < head_dim; i++) out[i] *= normalise;
}

void attention_f32_scalar(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                          const float *k, const float *v, int64_t kv_stride, int64_t past,
                          const uint8_t *key_mask, int64_t head_dim, float scale, float *out,
                          int64_t out_stride) {
  assert(heads >= 0 && rows >= 0 && past >= 0 && head_dim >= 0);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t h = 0; h < heads; h++) {
      attend(q + r * q_stride + h * head_dim, k, v, kv_stride, past + r + 1, key_mask, head_dim,
             scale, out + r * out_stride + h * head_dim);
    }
  }
}

void attention_bf16_scalar(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                           const float *k, const float *v, int64_t kv_stride, int64_t past,
                           const uint8_t *key_mask, int64_t head_dim, float scale, float *out,
                           int64_t out_stride) {
  attention_f32_scalar(q, q_stride, heads, rows, k, v, kv_stride, past, key_mask, head_dim, scale,
                       out, out_stride);
}

void attention_probs_f32_scalar(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                                const float *k, int64_t kv_stride, int64_t past,
                                const uint8_t *key_mask, int64_t head_dim, float scale, float *p,
                                int64_t p_head_stride) {
  assert(heads >= 0 && rows >= 0 && past >= 0 && head_dim >= 0);
  const int64_t keys = past + rows;
  for (int64_t h = 0; h < heads; h++) {
    for (int64_t r = 0; r < rows; r++) {
      const float *q_rh = q + r * q_stride + h * head_dim;
      float *p_rh = p + h * p_head_stride + r * keys; /* scores first, then their exponentials */
      float max = -INFINITY, sum = 0;
      for (int64_t j = 0; j < keys; j++) {
        p_rh[j] = 0;
        if (j > past + r || !is_visible(key_mask, j)) continue;
        p_rh[j] = scale * dot(q_rh, k + j * kv_stride, head_dim);
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
}
