#include <assert.h>

#include "kernels.h"
#include "simd/load_scalar.h"

/* sum_c x[c] * w[c], in partial sums that a compiler may keep in a vector: it must not reorder one
 * sum itself. */
GK_TEMPLATE float dot(const void *w, int32_t dtype, const float *x, int64_t k) {
  enum { LANES = 8 };
  float lane[LANES] = {0};
  int64_t c = 0;
  for (; c + LANES <= k; c += LANES) {
    for (int l = 0; l < LANES; l++) lane[l] += x[c + l] * gk_load_scalar(w, c + l, dtype);
  }
  for (int l = 0; c + l < k; l++) lane[l] += x[c + l] * gk_load_scalar(w, c + l, dtype);

  float sum = 0;
  for (int l = 0; l < LANES; l++) sum += lane[l];
  return sum;
}

GK_TEMPLATE void gemv(const void *w, int32_t dtype, int64_t w_stride, int64_t n, int64_t k,
                      const float *x, int64_t x_stride, int64_t m, float alpha, float beta,
                      float *y, int64_t y_stride) {
  assert(n >= 0 && k >= 0 && m >= 0);
  for (int64_t j = 0; j < n; j++) {
    const unsigned char *w_j = (const unsigned char *)w + j * w_stride * gk_element_size(dtype);
    for (int64_t i = 0; i < m; i++) {
      float *y_ij = y + i * y_stride + j;
      const float product = alpha * dot(w_j, dtype, x + i * x_stride, k);
      *y_ij = beta == 0 ? product : product + beta * *y_ij;
    }
  }
}

void gemv_f32_scalar(const void *w, int64_t w_stride, int64_t n, int64_t k, const float *x,
                     int64_t x_stride, int64_t m, float alpha, float beta, float *y,
                     int64_t y_stride) {
  gemv(w, GK_F32, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride);
}

void gemv_f16_scalar(const void *w, int64_t w_stride, int64_t n, int64_t k, const float *x,
                     int64_t x_stride, int64_t m, float alpha, float beta, float *y,
                     int64_t y_stride) {
  gemv(w, GK_F16, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride);
}

void gemv_bf16_scalar(const void *w, int64_t w_stride, int64_t n, int64_t k, const float *x,
                      int64_t x_stride, int64_t m, float alpha, float beta, float *y,
                      int64_t y_stride) {
  gemv(w, GK_BF16, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride);
}
