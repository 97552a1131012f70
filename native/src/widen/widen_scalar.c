#include <assert.h>

#include "kernels.h"
#include "simd/load_scalar.h"

int32_t widen_f32_scalar(const void *src, int32_t dtype, int64_t src_stride, int64_t rows,
                         int64_t cols, float *dst, int64_t dst_stride) {
  assert(rows >= 0 && cols >= 0);
  if (dtype != GK_F32 && dtype != GK_F16 && dtype != GK_BF16) return GK_EINVAL;
  for (int64_t r = 0; r < rows; r++) {
    float *dst_r = dst + r * dst_stride;
    for (int64_t c = 0; c < cols; c++) dst_r[c] = gk_load_scalar(src, r * src_stride + c, dtype);
  }
  return GK_OK;
}
