#ifndef GK_SIMD_TILES_AMX_H
#define GK_SIMD_TILES_AMX_H

#include <immintrin.h>
#include <stdint.h>

/* Makes all eight tiles 16 rows of 64 bytes, until _tile_release(). */
static inline void gk_tiles_begin(void) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } config = {.palette = 1};
  for (int t = 0; t < 8; t++) {
    config.row_bytes[t] = 64;
    config.rows[t] = 16;
  }
  _tile_loadconfig(&config);
}

#endif
