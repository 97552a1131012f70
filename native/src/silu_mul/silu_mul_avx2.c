#include "kernels.h"
#include "simd/exp_avx2.h"
#include "simd/vec_avx2.h"

/* As silu in silu_mul_scalar.c. The second operand of max is the one that survives NaN. */
static inline gk_vec gk_vec_silu(gk_vec z) {
  const gk_vec one = gk_vec_set1(1), sign = gk_vec_set1(-0.0f);
  const gk_vec e = gk_vec_exp(_mm256_or_ps(z, sign));
  const gk_vec factor = _mm256_blendv_ps(one, e, z); /* e where the sign of z is set */
  return _mm256_max_ps(gk_vec_set1(-128), z) * factor / (one + e);
}

/* the loops, for the vector above */
#include "silu_mul/silu_mul_vector.h"

void silu_mul_f32_avx2(const float *gate, int64_t gate_stride, const float *up, int64_t up_stride,
                       int64_t rows, int64_t cols, float *out, int64_t out_stride) {
  silu_mul(gate, gate_stride, up, up_stride, rows, cols, out, out_stride);
}
