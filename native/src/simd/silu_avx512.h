#ifndef GK_SIMD_SILU_AVX512_H
#define GK_SIMD_SILU_AVX512_H

#include "simd/exp_avx512.h"
#include "simd/vec_avx512.h"

/* As silu in silu_mul_scalar.c. The second operand of max is the one that survives NaN. */
static inline gk_vec gk_vec_silu(gk_vec z) {
  const gk_vec one = gk_vec_set1(1), sign = gk_vec_set1(-0.0f);
  const gk_vec e = gk_vec_exp(_mm512_or_ps(z, sign));
  const gk_vec factor = _mm512_mask_mov_ps(one, _mm512_movepi32_mask(_mm512_castps_si512(z)), e);
  return _mm512_max_ps(gk_vec_set1(-128), z) * factor / (one + e);
}

#endif
