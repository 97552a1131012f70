#ifndef GK_NARROW_VECTOR_H
#define GK_NARROW_VECTOR_H

/* The rounding of the wide tiers; include simd/load_scalar.h and the tier's simd/vec_<isa>.h first. */

#include <assert.h>

GK_TEMPLATE void narrow_rows(const float *src, int64_t src_stride, int64_t rows, int64_t cols,
                             unsigned char *dst, int32_t dtype, int64_t dst_stride) {
  const int64_t size = gk_element_size(dtype);
  for (int64_t r = 0; r < rows; r++) {
    const float *src_r = src + r * src_stride;
    unsigned char *dst_r = dst + r * dst_stride * size;
    int64_t c = 0;
    for (; c + GK_LANES <= cols; c += GK_LANES) {
      gk_vec_store_cached(dst_r + c * size, dtype, gk_vec_load(src_r + c));
    }
    if (c < cols) {
      const int64_t rest = cols - c;
      gk_vec_store_first_cached(dst_r + c * size, rest, dtype, gk_vec_load_first(src_r + c, rest));
    }
  }
}

GK_TEMPLATE int32_t narrow(const float *src, int64_t src_stride, int64_t rows, int64_t cols,
                           void *dst, int32_t dtype, int64_t dst_stride) {
  assert(rows >= 0 && cols >= 0);
  switch (dtype) {
    case GK_F32:
      narrow_rows(src, src_stride, rows, cols, dst, GK_F32, dst_stride);
      return GK_OK;
    case GK_BF16:
      narrow_rows(src, src_stride, rows, cols, dst, GK_BF16, dst_stride);
      return GK_OK;
    default:
      return GK_EINVAL;
  }
}

#endif
