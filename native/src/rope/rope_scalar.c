#include <assert.h>

#include "kernels.h"

/* One head; out may be in. */
static void rotate(const float *in, const float *cos, const float *sin, int64_t half, float *out) {
  for (int64_t i = 0; i < half; i++) {
    const float a = in[i], b = in[i + half];
    out[i] = a * cos[i] - b * sin[i];
    out[i + half] = b * cos[i] + a * sin[i];
  }
}

int32_t rope_f32_scalar(float *q, int64_t q_stride, int64_t q_heads, const float *k,
                        int64_t k_stride, int64_t k_heads, int64_t head_dim, const float *cos,
                        const float *sin, int64_t rows, float *k_out, int64_t k_out_head_stride) {
  assert(q_heads >= 0 && k_heads >= 0 && head_dim >= 0 && rows >= 0);
  if (head_dim % 2 != 0) return GK_EINVAL;
  const int64_t half = head_dim / 2;
  for (int64_t r = 0; r < rows; r++) {
    const float *cos_r = cos + r * half, *sin_r = sin + r * half;
    for (int64_t h = 0; h < q_heads; h++) {
      float *q_rh = q + r * q_stride + h * head_dim;
      rotate(q_rh, cos_r, sin_r, half, q_rh);
    }
    for (int64_t h = 0; h < k_heads; h++) {
      rotate(k + r * k_stride + h * head_dim, cos_r, sin_r, half,
             k_out + h * k_out_head_stride + r * head_dim);
    }
  }
  return GK_OK;
}
