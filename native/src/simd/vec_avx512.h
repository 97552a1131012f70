#ifndef GK_SIMD_VEC_AVX512_H
#define GK_SIMD_VEC_AVX512_H

/* The vector of the AVX-512 tier, under the names that the kernels shared by the wide tiers use. */

#include <immintrin.h>
#include <stdint.h>

#include "granite/gk_types.h"
#include "simd/unroll.h"

typedef __m512 gk_vec;

enum { GK_LANES = 16, GK_REGISTERS = 32 };

static inline gk_vec gk_vec_set1(float value) { return _mm512_set1_ps(value); }
static inline gk_vec gk_vec_fma(gk_vec a, gk_vec b, gk_vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline gk_vec gk_vec_mul(gk_vec a, gk_vec b) { return _mm512_mul_ps(a, b); }
static inline gk_vec gk_vec_add(gk_vec a, gk_vec b) { return _mm512_add_ps(a, b); }
static inline gk_vec gk_vec_sub(gk_vec a, gk_vec b) { return _mm512_sub_ps(a, b); }
/* The greater; b where a is NaN. */
static inline gk_vec gk_vec_max(gk_vec a, gk_vec b) { return _mm512_max_ps(a, b); }
/* a where x is `equal`, else b. */
static inline gk_vec gk_vec_where(gk_vec x, gk_vec equal, gk_vec a, gk_vec b) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, equal, _CMP_EQ_OQ), b, a);
}
static inline gk_vec gk_vec_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void gk_vec_store(float *p, gk_vec a) { _mm512_storeu_ps(p, a); }

/* The same value, in a register: keeps the compiler from folding a load into each of its uses. */
static inline gk_vec gk_vec_keep(gk_vec a) {
#if defined(__AVX512F__) /* emulated, there is no such register */
  __asm__("" : "+v"(a));
#endif
  return a;
}

/* Bits of the first `count` lanes, 0 < count <= 16. */
static inline __mmask16 gk_first_lanes(int64_t count) { return (__mmask16)((1u << count) - 1); }

/* The first `count` lanes, zeros after them; no byte beyond is read or written. */
static inline gk_vec gk_vec_load_first(const float *p, int64_t count) {
  return _mm512_maskz_loadu_ps(gk_first_lanes(count), p);
}
static inline void gk_vec_store_first(float *p, int64_t count, gk_vec a) {
  _mm512_mask_storeu_ps(p, gk_first_lanes(count), a);
}

/* The sum of all lanes, in a fixed order. */
static inline float gk_vec_sum(gk_vec a) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* The sums of all lanes of four vectors. */
static inline __m128 gk_vec_sum4(gk_vec a, gk_vec b, gk_vec c, gk_vec d) {
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const __m512 abcd =
      _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(abcd), _mm512_extractf32x8_ps(abcd, 1));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

/* Lane l of the result is the greatest, or the sum, of the lanes l, l + 4, ... of a (modulo
 * GK_LANES). */
static inline gk_vec gk_vec_max_of_quads(gk_vec a) {
  a = _mm512_max_ps(a, _mm512_shuffle_f32x4(a, a, 0x4e));
  return _mm512_max_ps(a, _mm512_shuffle_f32x4(a, a, 0xb1));
}
static inline gk_vec gk_vec_sum_of_quads(gk_vec a) {
  a = _mm512_add_ps(a, _mm512_shuffle_f32x4(a, a, 0x4e));
  return _mm512_add_ps(a, _mm512_shuffle_f32x4(a, a, 0xb1));
}

static inline gk_vec gk_widen_16x16(__m256i bits, int32_t dtype) {
  if (dtype == GK_F16) return _mm512_cvtph_ps(bits);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

/* Sixteen weights of `dtype`, at any byte offset, widened exactly. */
GK_TEMPLATE gk_vec gk_vec_load_weights(const void *weights, int32_t dtype) {
  if (dtype == GK_F32) return _mm512_loadu_ps(weights);
  return gk_widen_16x16(_mm256_loadu_si256(weights), dtype);
}
GK_TEMPLATE gk_vec gk_vec_load_first_weights(const void *weights, int64_t count, int32_t dtype) {
  if (dtype == GK_F32) return gk_vec_load_first(weights, count);
  return gk_widen_16x16(_mm256_maskz_loadu_epi16(gk_first_lanes(count), weights), dtype);
}

/* To nearest, ties to even; NaN stays NaN. The instruction of AVX512-BF16 would take subnormal
 * numbers for zero. */
static inline __m256i gk_round_16x16(gk_vec a) {
  const __m512i bits = _mm512_castps_si512(a), upper = _mm512_srli_epi32(bits, 16);
  const __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
  const __m512i half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
  const __m512i quiet = _mm512_or_si512(upper, _mm512_set1_epi32(0x40));
  const __mmask16 is_nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
  return _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, is_nan, quiet));
}

/* Sixteen numbers to the cache as `dtype`, GK_F32 or GK_BF16, at any byte offset. */
GK_TEMPLATE void gk_vec_store_cached(void *p, int32_t dtype, gk_vec a) {
  if (dtype == GK_F32) {
    _mm512_storeu_ps(p, a);
  } else {
    _mm256_storeu_si256(p, gk_round_16x16(a));
  }
}
GK_TEMPLATE void gk_vec_store_first_cached(void *p, int64_t count, int32_t dtype, gk_vec a) {
  if (dtype == GK_F32) {
    gk_vec_store_first(p, count, a);
  } else {
    _mm256_mask_storeu_epi16(p, gk_first_lanes(count), gk_round_16x16(a));
  }
}

/* Half of 32 bfloat16, widened: of each eight in turn the first four (half 0), or the last (half
 * 1). One instruction, where widening in sequence needs two. */
GK_TEMPLATE gk_vec gk_vec_load_bf16_half(const void *weights, int half) {
  const __m512i bits = _mm512_loadu_si512(weights), zero = _mm512_setzero_si512();
  return _mm512_castsi512_ps(half ? _mm512_unpackhi_epi16(zero, bits)
                                  : _mm512_unpacklo_epi16(zero, bits));
}

#endif
