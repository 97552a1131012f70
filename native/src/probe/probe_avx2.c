#include <assert.h>
#include <immintrin.h>

#include "kernels.h"
#include "simd/unroll.h"

/* Four streams, each a quarter of the data, as the weight kernels read several rows at once. */
uint64_t probe_read_avx2(const void *data, int64_t bytes) {
  enum { STREAMS = 4, VECTORS = 4, STEP = VECTORS * (int)sizeof(__m256i) };
  assert(bytes >= 0);
  const unsigned char *base = data;
  const int64_t part =
      bytes / (STREAMS * STEP) * STEP; /* a multiple of 8: words do not straddle streams */
  __m256i sum[VECTORS];
  GK_UNROLL(4) for (int v = 0; v < VECTORS; v++) sum[v] = _mm256_setzero_si256();
  for (int64_t at = 0; at < part; at += STEP) {
    GK_UNROLL(4) for (int s = 0; s < STREAMS; s++) {
      const __m256i *p = (const __m256i *)(base + s * part + at);
      GK_UNROLL(4) for (int v = 0; v < VECTORS; v++) {
        sum[v] = _mm256_xor_si256(sum[v], _mm256_loadu_si256(p + v));
      }
    }
  }
  const __m256i all =
      _mm256_xor_si256(_mm256_xor_si256(sum[0], sum[1]), _mm256_xor_si256(sum[2], sum[3]));
  uint64_t words[4];
  _mm256_storeu_si256((__m256i *)words, all);
  return words[0] ^ words[1] ^ words[2] ^ words[3] ^
         probe_read_scalar(base + STREAMS * part, bytes - STREAMS * part);
}

int64_t probe_fma_f32_avx2(int64_t iterations, float *sink) {
  enum { CHAINS = 12, LANES = 8 }; /* two FMA a cycle of 4 to 5 cycles' latency need 10 chains */
  assert(iterations >= 0);
  const __m256 half = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1.0f);
  __m256 chain[CHAINS];
  GK_UNROLL(12) for (int c = 0; c < CHAINS; c++) chain[c] = _mm256_set1_ps((float)c);
  for (int64_t i = 0; i < iterations; i++) {
    GK_UNROLL(12) for (int c = 0; c < CHAINS; c++) chain[c] = _mm256_fmadd_ps(chain[c], half, one);
  }
  __m256 sum = chain[0];
  GK_UNROLL(12) for (int c = 1; c < CHAINS; c++) sum = _mm256_add_ps(sum, chain[c]);
  *sink = _mm256_cvtss_f32(sum);
  return iterations * CHAINS * LANES * 2;
}
