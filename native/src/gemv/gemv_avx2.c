#include "kernels.h"
#include "simd/load_scalar.h"
#include "simd/vec_avx2.h"
/* the algorithm, for the vector above */
#include "gemv/gemv_vector.h"

void gemv_f32_avx2(const void *w, int64_t w_stride, int64_t n, int64_t k, const float *x,
                   int64_t x_stride, int64_t m, float alpha, float beta, float *y,
                   int64_t y_stride) {
  gemv(w, GK_F32, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride);
}

void gemv_f16_avx2(const void *w, int64_t w_stride, int64_t n, int64_t k, const float *x,
                   int64_t x_stride, int64_t m, float alpha, float beta, float *y,
                   int64_t y_stride) {
  gemv(w, GK_F16, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride);
}

void gemv_bf16_avx2(const void *w, int64_t w_stride, int64_t n, int64_t k, const float *x,
                    int64_t x_stride, int64_t m, float alpha, float beta, float *y,
                    int64_t y_stride) {
  gemv(w, GK_BF16, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride);
}
