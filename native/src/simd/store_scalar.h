#ifndef GK_SIMD_STORE_SCALAR_H
#define GK_SIMD_STORE_SCALAR_H

/* One number at a time into the cache, at any byte offset. */

#include "simd/load_scalar.h"
#include "simd/round_bf16.h"

/* Element `index` of a cache of `dtype`, GK_F32 or GK_BF16. */
GK_TEMPLATE void gk_store_scalar(void *cached, int64_t index, int32_t dtype, float value) {
  unsigned char *at = (unsigned char *)cached + index * gk_element_size(dtype);
  if (dtype == GK_F32) {
    memcpy(at, &value, sizeof value);
  } else {
    const uint16_t bits = gk_round_bf16(value);
    memcpy(at, &bits, sizeof bits);
  }
}

#endif
