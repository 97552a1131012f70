#include "kernels.h"
#include "simd/load_scalar.h"
#include "simd/vec_avx512.h"
/* the algorithm, for the vector above */
#include "embed/embed_vector.h"

int32_t embed_avx512(const void *table, int32_t dtype, int64_t table_stride, int64_t vocab,
                     const int32_t *ids, int64_t rows, int64_t cols, float multiplier, float *out,
                     int64_t out_stride) {
  return embed(table, dtype, table_stride, vocab, ids, rows, cols, multiplier, out, out_stride);
}
