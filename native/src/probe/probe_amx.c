#include <assert.h>

#include "kernels.h"
#include "simd/tiles_amx.h"

int64_t probe_bf16_amx(int64_t iterations, float *sink) {
  enum { FLOPS = 16 * 16 * 32 * 2, PRODUCTS = 4 }; /* four sums hide the latency of one */
  assert(iterations >= 0);
  gk_tiles_begin();
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
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
