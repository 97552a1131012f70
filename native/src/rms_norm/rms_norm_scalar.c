#include <assert.h>
#include <math.h>

#include "kernels.h"

static void normalise(const float *x, double sum_of_squares, const float *weight, float eps,
                      int64_t cols, float *out) {
  const double scale = 1 / sqrt(sum_of_squares / (double)cols + (double)eps);
  for (int64_t c = 0; c < cols; c++) out[c] = (float)((double)x[c] * scale) * weight[c];
}

void rms_norm_f32_scalar(const float *x, int64_t x_stride, const float *weight, float eps,
                         int64_t rows, int64_t cols, float *out, int64_t out_stride) {
  assert(rows >= 0 && cols >= 0);
  for (int64_t r = 0; r < rows; r++) {
    const float *x_r = x + r * x_stride;
    double sum = 0;
    for (int64_t c = 0; c < cols; c++) sum += (double)x_r[c] * (double)x_r[c];
    normalise(x_r, sum, weight, eps, cols, out + r * out_stride);
  }
}

void add_rms_norm_f32_scalar(float *x, int64_t x_stride, const float *residual,
                             int64_t residual_stride, float scale, const float *weight, float eps,
                             int64_t rows, int64_t cols, float *out, int64_t out_stride) {
  assert(rows >= 0 && cols >= 0);
  for (int64_t r = 0; r < rows; r++) {
    float *x_r = x + r * x_stride;
    const float *residual_r = residual + r * residual_stride;
    double sum = 0;
    for (int64_t c = 0; c < cols; c++) {
      x_r[c] += scale * residual_r[c];
      sum += (double)x_r[c] * (double)x_r[c];
    }
    normalise(x_r, sum, weight, eps, cols, out + r * out_stride);
  }
}
