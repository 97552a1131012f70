#ifndef GK_RMS_NORM_VECTOR_H
#define GK_RMS_NORM_VECTOR_H

/* The normalisation of the wide tiers; include the tier's simd/vec_<isa>.h first. */

#include <assert.h>
#include <math.h>

/* Sums in flight: as many as hide the latency of FMA behind two loads a cycle. */
enum { RMS_NORM_SUMS = 4, RMS_NORM_STEP = RMS_NORM_SUMS * GK_LANES };

static inline float rms_norm_total(const gk_vec sums[RMS_NORM_SUMS]) {
  return gk_vec_sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

static inline float rms_norm_squares(const float *x, int64_t cols) {
  gk_vec sums[RMS_NORM_SUMS] = {gk_vec_set1(0), gk_vec_set1(0), gk_vec_set1(0), gk_vec_set1(0)};
  int64_t c = 0;
  for (; c + RMS_NORM_STEP <= cols; c += RMS_NORM_STEP) {
    GK_UNROLL(4) for (int i = 0; i < RMS_NORM_SUMS; i++) {
      const gk_vec x_c = gk_vec_load(x + c + i * GK_LANES);
      sums[i] = gk_vec_fma(x_c, x_c, sums[i]);
    }
  }
  for (; c + GK_LANES <= cols; c += GK_LANES) {
    const gk_vec x_c = gk_vec_load(x + c);
    sums[0] = gk_vec_fma(x_c, x_c, sums[0]);
  }
  if (c < cols) {
    const gk_vec x_c = gk_vec_load_first(x + c, cols - c);
    sums[1] = gk_vec_fma(x_c, x_c, sums[1]);
  }
  return rms_norm_total(sums);
}

/* Adds scale * residual to x and returns the sum of the squares of what x is then. */
static inline float rms_norm_add_squares(float *x, const float *residual, float scale,
                                         int64_t cols) {
  const gk_vec scale_v = gk_vec_set1(scale);
  gk_vec sums[RMS_NORM_SUMS] = {gk_vec_set1(0), gk_vec_set1(0), gk_vec_set1(0), gk_vec_set1(0)};
  int64_t c = 0;
  for (; c + RMS_NORM_STEP <= cols; c += RMS_NORM_STEP) {
    GK_UNROLL(4) for (int i = 0; i < RMS_NORM_SUMS; i++) {
      const int64_t at = c + i * GK_LANES;
      const gk_vec x_c = gk_vec_fma(scale_v, gk_vec_load(residual + at), gk_vec_load(x + at));
      gk_vec_store(x + at, x_c);
      sums[i] = gk_vec_fma(x_c, x_c, sums[i]);
    }
  }
  for (; c + GK_LANES <= cols; c += GK_LANES) {
    const gk_vec x_c = gk_vec_fma(scale_v, gk_vec_load(residual + c), gk_vec_load(x + c));
    gk_vec_store(x + c, x_c);
    sums[0] = gk_vec_fma(x_c, x_c, sums[0]);
  }
  if (c < cols) {
    const int64_t rest = cols - c;
    const gk_vec x_c =
        gk_vec_fma(scale_v, gk_vec_load_first(residual + c, rest), gk_vec_load_first(x + c, rest));
    gk_vec_store_first(x + c, rest, x_c);
    sums[1] = gk_vec_fma(x_c, x_c, sums[1]); /* the lanes after the rest are 0 + scale * 0 */
  }
  return rms_norm_total(sums);
}

static inline void rms_norm_scale(const float *x, float sum_of_squares, const float *weight,
                                  float eps, int64_t cols, float *out) {
  const gk_vec scale = gk_vec_set1(1 / sqrtf(sum_of_squares / (float)cols + eps));
  int64_t c = 0;
  for (; c + GK_LANES <= cols; c += GK_LANES) {
    gk_vec_store(out + c, gk_vec_load(x + c) * scale * gk_vec_load(weight + c));
  }
  if (c < cols) {
    const int64_t rest = cols - c;
    gk_vec_store_first(
        out + c, rest,
        gk_vec_load_first(x + c, rest) * scale * gk_vec_load_first(weight + c, rest));
  }
}

GK_TEMPLATE void rms_norm(const float *x, int64_t x_stride, const float *weight, float eps,
                          int64_t rows, int64_t cols, float *out, int64_t out_stride) {
  assert(rows >= 0 && cols >= 0);
  for (int64_t r = 0; r < rows; r++) {
    const float *x_r = x + r * x_stride;
    rms_norm_scale(x_r, rms_norm_squares(x_r, cols), weight, eps, cols, out + r * out_stride);
  }
}

GK_TEMPLATE void add_rms_norm(float *x, int64_t x_stride, const float *residual,
                              int64_t residual_stride, float scale, const float *weight, float eps,
                              int64_t rows, int64_t cols, float *out, int64_t out_stride) {
  assert(rows >= 0 && cols >= 0);
  for (int64_t r = 0; r < rows; r++) {
    float *x_r = x + r * x_stride;
    const float sum = rms_norm_add_squares(x_r, residual + r * residual_stride, scale, cols);
    rms_norm_scale(x_r, sum, weight, eps, cols, out + r * out_stride);
  }
}

#endif
