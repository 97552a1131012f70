#ifndef GK_PACK_TILE_H
#define GK_PACK_TILE_H

#include "pack/packed.h"
#include "simd/transpose_avx512.h"

/* Up to 32 numbers, rounded; zeros after the first `count`. */
static inline __m512i gk_round_32(const void *x, int64_t count) {
  const __mmask16 low = count >= 16 ? 0xffff : gk_first_lanes(count);
  const __mmask16 high = count >= 32 ? 0xffff : count <= 16 ? 0 : gk_first_lanes(count - 16);
  return (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, (const unsigned char *)x + 64),
                                      _mm512_maskz_loadu_ps(low, x));
}

/* Up to 32 columns from c on of 16 rows, those of `used`. A pair of columns is one 32-bit word, so
 * this is a transpose of words. */
static inline void gk_pack_tile(const float *const *row, __mmask16 used, int64_t c, int64_t columns,
                                unsigned char *out) {
  __m512 words[PACKED_ROWS];
  GK_UNROLL(16) for (int r = 0; r < PACKED_ROWS; r++) {
    words[r] = _mm512_castsi512_ps(gk_round_32(row[r] + c, columns));
  }
  gk_transpose(words);
  GK_UNROLL(16) for (int r = 0; r < PACKED_ROWS; r++) {
    _mm512_storeu_ps(out + r * 64, _mm512_maskz_mov_ps(used, words[r]));
  }
}

/* The numbers 0 to 15 of two vectors in turn, rounded. */
static inline __m512i gk_interleave_16(__m512 even, __m512 odd) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(odd, even));
}

#endif
