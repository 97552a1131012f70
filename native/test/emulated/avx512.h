#ifndef GK_EMULATED_AVX512_H
#define GK_EMULATED_AVX512_H

/*
 * The intrinsics of the avx512 tier for a CPU with AVX2: those of SIMDe,
 * https://github.com/simd-everywhere/simde, and below, under the same names, what it lacks or does
 * otherwise than the instruction. The preset `emulated` includes this file before each source of the
 * tier.
 *
 * A kernel needs one more: what SIMDe has is there. For any other the compiler stops with "target
 * specific option mismatch" or "incompatible types": it belongs below, with a case in
 * test_emulated.c. So does each masked load and store, which SIMDe has, but not as they should be.
 *
 * What differs from the instructions: flags of MXCSR, payloads of NaN, time. What a compiler makes of
 * the intrinsics is not in here either: the order of loads and stores, registers, alignment.
 */

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#error "these would be the CPU's own: compile without -mavx512f"
#endif

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

/*
 * ---- Masked loads and stores: of lanes that the mask leaves out no byte is touched. SIMDe loads the
 * whole vector, before it stores too.
 */

static inline void emulated_copy_lanes(void *to, const void *from, uint64_t mask, int lanes,
                                       size_t lane_bytes) {
  for (int i = 0; i < lanes; i++) {
    const size_t at = (size_t)i * lane_bytes;
    if (mask >> i & 1)
      memcpy((unsigned char *)to + at, (const unsigned char *)from + at, lane_bytes);
  }
}

#define EMULATED_MASKZ_LOADU(name, vector, mask, lanes, lane_bytes)   \
  static inline vector emulated_##name(mask used, const void *from) { \
    vector to;                                                        \
    memset(&to, 0, sizeof to);                                        \
    emulated_copy_lanes(&to, from, used, lanes, lane_bytes);          \
    return to;                                                        \
  }
EMULATED_MASKZ_LOADU(maskz_loadu_ps, __m512, __mmask16, 16, 4)
EMULATED_MASKZ_LOADU(maskz_loadu_epi16, __m512i, __mmask32, 32, 2)
EMULATED_MASKZ_LOADU(maskz_loadu_epi16_256, __m256i, __mmask16, 16, 2)
#undef EMULATED_MASKZ_LOADU
#undef _mm512_maskz_loadu_ps
#undef _mm512_maskz_loadu_epi16
#undef _mm256_maskz_loadu_epi16
#define _mm512_maskz_loadu_ps(used, from) emulated_maskz_loadu_ps(used, from)
#define _mm512_maskz_loadu_epi16(used, from) emulated_maskz_loadu_epi16(used, from)
#define _mm256_maskz_loadu_epi16(used, from) emulated_maskz_loadu_epi16_256(used, from)

#define EMULATED_MASK_STOREU(name, vector, mask, lanes, lane_bytes)      \
  static inline void emulated_##name(void *to, mask used, vector from) { \
    emulated_copy_lanes(to, &from, used, lanes, lane_bytes);             \
  }
EMULATED_MASK_STOREU(mask_storeu_ps, __m512, __mmask16, 16, 4)
EMULATED_MASK_STOREU(mask_storeu_epi16_256, __m256i, __mmask16, 16, 2)
#undef EMULATED_MASK_STOREU
#undef _mm512_mask_storeu_ps
#undef _mm256_mask_storeu_epi16
#define _mm512_mask_storeu_ps(to, used, from) emulated_mask_storeu_ps(to, used, from)
#define _mm256_mask_storeu_epi16(to, used, from) emulated_mask_storeu_epi16_256(to, used, from)

/*
 * ---- Rounding
 */

/* a * 2^floor(b), rounded once. SIMDe multiplies by exp2(floor(b)), which overflows and underflows
 * before the product does, and takes subnormal numbers for zero. */
static inline __m512 emulated_scalef_ps(__m512 a, __m512 b) {
  float x[16], n[16];
  memcpy(x, &a, sizeof x);
  memcpy(n, &b, sizeof n);
  for (int i = 0; i < 16; i++) {
    x[i] = isfinite(n[i]) ? ldexpf(x[i], (int)fmaxf(-400, fminf(400, floorf(n[i]))))
                          : x[i] * exp2f(n[i]);
  }
  memcpy(&a, x, sizeof x);
  return a;
}
#undef _mm512_scalef_ps
#define _mm512_scalef_ps(a, b) emulated_scalef_ps(a, b)

/* What is left of each number after its floor, which is exact but next to below zero; of infinities
 * nothing is. No kernel keeps bits behind the point, or rounds another way. */
static inline __m512 emulated_reduce_floor_ps(__m512 a) {
  float x[16];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 16; i++) x[i] = isinf(x[i]) ? 0 : x[i] - floorf(x[i]);
  memcpy(&a, x, sizeof x);
  return a;
}
#undef _mm512_reduce_ps
#define _mm512_reduce_ps(a, how)                                                        \
  (((void)sizeof(char[(how) == (_MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC) ? 1 : -1])), \
   emulated_reduce_floor_ps(a))

/* To the nearest bfloat16, ties to even, whatever MXCSR says; subnormal numbers become zero, NaN a
 * quiet one. */
static inline uint16_t emulated_to_bf16(uint32_t bits) {
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude < 0x00800000) return (uint16_t)(bits >> 16 & 0x8000);
  if (magnitude > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline __m512i emulated_cvtne2ps_pbh(__m512 upper, __m512 lower) {
  uint32_t from[32];
  uint16_t to[32];
  memcpy(from, &lower, sizeof lower);
  memcpy(from + 16, &upper, sizeof upper);
  for (int i = 0; i < 32; i++) to[i] = emulated_to_bf16(from[i]);
  __m512i result;
  memcpy(&result, to, sizeof to);
  return result;
}
#undef _mm512_cvtne2ps_pbh
#define _mm512_cvtne2ps_pbh(upper, lower) emulated_cvtne2ps_pbh(upper, lower)

/* SIMDe neither takes subnormal numbers for zero nor adds in the order of the instruction: this waits
 * for somebody who needs it. */
#undef _mm512_dpbf16_ps

/*
 * ---- What SIMDe lacks, as of 0.8.4
 */

#undef _mm512_cvtss_f32
#define _mm512_cvtss_f32(a) _mm_cvtss_f32(_mm512_castps512_ps128(a))
#undef _mm512_mask_cmp_ps_mask
#define _mm512_mask_cmp_ps_mask(used, a, b, how) ((__mmask16)((used)&_mm512_cmp_ps_mask(a, b, how)))

/*
 * ---- What older ones lack: Debian 12 has 0.7.4
 */

#if SIMDE_VERSION < HEDLEY_VERSION_ENCODE(0, 8, 4)
static inline __m256i emulated_cvtepi32_epi16(__m512i a) {
  uint32_t from[16];
  uint16_t to[16];
  memcpy(from, &a, sizeof from);
  for (int i = 0; i < 16; i++) to[i] = (uint16_t)from[i];
  __m256i result;
  memcpy(&result, to, sizeof to);
  return result;
}
#undef _mm512_cvtepi32_epi16
#define _mm512_cvtepi32_epi16(a) emulated_cvtepi32_epi16(a)
#endif

#if SIMDE_VERSION < HEDLEY_VERSION_ENCODE(0, 8, 0)
static inline __m512i emulated_cvtepu16_epi32(__m256i a) {
  const __m512i lower = _mm512_castsi256_si512(_mm256_cvtepu16_epi32(_mm256_castsi256_si128(a)));
  return _mm512_inserti64x4(lower, _mm256_cvtepu16_epi32(_mm256_extracti128_si256(a, 1)), 1);
}
#undef _mm512_cvtepu16_epi32
#define _mm512_cvtepu16_epi32(a) emulated_cvtepu16_epi32(a)

static inline __m512 emulated_shuffle_f32x4(__m512 a, __m512 b, int which) {
  float from[2][16], to[16];
  memcpy(from[0], &a, sizeof a);
  memcpy(from[1], &b, sizeof b);
  for (int i = 0; i < 4; i++) memcpy(to + i * 4, from[i / 2] + (which >> (2 * i) & 3) * 4, 16);
  memcpy(&a, to, sizeof a);
  return a;
}
#undef _mm512_shuffle_f32x4
#define _mm512_shuffle_f32x4(a, b, which) emulated_shuffle_f32x4(a, b, which)
#endif

#if SIMDE_VERSION < HEDLEY_VERSION_ENCODE(0, 7, 6)
#undef _mm512_extractf32x8_ps
#define _mm512_extractf32x8_ps(a, half) \
  _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), half))

static inline __m512 emulated_cvtph_ps(__m256i a) {
  __m256 halves[2] = {_mm256_cvtph_ps(_mm256_castsi256_si128(a)),
                      _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1))};
  __m512 result;
  memcpy(&result, halves, sizeof result);
  return result;
}
#undef _mm512_cvtph_ps
#define _mm512_cvtph_ps(a) emulated_cvtph_ps(a)
#endif

#endif
