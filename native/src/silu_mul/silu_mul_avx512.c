#include "kernels.h"
#include "simd/exp_avx512.h"
#include "simd/vec_avx512.h"

/* As silu in silu_mul_scalar.c. The second operand of max is the one that survives NaN. */
static inline gk_vec gk_vec_silu(gk_vec z) {
  const gk_vec one = gk_vec_set1(1), sign = gk_vec_set1(-0.0f);
  const gk_vec e = gk_vec_exp(_mm512_or_ps(z, sign));
  const gk_vec factor = _mm512_mask_mov_ps(one, _mm512_movepi32_mask(_mm512_castps_si512(z)), e);
  return _mm512_max_ps(gk_vec_set1(-128), z) * factor / (one + e);
}

/* the loops, for the vector above */
#include "silu_mul/silu_mul_vector.h"

void silu_mul_f32_avx512(const float *gate, int64_t gate_stride, const float *up, int64_t up_stride,
                         int64_t rows, int64_t cols, float *out, int64_t out_stride) {
  silu_mul(gate, gate_stride, up, up_stride, rows, cols, out, out_stride);
}
