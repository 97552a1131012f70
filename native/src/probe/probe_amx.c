#include <assert.h>

#include "kernels.h"
#include "simd/tiles_amx.h"

/* Numbers below 1 of either sign, as random as weights are: of zeros a core takes less power, so it
 * may clock a fifth higher than it ever does at work. */
static void fill(uint16_t *tiles, int count) {
  uint32_t state = 1;
  for (int i = 0; i < count; i++) {
    state = state * 1664525 + 1013904223;
    const uint32_t bits = state >> 8;
    tiles[i] = (uint16_t)((0x3f00 - (bits >> 16 & 3) * 0x80) | (bits & 0x807f));
  }
}

int64_t probe_bf16_amx(int64_t iterations, float *sink) {
  enum { FLOPS = 16 * 16 * 32 * 2, PRODUCTS = 4 }; /* four sums hide the latency of one */
  enum { TILE = 16 * 32 };
  assert(iterations >= 0);
  uint16_t factors[4 * TILE];
  fill(factors, 4 * TILE);
  gk_tiles_begin();
  gk_tiles_see_stores();
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, factors, 64);
  _tile_loadd(5, factors + TILE, 64);
  _tile_loadd(6, factors + 2 * TILE, 64);
  _tile_loadd(7, factors + 3 * TILE, 64);
  for (int64_t i = 0; i < iterations; i++) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 5, 6);
    _tile_dpbf16ps(2, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
  }
  float tile[16 * 16];
  _tile_stored(0, tile, 64);
  _tile_release();
  *sink = tile[0];
  return iterations * PRODUCTS * FLOPS;
}
