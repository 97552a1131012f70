#include <assert.h>
#include <immintrin.h>

#include "kernels.h"
#include "pack/packed.h"
#include "simd/transpose_avx512.h"

/* Up to 32 numbers, rounded; zeros after the first `count`. */
static inline __m512i round_32(const float *x, int64_t count) {
  const __mmask16 low = count >= 16 ? 0xffff : gk_first_lanes(count);
  const __mmask16 high = count >= 32 ? 0xffff : count <= 16 ? 0 : gk_first_lanes(count - 16);
  return (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, x + 16),
                                      _mm512_maskz_loadu_ps(low, x));
}

/* A pair of columns is one 32-bit word, so a tile is a 16 x 16 transpose of words. */
void pack_bf16_amx(const float *x, int64_t x_stride, const int32_t *rows, int64_t m, int64_t k,
                   void *packed) {
  assert(m >= 0 && k >= 0);
  unsigned char *out = packed;
  for (int64_t i = 0; i < m; i += PACKED_ROWS) {
    const float *row[PACKED_ROWS];
    for (int r = 0; r < PACKED_ROWS; r++) {
      const int64_t from = i + r < m ? i + r : i; /* past the end any row will do: it is not used */
      row[r] = x + (rows == NULL ? from : rows[from]) * x_stride;
    }
    const __mmask16 used = m - i >= PACKED_ROWS ? 0xffff : gk_first_lanes(m - i);
    for (int64_t c = 0; c < k; c += PACKED_COLS, out += PACKED_TILE * 2) {
      __m512 words[PACKED_ROWS];
      GK_UNROLL(16) for (int r = 0; r < PACKED_ROWS; r++) {
        words[r] = _mm512_castsi512_ps(round_32(row[r] + c, k - c));
      }
      gk_transpose_16x16(words);
      GK_UNROLL(16) for (int r = 0; r < PACKED_ROWS; r++) {
        _mm512_storeu_ps(out + r * 64, _mm512_maskz_mov_ps(used, words[r]));
      }
    }
  }
}
