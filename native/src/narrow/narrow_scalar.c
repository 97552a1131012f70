#include <assert.h>

#include "kernels.h"
#include "simd/store_scalar.h"

int32_t narrow_scalar(const float *src, int64_t src_stride, int64_t rows, int64_t cols, void *dst,
                      int32_t dtype, int64_t dst_stride) {
  assert(rows >= 0 && cols >= 0);
  if (dtype != GK_F32 && dtype != GK_BF16) return GK_EINVAL;
  for (int64_t r = 0; r < rows; r++) {
    const float *src_r = src + r * src_stride;
    for (int64_t c = 0; c < cols; c++) gk_store_scalar(dst, r * dst_stride + c, dtype, src_r[c]);
  }
  return GK_OK;
}
