#ifndef GK_WIDEN_VECTOR_H
#define GK_WIDEN_VECTOR_H

/* The widening of the wide tiers; include simd/load_scalar.h and the tier's simd/vec_<isa>.h first. */

#include <assert.h>

GK_TEMPLATE void widen_rows(const unsigned char *src, int32_t dtype, int64_t src_stride,
                            int64_t rows, int64_t cols, float *dst, int64_t dst_stride) {
  const int64_t size = gk_element_size(dtype);
  for (int64_t r = 0; r < rows; r++) {
    const unsigned char *src_r = src + r * src_stride * size;
    float *dst_r = dst + r * dst_stride;
    int64_t c = 0;
    for (; c + GK_LANES <= cols; c += GK_LANES) {
      gk_vec_store(dst_r + c, gk_vec_load_weights(src_r + c * size, dtype));
    }
    if (c < cols) {
      const int64_t rest = cols - c;
      gk_vec_store_first(dst_r + c, rest, gk_vec_load_first_weights(src_r + c * size, rest, dtype));
    }
  }
}

GK_TEMPLATE int32_t widen(const void *src, int32_t dtype, int64_t src_stride, int64_t rows,
                          int64_t cols, float *dst, int64_t dst_stride) {
  assert(rows >= 0 && cols >= 0);
  switch (dtype) {
    case GK_F32:
      widen_rows(src, GK_F32, src_stride, rows, cols, dst, dst_stride);
      return GK_OK;
    case GK_F16:
      widen_rows(src, GK_F16, src_stride, rows, cols, dst, dst_stride);
      return GK_OK;
    case GK_BF16:
      widen_rows(src, GK_BF16, src_stride, rows, cols, dst, dst_stride);
      return GK_OK;
    default:
      return GK_EINVAL;
  }
}

#endif
