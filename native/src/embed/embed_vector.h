#ifndef GK_EMBED_VECTOR_H
#define GK_EMBED_VECTOR_H

/* The lookup of the wide tiers; include simd/load_scalar.h and the tier's simd/vec_<isa>.h first. */

#include "embed/embed_check.h"

GK_TEMPLATE void embed_rows(const unsigned char *table, int32_t dtype, int64_t table_stride,
                            const int32_t *ids, int64_t rows, int64_t cols, float multiplier,
                            float *out, int64_t out_stride) {
  const int64_t size = gk_element_size(dtype);
  const gk_vec multiplier_v = gk_vec_set1(multiplier);
  for (int64_t r = 0; r < rows; r++) {
    const unsigned char *table_r = table + ids[r] * table_stride * size;
    float *out_r = out + r * out_stride;
    int64_t c = 0;
    for (; c + GK_LANES <= cols; c += GK_LANES) {
      gk_vec_store(out_r + c, multiplier_v * gk_vec_load_weights(table_r + c * size, dtype));
    }
    if (c < cols) {
      const int64_t rest = cols - c;
      gk_vec_store_first(out_r + c, rest,
                         multiplier_v * gk_vec_load_first_weights(table_r + c * size, rest, dtype));
    }
  }
}

GK_TEMPLATE int32_t embed(const void *table, int32_t dtype, int64_t table_stride, int64_t vocab,
                          const int32_t *ids, int64_t rows, int64_t cols, float multiplier,
                          float *out, int64_t out_stride) {
  const int32_t status = embed_check(dtype, vocab, ids, rows);
  if (status != GK_OK) return status;
  switch (dtype) {
    case GK_F32:
      embed_rows(table, GK_F32, table_stride, ids, rows, cols, multiplier, out, out_stride);
      break;
    case GK_F16:
      embed_rows(table, GK_F16, table_stride, ids, rows, cols, multiplier, out, out_stride);
      break;
    default:
      embed_rows(table, GK_BF16, table_stride, ids, rows, cols, multiplier, out, out_stride);
  }
  return GK_OK;
}

#endif
