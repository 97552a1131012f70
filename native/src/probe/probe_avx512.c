#include <assert.h>
#include <immintrin.h>

#include "kernels.h"
#include "simd/unroll.h"

/* Four streams, each a quarter of the data, as the weight kernels read several rows at once. */
uint64_t probe_read_avx512(const void *data, int64_t bytes) {
  enum { STREAMS = 4, VECTORS = 4, STEP = VECTORS * (int)sizeof(__m512i) };
  assert(bytes >= 0);
  const unsigned char *base = data;
  const int64_t part =
      bytes / (STREAMS * STEP) * STEP; /* a multiple of 8: words do not straddle streams */
  __m512i sum[VECTORS];
  GK_UNROLL(4) for (int v = 0; v < VECTORS; v++) sum[v] = _mm512_setzero_si512();
  for (int64_t at = 0; at < part; at += STEP) {
    GK_UNROLL(4) for (int s = 0; s < STREAMS; s++) {
      const unsigned char *p = base + s * part + at;
      GK_UNROLL(4) for (int v = 0; v < VECTORS; v++) {
        sum[v] = _mm512_xor_si512(sum[v], _mm512_loadu_si512(p + v * 64));
      }
    }
  }
  const __m512i all =
      _mm512_xor_si512(_mm512_xor_si512(sum[0], sum[1]), _mm512_xor_si512(sum[2], sum[3]));
  uint64_t words[8], result = 0;
  _mm512_storeu_si512(words, all);
  for (int i = 0; i < 8; i++) result ^= words[i];
  return result ^ probe_read_scalar(base + STREAMS * part, bytes - STREAMS * part);
}

int64_t probe_fma_f32_avx512(int64_t iterations, float *sink) {
  enum { CHAINS = 24, LANES = 16 }; /* two FMA a cycle of 4 to 5 cycles' latency need 10 chains */
  assert(iterations >= 0);
  const __m512 half = _mm512_set1_ps(0.5f), one = _mm512_set1_ps(1.0f);
  __m512 chain[CHAINS];
  GK_UNROLL(24) for (int c = 0; c < CHAINS; c++) chain[c] = _mm512_set1_ps((float)c);
  for (int64_t i = 0; i < iterations; i++) {
    GK_UNROLL(24) for (int c = 0; c < CHAINS; c++) chain[c] = _mm512_fmadd_ps(chain[c], half, one);
  }
  __m512 sum = chain[0];
  GK_UNROLL(24) for (int c = 1; c < CHAINS; c++) sum = _mm512_add_ps(sum, chain[c]);
  *sink = _mm512_cvtss_f32(sum);
  return iterations * CHAINS * LANES * 2;
}
