#include "kernels.h"
#include "simd/vec_avx512.h"
/* the algorithm, for the vector above */
#include "rms_norm/rms_norm_vector.h"

void rms_norm_f32_avx512(const float *x, int64_t x_stride, const float *weight, float eps,
                         int64_t rows, int64_t cols, float *out, int64_t out_stride) {
  rms_norm(x, x_stride, weight, eps, rows, cols, out, out_stride);
}

void add_rms_norm_f32_avx512(float *x, int64_t x_stride, const float *residual,
                             int64_t residual_stride, float scale, const float *weight, float eps,
                             int64_t rows, int64_t cols, float *out, int64_t out_stride) {
  add_rms_norm(x, x_stride, residual, residual_stride, scale, weight, eps, rows, cols, out,
               out_stride);
}
