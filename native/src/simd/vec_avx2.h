#ifndef GK_SIMD_VEC_AVX2_H
#define GK_SIMD_VEC_AVX2_H

/* The vector of the AVX2 tier, under the names that the kernels shared by the wide tiers use. */

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "granite/gk_types.h"
#include "simd/unroll.h"

typedef __m256 gk_vec;

enum { GK_LANES = 8, GK_REGISTERS = 16 };

static inline gk_vec gk_vec_set1(float value) { return _mm256_set1_ps(value); }
static inline gk_vec gk_vec_fma(gk_vec a, gk_vec b, gk_vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline gk_vec gk_vec_mul(gk_vec a, gk_vec b) { return _mm256_mul_ps(a, b); }
static inline gk_vec gk_vec_add(gk_vec a, gk_vec b) { return _mm256_add_ps(a, b); }
static inline gk_vec gk_vec_sub(gk_vec a, gk_vec b) { return _mm256_sub_ps(a, b); }
/* The greater; b where a is NaN. */
static inline gk_vec gk_vec_max(gk_vec a, gk_vec b) { return _mm256_max_ps(a, b); }
/* a where x is `equal`, else b. */
static inline gk_vec gk_vec_where(gk_vec x, gk_vec equal, gk_vec a, gk_vec b) {
  return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, equal, _CMP_EQ_OQ));
}
static inline gk_vec gk_vec_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void gk_vec_store(float *p, gk_vec a) { _mm256_storeu_ps(p, a); }

/* The same value, in a register: keeps the compiler from folding a load into each of its uses. */
static inline gk_vec gk_vec_keep(gk_vec a) {
  __asm__("" : "+x"(a));
  return a;
}

/* All ones in the first `count` lanes, 0 < count <= 8. */
static inline __m256i gk_first_lanes(int64_t count) {
  static const int32_t ones_then_zeros[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_si256((const __m256i *)(ones_then_zeros + 8 - count));
}

/* The first `count` lanes, zeros after them; no byte beyond is read or written. */
static inline gk_vec gk_vec_load_first(const float *p, int64_t count) {
  return _mm256_maskload_ps(p, gk_first_lanes(count));
}
static inline void gk_vec_store_first(float *p, int64_t count, gk_vec a) {
  _mm256_maskstore_ps(p, gk_first_lanes(count), a);
}

/* The sum of all lanes, in a fixed order. */
static inline float gk_vec_sum(gk_vec a) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* The sums of all lanes of four vectors. */
static inline __m128 gk_vec_sum4(gk_vec a, gk_vec b, gk_vec c, gk_vec d) {
  const __m256 ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
  const __m256 cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
  const __m256 abcd =
      _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
  return _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1));
}

/* Lane l of the result is the greatest, or the sum, of the lanes l, l + 4, ... of a (modulo
 * GK_LANES). */
static inline gk_vec gk_vec_max_of_quads(gk_vec a) {
  return _mm256_max_ps(a, _mm256_permute2f128_ps(a, a, 1));
}
static inline gk_vec gk_vec_sum_of_quads(gk_vec a) {
  return _mm256_add_ps(a, _mm256_permute2f128_ps(a, a, 1));
}

static inline gk_vec gk_widen_8x16(__m128i bits, int32_t dtype) {
  if (dtype == GK_F16) return _mm256_cvtph_ps(bits);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

/* Eight weights of `dtype`, at any byte offset, widened exactly. */
GK_TEMPLATE gk_vec gk_vec_load_weights(const void *weights, int32_t dtype) {
  if (dtype == GK_F32) return _mm256_loadu_ps(weights);
  return gk_widen_8x16(_mm_loadu_si128(weights), dtype);
}
GK_TEMPLATE gk_vec gk_vec_load_first_weights(const void *weights, int64_t count, int32_t dtype) {
  if (dtype == GK_F32) return gk_vec_load_first(weights, count);
  uint16_t padded[8] = {0};
  memcpy(padded, weights, (size_t)count * sizeof padded[0]);
  return gk_widen_8x16(_mm_loadu_si128((const __m128i *)padded), dtype);
}

/* To nearest, ties to even; NaN stays NaN. */
static inline __m128i gk_round_8x16(gk_vec a) {
  const __m256i bits = _mm256_castps_si256(a), upper = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
  const __m256i half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, half), 16);
  const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
  const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  const __m256i words = _mm256_blendv_epi8(rounded, quiet, is_nan);
  return _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

/* Eight numbers to the cache as `dtype`, GK_F32 or GK_BF16, at any byte offset. */
GK_TEMPLATE void gk_vec_store_cached(void *p, int32_t dtype, gk_vec a) {
  if (dtype == GK_F32) {
    _mm256_storeu_ps(p, a);
  } else {
    _mm_storeu_si128(p, gk_round_8x16(a));
  }
}
GK_TEMPLATE void gk_vec_store_first_cached(void *p, int64_t count, int32_t dtype, gk_vec a) {
  if (dtype == GK_F32) {
    gk_vec_store_first(p, count, a);
  } else {
    uint16_t rounded[8];
    _mm_storeu_si128((__m128i *)rounded, gk_round_8x16(a));
    memcpy(p, rounded, (size_t)count * sizeof rounded[0]);
  }
}

/* Half of sixteen bfloat16, widened: the lanes 0-3 and 8-11 (half 0), or 4-7 and 12-15 (half 1).
 * One instruction, where widening in sequence needs two. */
GK_TEMPLATE gk_vec gk_vec_load_bf16_half(const void *weights, int half) {
  const __m256i bits = _mm256_loadu_si256(weights), zero = _mm256_setzero_si256();
  return _mm256_castsi256_ps(half ? _mm256_unpackhi_epi16(zero, bits)
                                  : _mm256_unpacklo_epi16(zero, bits));
}

#endif
