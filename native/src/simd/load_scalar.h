#ifndef GK_SIMD_LOAD_SCALAR_H
#define GK_SIMD_LOAD_SCALAR_H

/* One weight at a time, of any type, at any byte offset, widened exactly to f32. */

#include <stdint.h>
#include <string.h>

#include "granite/gk_types.h"
#include "simd/unroll.h"

static inline float gk_float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline float gk_widen_bf16(uint16_t bits) { return gk_float_of_bits((uint32_t)bits << 16); }

static inline float gk_widen_f16(uint16_t bits) {
  const uint32_t sign = (uint32_t)(bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00)
    return gk_float_of_bits(sign | 0x7f800000u | magnitude << 13); /* Inf, NaN */
  if (magnitude >= 0x0400) return gk_float_of_bits(sign | ((magnitude << 13) + (112u << 23)));
  const float subnormal = (float)magnitude * 0x1p-24f;
  return sign ? -subnormal : subnormal;
}

/* Bytes of one element of `dtype`, a value of gk_dtype. */
static inline int64_t gk_element_size(int32_t dtype) { return dtype == GK_F32 ? 4 : 2; }

/* Element `index` of weights of `dtype`. */
GK_TEMPLATE float gk_load_scalar(const void *weights, int64_t index, int32_t dtype) {
  const unsigned char *at = (const unsigned char *)weights + index * gk_element_size(dtype);
  if (dtype == GK_F32) {
    float value;
    memcpy(&value, at, sizeof value);
    return value;
  }
  uint16_t bits;
  memcpy(&bits, at, sizeof bits);
  return dtype == GK_F16 ? gk_widen_f16(bits) : gk_widen_bf16(bits);
}

#endif
