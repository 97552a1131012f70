#ifndef GK_ADD_SCALED_VECTOR_H
#define GK_ADD_SCALED_VECTOR_H

/* The scaled addition of the wide tiers; include the tier's simd/vec_<isa>.h first. */

#include <assert.h>

GK_TEMPLATE void add_scaled(float *x, int64_t x_stride, const float *y, int64_t y_stride,
                            float scale, int64_t rows, int64_t cols) {
  assert(rows >= 0 && cols >= 0);
  const gk_vec scale_v = gk_vec_set1(scale);
  for (int64_t r = 0; r < rows; r++) {
    float *x_r = x + r * x_stride;
    const float *y_r = y + r * y_stride;
    int64_t c = 0;
    for (; c + GK_LANES <= cols; c += GK_LANES) {
      gk_vec_store(x_r + c, gk_vec_fma(scale_v, gk_vec_load(y_r + c), gk_vec_load(x_r + c)));
    }
    if (c < cols) {
      const int64_t rest = cols - c;
      gk_vec_store_first(
          x_r + c, rest,
          gk_vec_fma(scale_v, gk_vec_load_first(y_r + c, rest), gk_vec_load_first(x_r + c, rest)));
    }
  }
}

#endif
