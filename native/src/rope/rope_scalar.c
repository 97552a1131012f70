#include <assert.h>

#include "kernels.h"
#include "simd/store_scalar.h"

/* One head, to the elements of out from `at` on, which may be in. */
GK_TEMPLATE void rotate(const float *in, const float *cos, const float *sin, int64_t half,
                        void *out, int64_t at, int32_t dtype) {
  for (int64_t i = 0; i < half; i++) {
    const float a = in[i], b = in[i + half];
    gk_store_scalar(out, at + i, dtype, a * cos[i] - b * sin[i]);
    gk_store_scalar(out, at + i + half, dtype, b * cos[i] + a * sin[i]);
  }
}

int32_t rope_f32_scalar(float *q, int64_t q_stride, int64_t q_heads, const float *k,
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
      rotate(q_rh, cos_r, sin_r, half, q_rh, 0, GK_F32);
    }
    for (int64_t h = 0; h < k_heads; h++) {
      const float *k_rh = k + r * k_stride + h * head_dim;
      const int64_t at = h * k_out_head_stride + r * head_dim;
      if (k_out_dtype == GK_F32) {
        rotate(k_rh, cos_r, sin_r, half, k_out, at, GK_F32);
      } else {
        rotate(k_rh, cos_r, sin_r, half, k_out, at, GK_BF16);
      }
    }
  }
  return GK_OK;
}
