#include "check.h"

/* y_stride 0 stands for one row added everywhere. */
static void check_add(const gk_table *kernels, int place, int64_t rows, int64_t cols,
                      int64_t x_stride, int64_t y_stride) {
  const float scale = 0.22f;
  const int64_t y_rows = y_stride == 0 ? 1 : rows;
  check_case("rows=%d cols=%d strides=%d,%d place=%d", (int)rows, (int)cols, (int)x_stride,
             (int)y_stride, place);
  float *x = check_f32(place, rows, cols, x_stride),
        *before = check_f32(place, rows, cols, x_stride);
  float *y = check_f32(place, y_rows, cols, y_stride);
  check_fill(before, rows, cols, x_stride, -4, 4);
  check_fill(y, y_rows, cols, y_stride, -4, 4);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c++) x[r * x_stride + c] = before[r * x_stride + c];
  }
  check_seal(y);
  kernels->add_scaled_f32(x, x_stride, y, y_stride, scale, rows, cols);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c++) {
      const double product = (double)scale * (double)y[r * y_stride + c];
      const double expected = (double)before[r * x_stride + c] + product;
      CHECK_CLOSE(x[r * x_stride + c], expected, (fabs(product) + fabs(expected)) / 2 * CHECK_EPS,
                  "x[%lld,%lld]", (long long)r, (long long)c);
    }
  }
  check_release();
}

static void every_size_matches_reference(const gk_table *kernels) {
  CHECK_EACH_SIZE(cols) CHECK_EACH_PLACE(place) {
    check_add(kernels, place, place % 4, cols, cols + 3, cols + 1);
    check_add(kernels, place, place % 4, cols, cols, cols);
  }
}

static void stride_zero_adds_one_row_everywhere(const gk_table *kernels) {
  CHECK_EACH_SIZE(cols) check_add(kernels, 0, 3, cols, cols + 3, 0);
}

static void special_values_stay_in_their_element(const gk_table *kernels) {
  enum { COLS = 41 };
  const float special[] = {NAN, INFINITY, -INFINITY, 0x1p-149f};
  for (int at = 0; at < COLS; at++) {
    for (int s = 0; s < 4; s++) {
      check_case("y[%d]=%g", at, (double)special[s]);
      float *x = check_f32(0, 1, COLS, COLS), *y = check_f32(0, 1, COLS, COLS);
      check_fill(x, 1, COLS, COLS, 0, 0);
      check_fill(y, 1, COLS, COLS, 0, 0);
      y[at] = special[s];
      kernels->add_scaled_f32(x, COLS, y, COLS, 1, 1, COLS);
      for (int c = 0; c < COLS; c++) CHECK_SAME(x[c], y[c], "x[%d]", c);
      check_release();
    }
  }
}

CHECK_MAIN(CHECK_TEST(every_size_matches_reference),
           CHECK_TEST(stride_zero_adds_one_row_everywhere),
           CHECK_TEST(special_values_stay_in_their_element))
