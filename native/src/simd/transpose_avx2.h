#ifndef GK_SIMD_TRANSPOSE_AVX2_H
#define GK_SIMD_TRANSPOSE_AVX2_H

#include "simd/vec_avx2.h"

/* Lane j of vector i becomes lane i of vector j: words, pairs, halves. */
static inline void gk_transpose(gk_vec v[GK_LANES]) {
  __m256 t[8];
  GK_UNROLL(4) for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
  }
  GK_UNROLL(2) for (int i = 0; i < 8; i += 4) {
    v[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    v[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    v[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    v[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  GK_UNROLL(4) for (int i = 0; i < 4; i++) {
    const __m256 low = v[i], high = v[i + 4];
    v[i] = _mm256_permute2f128_ps(low, high, 0x20);
    v[i + 4] = _mm256_permute2f128_ps(low, high, 0x31);
  }
}

#endif
