#include <assert.h>

#include "kernels.h"

void add_scaled_f32_scalar(float *x, int64_t x_stride, const float *y, int64_t y_stride,
                           float scale, int64_t rows, int64_t cols) {
  assert(rows >= 0 && cols >= 0);
  for (int64_t r = 0; r < rows; r++) {
    float *x_r = x + r * x_stride;
    const float *y_r = y + r * y_stride;
    for (int64_t c = 0; c < cols; c++) x_r[c] += scale * y_r[c];
  }
}
