#ifndef GK_SIMD_ROUND_BF16_H
#define GK_SIMD_ROUND_BF16_H

#include <stdint.h>
#include <string.h>

/* To nearest, ties to even; NaN stays NaN. */
static inline uint16_t gk_round_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

#endif
