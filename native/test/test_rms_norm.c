#include "check.h"

/* The contract's own bound. */
static double tolerance(double out, int64_t cols) {
  return fabs(out) * (double)(cols + 4) * CHECK_EPS;
}

static void check_row(const float *x, const float *weight, double eps, int64_t cols,
                      const float *out) {
  double sum = 0;
  for (int64_t c = 0; c < cols; c++) sum += (double)x[c] * (double)x[c];
  const double root = sqrt(sum / (double)cols + eps);
  for (int64_t c = 0; c < cols; c++) {
    const double expected = (double)x[c] / root * (double)weight[c];
    CHECK_CLOSE(out[c], expected, tolerance(expected, cols), "out[%lld]", (long long)c);
  }
}

static void every_size_matches_reference(const gk_table *kernels) {
  const float eps = 1e-5f;
  CHECK_EACH_SIZE(cols) CHECK_EACH_PLACE(place) {
    const int64_t rows = place % 3 + 1, stride = cols + 5, out_stride = cols + 3;
    check_case("rows=%d cols=%d place=%d", (int)rows, (int)cols, place);
    float *x = check_f32(place, rows, cols, stride), *weight = check_f32(place, 1, cols, cols);
    float *out = check_f32(place, rows, cols, out_stride);
    check_fill(x, rows, cols, stride, -4, 4);
    check_fill(weight, 1, cols, cols, -2, 2);
    check_seal(x);
    check_seal(weight);
    kernels->rms_norm_f32(x, stride, weight, eps, rows, cols, out, out_stride);
    for (int64_t r = 0; r < rows; r++) {
      check_row(x + r * stride, weight, (double)eps, cols, out + r * out_stride);
    }
    check_release();
  }
}

static void add_of_every_size_matches_reference(const gk_table *kernels) {
  const float eps = 1e-6f, scale = 0.22f;
  CHECK_EACH_SIZE(cols) CHECK_EACH_PLACE(place) {
    const int64_t rows = place % 3 + 1, stride = cols + 5, other = cols + 2;
    check_case("rows=%d cols=%d place=%d", (int)rows, (int)cols, place);
    float *x = check_f32(place, rows, cols, stride), *before = check_f32(place, rows, cols, stride);
    float *residual = check_f32(place, rows, cols, other),
          *out = check_f32(place, rows, cols, other);
    float *weight = check_f32(place, 1, cols, cols);
    check_fill(before, rows, cols, stride, -4, 4);
    check_fill(residual, rows, cols, other, -4, 4);
    check_fill(weight, 1, cols, cols, -2, 2);
    for (int64_t r = 0; r < rows; r++) {
      if (cols > 0) memcpy(x + r * stride, before + r * stride, (size_t)cols * sizeof *x);
    }
    check_seal(residual);
    check_seal(weight);
    kernels->add_rms_norm_f32(x, stride, residual, other, scale, weight, eps, rows, cols, out,
                              other);
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t c = 0; c < cols; c++) {
        const double product = (double)scale * (double)residual[r * other + c];
        const double expected = (double)before[r * stride + c] + product;
        CHECK_CLOSE(x[r * stride + c], expected, (fabs(product) + fabs(expected)) * CHECK_EPS,
                    "x[%lld,%lld]", (long long)r, (long long)c);
      }
      check_row(x + r * stride, weight, (double)eps, cols, out + r * other);
    }
    check_release();
  }
}

static void in_place_gives_the_same_bits(const gk_table *kernels) {
  enum { ROWS = 2, STRIDE = 60 };
  for (int64_t cols = 1; cols < STRIDE; cols++) {
    check_case("cols=%d", (int)cols);
    float *x = check_f32(0, ROWS, cols, STRIDE), *same = check_f32(0, ROWS, cols, STRIDE);
    float *residual = check_f32(0, ROWS, cols, STRIDE), *out = check_f32(0, ROWS, cols, STRIDE);
    float *weight = check_f32(0, 1, cols, cols);
    check_fill(x, ROWS, cols, STRIDE, -1, 1);
    check_fill(residual, ROWS, cols, STRIDE, -1, 1);
    check_fill(weight, 1, cols, cols, -1, 1);
    for (int64_t i = 0; i < ROWS; i++) {
      memcpy(same + i * STRIDE, x + i * STRIDE, (size_t)cols * sizeof *x);
    }

    kernels->rms_norm_f32(x, STRIDE, weight, 0, ROWS, cols, out, STRIDE);
    kernels->rms_norm_f32(x, STRIDE, weight, 0, ROWS, cols, x, STRIDE);
    for (int64_t i = 0; i < ROWS * cols; i++) {
      const int64_t at = i / cols * STRIDE + i % cols;
      CHECK_SAME(x[at], out[at], "x[%lld]", (long long)at);
      x[at] = same[at];
    }

    kernels->add_rms_norm_f32(x, STRIDE, residual, STRIDE, 2, weight, 0, ROWS, cols, out, STRIDE);
    kernels->add_rms_norm_f32(same, STRIDE, residual, STRIDE, 2, weight, 0, ROWS, cols, residual,
                              STRIDE);
    for (int64_t i = 0; i < ROWS * cols; i++) {
      const int64_t at = i / cols * STRIDE + i % cols;
      CHECK_SAME(same[at], x[at], "x[%lld]", (long long)at);
      CHECK_SAME(residual[at], out[at], "out[%lld]", (long long)at);
    }
    check_release();
  }
}

static void special_values_stay_in_their_row(const gk_table *kernels) {
  enum { ROWS = 3, COLS = 75 };
  const float special[] = {NAN, INFINITY, -INFINITY};
  for (int s = 0; s < 3; s++) {
    for (int at = 0; at < COLS; at++) {
      check_case("x[1,%d]=%g", at, (double)special[s]);
      float *x = check_f32(0, ROWS, COLS, COLS), *out = check_f32(0, ROWS, COLS, COLS);
      float *weight = check_f32(0, 1, COLS, COLS);
      check_fill(x, ROWS, COLS, COLS, -1, 1);
      check_fill(weight, 1, COLS, COLS, -1, 1);
      x[COLS + at] = special[s];
      kernels->rms_norm_f32(x, COLS, weight, 0, ROWS, COLS, out, COLS);
      check_row(x, weight, 0, COLS, out);
      check_row(x + COLS, weight, 0, COLS, out + COLS);
      check_row(x + 2 * COLS, weight, 0, COLS, out + 2 * COLS);
      check_release();
    }
  }
}

static void eps_keeps_zeros_and_denormals_finite(const gk_table *kernels) {
  const int64_t cols = 37;
  float *x = check_f32(0, 2, cols, cols), *out = check_f32(0, 2, cols, cols);
  float *weight = check_f32(0, 1, cols, cols);
  check_fill(x, 1, cols, cols, 0, 0);
  check_fill(x + cols, 1, cols, cols, 0x1p-140f, 0x1p-126f);
  check_fill(weight, 1, cols, cols, 1, 1);
  kernels->rms_norm_f32(x, cols, weight, 1e-6f, 2, cols, out, cols);
  for (int64_t c = 0; c < cols; c++) {
    CHECK_SAME(out[c], 0, "out[0,%d]", (int)c);
    CHECK_CLOSE(out[cols + c], (double)x[cols + c] * 1e3, 1e-36, "out[1,%d]", (int)c);
  }
}

static void no_rows_touch_nothing(const gk_table *kernels) {
  kernels->rms_norm_f32(NULL, 8, NULL, 0, 0, 8, NULL, 8);
  kernels->add_rms_norm_f32(NULL, 8, NULL, 8, 1, NULL, 0, 0, 8, NULL, 8);
}

CHECK_MAIN(CHECK_TEST(every_size_matches_reference),
           CHECK_TEST(add_of_every_size_matches_reference),
           CHECK_TEST(in_place_gives_the_same_bits), CHECK_TEST(special_values_stay_in_their_row),
           CHECK_TEST(eps_keeps_zeros_and_denormals_finite), CHECK_TEST(no_rows_touch_nothing))
