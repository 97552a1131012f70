#ifndef GK_PACKED_H
#define GK_PACKED_H

/* The layout of activations that gk_gemm.h describes. */

#include <stdint.h>

enum { PACKED_ROWS = 16, PACKED_COLS = 32, PACKED_TILE = PACKED_ROWS * PACKED_COLS };

/* Tiles of one group of rows. */
static inline int64_t packed_tiles(int64_t k) { return (k + PACKED_COLS - 1) / PACKED_COLS; }

/* Where element (i, c) of packed activations with k columns stands. */
static inline int64_t packed_at(int64_t i, int64_t c, int64_t k) {
  const int64_t tile = i / PACKED_ROWS * packed_tiles(k) + c / PACKED_COLS;
  return tile * PACKED_TILE + c % PACKED_COLS / 2 * PACKED_ROWS * 2 + i % PACKED_ROWS * 2 + c % 2;
}

#endif
