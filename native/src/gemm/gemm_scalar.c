#include <assert.h>
#include <math.h>

#include "kernels.h"
#include "pack/packed.h"
#include "simd/load_scalar.h"
#include "simd/round_bf16.h"

int32_t gemm_f32_scalar(const void *w, int32_t dtype, int64_t w_stride, int64_t n, int64_t k,
                        const float *x, int64_t x_stride, int64_t m, float alpha, float beta,
                        float *y, int64_t y_stride, void *scratch) {
  assert(n >= 0 && k >= 0 && m >= 0);
  (void)scratch;
  if (dtype != GK_F32 && dtype != GK_F16 && dtype != GK_BF16) return GK_EINVAL;
  for (int64_t j = 0; j < n; j++) {
    for (int64_t i = 0; i < m; i++) {
      float sum = 0;
      for (int64_t c = 0; c < k; c++) {
        sum += x[i * x_stride + c] * gk_load_scalar(w, j * w_stride + c, dtype);
      }
      float *y_ij = y + i * y_stride + j;
      *y_ij = beta == 0 ? alpha * sum : alpha * sum + beta * *y_ij;
    }
  }
  return GK_OK;
}

/* sum_c x(i, c) * w[c] */
static float dot(const unsigned char *w, const uint16_t *x, int64_t i, int64_t k) {
  float sum = 0;
  for (int64_t c = 0; c < k; c++) {
    sum += gk_widen_bf16(x[packed_at(i, c, k)]) * gk_load_scalar(w, c, GK_BF16);
  }
  return sum;
}

void gemm_bf16_scalar(const void *w, int64_t w_stride, int64_t n, int64_t k, const void *x,
                      int64_t m, float alpha, const int32_t *rows, const float *scales, float beta,
                      float *y, int64_t y_stride, void *scratch) {
  assert(n >= 0 && k >= 0 && m >= 0);
  (void)scratch;
  for (int64_t j = 0; j < n; j++) {
    const unsigned char *w_j = (const unsigned char *)w + j * w_stride * 2;
    for (int64_t i = 0; i < m; i++) {
      float *y_ij = y + (rows == NULL ? i : rows[i]) * y_stride + j;
      const float factor = scales == NULL ? alpha : alpha * scales[i];
      const float product = factor * dot(w_j, x, i, k);
      *y_ij = beta == 0 ? product : product + beta * *y_ij;
    }
  }
}

void silu_mul_gemm_bf16_scalar(const void *gate, const void *up, int64_t w_stride, int64_t n,
                               int64_t k, const void *x, int64_t m, int64_t first, int64_t out_cols,
                               void *out, void *scratch) {
  assert(n >= 0 && k >= 0 && m >= 0 && first % PACKED_COLS == 0);
  assert(n % PACKED_COLS == 0 || first + n == out_cols);
  (void)scratch;
  uint16_t *packed = out;
  const int64_t all_rows = (m + PACKED_ROWS - 1) / PACKED_ROWS * PACKED_ROWS;
  for (int64_t j = 0; j < packed_tiles(n) * PACKED_COLS; j++) {
    for (int64_t i = 0; i < all_rows; i++) {
      float gated[2] = {0, 0}, product = 0;
      if (i < m && j < n) {
        gated[0] = dot((const unsigned char *)gate + j * w_stride * 2, x, i, k);
        gated[1] = dot((const unsigned char *)up + j * w_stride * 2, x, i, k);
        silu_mul_f32_scalar(&gated[0], 1, &gated[1], 1, 1, 1, &product, 1);
      }
      packed[packed_at(i, first + j, out_cols)] = gk_round_bf16(product);
    }
  }
}

/* Where the packed rows of the next group begin, `cols` wide. */
static int64_t after_group(int64_t m, int64_t cols) {
  return (m + PACKED_ROWS - 1) / PACKED_ROWS * packed_tiles(cols) * PACKED_TILE;
}

void gemm_grouped_bf16_scalar(const void *w, int64_t w_stride, int64_t w_group, int64_t n,
                              int64_t k, const void *x, int64_t groups, const int32_t *starts,
                              float alpha, const int32_t *rows, const float *scales, float beta,
                              float *y, int64_t y_stride, void *scratch) {
  const uint16_t *packed = x;
  for (int64_t g = 0; g < groups; g++) {
    const int64_t first = starts[g], m = starts[g + 1] - first;
    gemm_bf16_scalar((const unsigned char *)w + g * w_group * 2, w_stride, n, k, packed, m, alpha,
                     rows == NULL ? NULL : rows + first, scales == NULL ? NULL : scales + first,
                     beta, rows == NULL ? y + first * y_stride : y, y_stride, scratch);
    packed += after_group(m, k);
  }
}

void silu_mul_gemm_grouped_bf16_scalar(const void *gate, const void *up, int64_t w_stride,
                                       int64_t w_group, int64_t n, int64_t k, const void *x,
                                       int64_t groups, const int32_t *starts, int64_t first,
                                       int64_t out_cols, void *out, void *scratch) {
  const uint16_t *packed = x;
  uint16_t *to = out;
  for (int64_t g = 0; g < groups; g++) {
    const int64_t m = starts[g + 1] - starts[g], at = g * w_group * 2;
    silu_mul_gemm_bf16_scalar((const unsigned char *)gate + at, (const unsigned char *)up + at,
                              w_stride, n, k, packed, m, first, out_cols, to, scratch);
    packed += after_group(m, k);
    to += after_group(m, out_cols);
  }
}
