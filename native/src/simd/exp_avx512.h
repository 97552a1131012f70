#ifndef GK_SIMD_EXP_AVX512_H
#define GK_SIMD_EXP_AVX512_H

#include <immintrin.h>

/* As gk_vec_exp in exp_avx2.h, which has the error bound and the reasons; scalef does 2^n in one
 * step. */
static inline __m512 gk_vec_exp(__m512 x) {
  x = _mm512_min_ps(_mm512_set1_ps(89.0f), _mm512_max_ps(_mm512_set1_ps(-104.0f), x));

  const __m512 integers = _mm512_set1_ps(0x1.8p+23f); /* a float this large has no fraction bits */
  const __m512 n =
      _mm512_sub_ps(_mm512_fmadd_ps(x, _mm512_set1_ps(0x1.715476p+0f), integers), integers);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.62e4p-1f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.7f7d1cp-20f), r);

  __m512 p = _mm512_set1_ps(0x1.6a2352p-10f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.123a6cp-7f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.5558f4p-5f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.555490p-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.fffffcp-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

#endif
