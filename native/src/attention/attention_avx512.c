#include "kernels.h"
#include "simd/exp_avx512.h"
#include "simd/load_scalar.h"
#include "simd/vec_avx512.h"
/* the algorithm, for the vector above */
#include "attention/attention_vector.h"

int32_t attention_f32_avx512(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                             const void *k, const void *v, int32_t dtype, int64_t kv_stride,
                             int64_t past, const uint8_t *key_mask, int64_t head_dim, float scale,
                             float *out, int64_t out_stride) {
  return attention(q, q_stride, heads, rows, k, v, dtype, kv_stride, past, key_mask, head_dim,
                   scale, out, out_stride);
}
