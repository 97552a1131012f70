#include "embed/embed_check.h"
#include "kernels.h"
#include "simd/load_scalar.h"

int32_t embed_scalar(const void *table, int32_t dtype, int64_t table_stride, int64_t vocab,
                     const int32_t *ids, int64_t rows, int64_t cols, float multiplier, float *out,
                     int64_t out_stride) {
  const int32_t status = embed_check(dtype, vocab, ids, rows);
  if (status != GK_OK) return status;
  for (int64_t r = 0; r < rows; r++) {
    const int64_t first = ids[r] * table_stride;
    float *out_r = out + r * out_stride;
    for (int64_t c = 0; c < cols; c++) {
      out_r[c] = multiplier * gk_load_scalar(table, first + c, dtype);
    }
  }
  return GK_OK;
}
