#include "kernels.h"
#include "simd/load_scalar.h"
#include "simd/vec_avx2.h"
/* the algorithm, for the vector above */
#include "rope/rope_vector.h"

int32_t rope_f32_avx2(float *q, int64_t q_stride, int64_t q_heads, const float *k, int64_t k_stride,
                      int64_t k_heads, int64_t head_dim, const float *cos, const float *sin,
                      int64_t rows, void *k_out, int32_t k_out_dtype, int64_t k_out_head_stride) {
  return rope(q, q_stride, q_heads, k, k_stride, k_heads, head_dim, cos, sin, rows, k_out,
              k_out_dtype, k_out_head_stride);
}
