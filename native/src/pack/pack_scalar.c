#include <assert.h>

#include "kernels.h"
#include "pack/packed.h"
#include "simd/round_bf16.h"

void pack_bf16_scalar(const float *x, int64_t x_stride, const int32_t *rows, int64_t m, int64_t k,
                      void *packed) {
  assert(m >= 0 && k >= 0);
  uint16_t *out = packed;
  const int64_t all_rows = (m + PACKED_ROWS - 1) / PACKED_ROWS * PACKED_ROWS;
  for (int64_t i = 0; i < all_rows; i++) {
    for (int64_t c = 0; c < packed_tiles(k) * PACKED_COLS; c++) {
      const int inside = i < m && c < k;
      const int64_t row = inside && rows != NULL ? rows[i] : i;
      out[packed_at(i, c, k)] = inside ? gk_round_bf16(x[row * x_stride + c]) : 0;
    }
  }
}
