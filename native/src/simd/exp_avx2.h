#ifndef GK_SIMD_EXP_AVX2_H
#define GK_SIMD_EXP_AVX2_H

#include <immintrin.h>

/*
 * exp(x) in each lane: |error| <= eps_f32 * exp(x), and 2^-149 where the result is subnormal.
 * Above 88.72 it is +Inf, below -104 it is 0; exp(0) is 1 exactly, and NaN stays NaN.
 *
 * With n = round(x / ln 2) and r = x - n ln 2, so |r| <= 0.347, exp(x) = 2^n e^r.
 *   r     ln 2 comes in two parts. The upper one has 15 bits and n has 8, so x - n * upper is
 *         exact; the lower one carries the rest. That leaves the rounding of r: 1/16 eps.
 *   e^r   1 + r (1 + r (c2 + ... r c6)), fitted for the smallest relative error: 0.04 eps. The
 *         outer two steps round by at most 1/2 and 1/6 eps, since |r| < 0.347, those further in
 *         by 0.04 eps together. In all 0.81 eps; the worst seen over all floats is 0.65 eps.
 *   2^n   n runs from -150 to 128 but an exponent field holds -126 to 127, so the factor is
 *         applied in two halves, which also rounds subnormal results as one product would.
 */
static inline __m256 gk_vec_exp(__m256 x) {
  /* The second operand of min and max is the one that survives NaN. */
  x = _mm256_min_ps(_mm256_set1_ps(89.0f), _mm256_max_ps(_mm256_set1_ps(-104.0f), x));

  const __m256 integers = _mm256_set1_ps(0x1.8p+23f); /* a float this large has no fraction bits */
  const __m256 n =
      _mm256_sub_ps(_mm256_fmadd_ps(x, _mm256_set1_ps(0x1.715476p+0f), integers), integers);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.62e4p-1f), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.7f7d1cp-20f), r);

  __m256 p = _mm256_set1_ps(0x1.6a2352p-10f);
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.123a6cp-7f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.5558f4p-5f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.555490p-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.fffffcp-2f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));

  const __m256i power = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(power, 1);
  const __m256i rest = _mm256_sub_epi32(power, half), bias = _mm256_set1_epi32(127);
  p = _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
  return _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23)));
}

#endif
