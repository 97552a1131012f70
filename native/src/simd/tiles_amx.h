#ifndef GK_SIMD_TILES_AMX_H
#define GK_SIMD_TILES_AMX_H

#include <immintrin.h>
#include <stdint.h>

/* Makes all eight tiles 16 rows of 64 bytes, until _tile_release(). A constant, since to GCC the
 * instruction reads the first 8 bytes alone: it would leave out stores to the rest. */
static inline void gk_tiles_begin(void) {
  static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } config = {.palette = 1,
              .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
              .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
  _tile_loadconfig(&config);
}

/* What was stored before is there for tile loads after: to GCC these read no memory. */
static inline void gk_tiles_see_stores(void) { __asm__ volatile("" ::: "memory"); }

#endif
