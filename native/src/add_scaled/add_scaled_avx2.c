#include "kernels.h"
#include "simd/vec_avx2.h"
/* the algorithm, for the vector above */
#include "add_scaled/add_scaled_vector.h"

void add_scaled_f32_avx2(float *x, int64_t x_stride, const float *y, int64_t y_stride, float scale,
                         int64_t rows, int64_t cols) {
  add_scaled(x, x_stride, y, y_stride, scale, rows, cols);
}
