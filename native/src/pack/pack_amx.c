#include <assert.h>
#include <immintrin.h>

#include "kernels.h"
#include "pack/pack_tile.h"

void pack_bf16_amx(const float *x, int64_t x_stride, const int32_t *rows, int64_t m, int64_t k,
                   void *packed) {
  assert(m >= 0 && k >= 0);
  unsigned char *out = packed;
  for (int64_t i = 0; i < m; i += PACKED_ROWS) {
    const float *row[PACKED_ROWS];
    for (int r = 0; r < PACKED_ROWS; r++) {
      const int64_t from = i + r < m ? i + r : i; /* past the end any row will do: it is not used */
      row[r] = x + (rows == NULL ? from : rows[from]) * x_stride;
    }
    const __mmask16 used = m - i >= PACKED_ROWS ? 0xffff : gk_first_lanes(m - i);
    for (int64_t c = 0; c < k; c += PACKED_COLS, out += PACKED_TILE * 2) {
      gk_pack_tile(row, used, c, k - c, out);
    }
  }
}
