#include "check.h"

/* Products in f32, for few rows of x and for many: the contracts say the same of both. */
typedef struct product {
  bool many;
  int32_t dtype; /* of the weights */
} product;

static const product products[] = {{false, GK_F32}, {false, GK_F16}, {false, GK_BF16},
                                   {true, GK_F32},  {true, GK_F16},  {true, GK_BF16}};
enum { PRODUCTS = sizeof products / sizeof products[0] };

static void multiply(const gk_table *kernels, product p, const void *w, int64_t w_stride, int64_t n,
                     int64_t k, const float *x, int64_t x_stride, int64_t m, float alpha,
                     float beta, float *y, int64_t y_stride) {
  static unsigned char scratch[GK_GEMM_SCRATCH];
  if (p.many) {
    CHECK(kernels->gemm_f32(w, p.dtype, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride,
                            scratch) == GK_OK);
  } else if (p.dtype == GK_F32) {
    kernels->gemv_f32(w, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride);
  } else if (p.dtype == GK_F16) {
    kernels->gemv_f16(w, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride);
  } else {
    kernels->gemv_bf16(w, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride);
  }
}

/* One call on fresh buffers, all of them padded, compared with sums in double. */
static void check_product(const gk_table *kernels, product p, int place, int64_t m, int64_t n,
                          int64_t k, float alpha, float beta) {
  const int32_t dtype = p.dtype;
  check_case("many=%d dtype=%d place=%d m=%lld n=%lld k=%lld alpha=%g beta=%g", p.many, dtype,
             place, (long long)m, (long long)n, (long long)k, (double)alpha, (double)beta);
  const int64_t w_stride = k + 3, x_stride = k + 1, y_stride = n + 2;
  void *w = check_weights(place, n, k, w_stride, check_element_size(dtype));
  check_fill_weights(w, dtype, n, k, w_stride);
  check_seal(w);
  float *x = check_f32(place, m, k, x_stride);
  check_fill(x, m, k, x_stride, -1, 1);
  check_seal(x);
  float *y = check_f32(place, m, n, y_stride);
  float *before = check_f32(place, m, n, y_stride);
  if (beta != 0) check_fill(y, m, n, y_stride, -1, 1); /* else it stays NaN, and must not be read */
  if (m > 0 && n > 0) memcpy(before, y, sizeof(float) * (size_t)((m - 1) * y_stride + n));

  multiply(kernels, p, w, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride);

  for (int64_t i = 0; i < m; i++) {
    for (int64_t j = 0; j < n; j++) {
      double sum = 0, magnitude = 0;
      for (int64_t c = 0; c < k; c++) {
        const double part =
            (double)alpha * (double)x[i * x_stride + c] * check_weight(w, dtype, j * w_stride + c);
        sum += part;
        magnitude += fabs(part);
      }
      const double old = beta == 0 ? 0 : (double)beta * (double)before[i * y_stride + j];
      const double tolerance =
          (double)k * CHECK_EPS * magnitude + 2 * CHECK_EPS * (fabs(old) + fabs(sum + old));
      CHECK_CLOSE(y[i * y_stride + j], sum + old, tolerance, "y[%lld,%lld]", (long long)i,
                  (long long)j);
    }
  }
  check_release();
}

/* k runs through every tail of a vector of 8 and of 16; n and m through every remainder of the
 * register blocks. */
static void every_tail_matches_reference(const gk_table *kernels) {
  for (size_t d = 0; d < PRODUCTS; d++) {
    CHECK_EACH_PLACE(place) {
      for (int64_t k = 0; k <= 33; k++) {
        check_product(kernels, products[d], place, 1 + k % 8, 1 + k % 5, k, 1, 0);
        check_product(kernels, products[d], place, 1, 9, k, 1, 0);
      }
      for (int64_t m = 1; m <= 17; m++) check_product(kernels, products[d], place, m, 3, 21, 1, 0);
      for (int64_t n = 1; n <= 35; n += n < 17 || n > 30 ? 1 : 4) {
        for (int64_t m = 1; m <= 8; m++) check_product(kernels, products[d], place, m, n, 19, 1, 0);
      }
    }
  }
}

/* Sizes of real models, at which the blocks along k and over the rows are full, cut short and
 * missing. */
static void long_rows_match_reference(const gk_table *kernels) {
  static const int64_t sizes[] = {64, 511, 512, 513, 1024, 1031, 2048, 4099};
  for (size_t d = 0; d < PRODUCTS; d++) {
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      const int place = (int)s % CHECK_PLACES;
      for (int64_t m = 1; m <= 8; m++)
        check_product(kernels, products[d], place, m, 13, sizes[s], 1, 0);
      check_product(kernels, products[d], place, 8, 37, sizes[s], 1, 0);
    }
  }
}

static void alpha_and_beta_scale_and_accumulate(const gk_table *kernels) {
  static const float factors[] = {0, 1, -0.75f, 12};
  for (size_t d = 0; d < PRODUCTS; d++) {
    for (size_t a = 0; a < 4; a++) {
      for (size_t b = 0; b < 4; b++) {
        for (int64_t m = 1; m <= 9; m += 4) {
          check_product(kernels, products[d], 0, m, 11, 37, factors[a], factors[b]);
          check_product(kernels, products[d], 1, m, 11, 0, factors[a], factors[b]);
        }
      }
    }
  }
}

static void size_zero_does_nothing(const gk_table *kernels) {
  for (size_t d = 0; d < PRODUCTS; d++) {
    check_product(kernels, products[d], 0, 0, 5, 16, 1, 1);
    check_product(kernels, products[d], 0, 5, 0, 16, 1, 1);
  }
}

/* The `order` clause, bit by bit: all rows at once against every split of n, and against one row of
 * x at a time. */
static void splits_change_no_bit(const gk_table *kernels) {
  enum { M = 19, N = 21, Y_STRIDE = N };
  static const int64_t sizes[] = {1, 7, 8, 15, 16, 17, 31, 33, 100, 255, 513, 700, 1500};
  for (size_t d = 0; d < PRODUCTS; d++) {
    const product p = products[d];
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      const int64_t k = sizes[s];
      if (p.many && k > 100 && k != 513) continue; /* one element costs as much as a tile: time */
      const int place = (int)s % CHECK_PLACES;
      const size_t element = check_element_size(p.dtype);
      unsigned char *w = check_weights(place, N, k, k, element);
      check_fill_weights(w, p.dtype, N, k, k);
      float *x = check_f32(place, M, k, k);
      check_fill(x, M, k, k, -1, 1);
      float *one = check_f32(place, M, N, Y_STRIDE), *other = check_f32(place, M, N, Y_STRIDE);
      for (int64_t i = 0; i < M; i++) {
        for (int64_t j = 0; j < N; j++) {
          multiply(kernels, p, w + (size_t)(j * k) * element, k, 1, k, x + i * k, k, 1, 1, 0,
                   one + i * N + j, Y_STRIDE);
        }
      }
      for (int64_t m = 1; m <= M; m++) {
        for (int64_t split = 0; split <= N; split++) {
          const int64_t i0 =
              M - m; /* rows from the end, so that a row is met at each place in a block */
          check_case("many=%d dtype=%d k=%lld m=%lld split=%lld", p.many, p.dtype, (long long)k,
                     (long long)m, (long long)split);
          multiply(kernels, p, w, k, split, k, x + i0 * k, k, m, 1, 0, other + i0 * N, Y_STRIDE);
          multiply(kernels, p, w + (size_t)(split * k) * element, k, N - split, k, x + i0 * k, k, m,
                   1, 0, other + i0 * N + split, Y_STRIDE);
          for (int64_t at = i0 * N; at < M * N; at++) {
            CHECK_SAME(other[at], one[at], "y[%lld,%lld]", (long long)(at / N),
                       (long long)(at % N));
          }
          if (k > 300 && split == 0) split = N - 4; /* the longest only at either end: time */
        }
      }
      check_release();
    }
  }
}

/* Rows so long, and so many, that the sums of several rows wait between two blocks of k; bit by bit
 * against one row at a time, and against the reference. */
static void long_and_many_rows_change_no_bit(const gk_table *kernels) {
  static const int64_t shapes[][3] = {{8, 150, 2100}, {3, 7, 5500}, {4, 265, 4200}, {1, 7, 16500}};
  for (size_t d = 0; d < PRODUCTS; d++) {
    const product p = products[d];
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
      const int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
      if (p.many && n > 10) continue; /* as above */
      const size_t element = check_element_size(p.dtype);
      if (n < 10) check_product(kernels, p, 0, m, n, k, 1, 0);
      check_case("many=%d dtype=%d m=%lld n=%lld k=%lld", p.many, p.dtype, (long long)m,
                 (long long)n, (long long)k);
      unsigned char *w = check_weights(2, n, k, k, element);
      check_fill_weights(w, p.dtype, n, k, k);
      float *x = check_f32(2, m, k, k), *y = check_f32(2, m, n, n), *one = check_f32(2, 1, 1, 1);
      check_fill(x, m, k, k, -1, 1);
      multiply(kernels, p, w, k, n, k, x, k, m, 1, 0, y, n);
      for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j += 1 + j % 3) {
          multiply(kernels, p, w + (size_t)(j * k) * element, k, 1, k, x + i * k, k, 1, 1, 0, one,
                   1);
          CHECK_SAME(y[i * n + j], *one, "y[%lld,%lld]", (long long)i, (long long)j);
        }
      }
      check_release();
    }
  }
}

/* An unusual number in row j of w or row i of x stays in column j or row i of y, and becomes what
 * IEEE 754 says. */
static void special_values_stay_in_their_row(const gk_table *kernels) {
  enum { M = 5, N = 11, K = 43 };
  for (size_t d = 0; d < PRODUCTS; d++) {
    for (int64_t c = 0; c < K; c++) {
      check_case("many=%d dtype=%d c=%lld", products[d].many, products[d].dtype, (long long)c);
      const size_t element = check_element_size(products[d].dtype);
      unsigned char *w = check_weights(2, N, K, K, element);
      check_fill_weights(w, products[d].dtype, N, K, K);
      float *x = check_f32(2, M, K, K);
      check_fill(x, M, K, K, 0.5f, 1);
      const uint32_t inf32 = 0xff800000u; /* -Inf in row 4 */
      const uint16_t inf16 = products[d].dtype == GK_F16 ? 0xfc00u : 0xff80u;
      memcpy(w + (size_t)(4 * K + c) * element,
             products[d].dtype == GK_F32 ? (const void *)&inf32 : &inf16, element);
      memset(w + (size_t)(7 * K + c) * element, 0xff, element); /* NaN in row 7 */
      x[3 * K + c] = NAN;
      float *y = check_f32(2, M, N, N);
      multiply(kernels, products[d], w, K, N, K, x, K, M, 1, 0, y, N);
      for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
          const float y_ij = y[i * N + j];
          CHECK(i == 3 || j == 7 ? isnan(y_ij) : j == 4 ? y_ij == -INFINITY : isfinite(y_ij));
        }
      }
      check_release();
    }
  }
}

/* Subnormal weights count: every 16-bit pattern times 1 is its own value. */
static void every_16_bit_weight_is_widened_exactly(const gk_table *kernels) {
  enum { K = 16 };
  for (size_t d = 0; d < PRODUCTS; d++) {
    if (products[d].dtype == GK_F32) continue;
    uint16_t *w = check_weights(0, 65536, K, K, sizeof *w);
    memset(w, 0, 65536 * K * sizeof *w);
    for (int64_t j = 0; j < 65536; j++) w[j * K + j % K] = (uint16_t)j;
    float *x = check_f32(0, 1, K, K);
    for (int c = 0; c < K; c++) x[c] = 1;
    float *y = check_f32(0, 1, 65536, 65536);
    multiply(kernels, products[d], w, K, 65536, K, x, K, 1, 1, 0, y, 65536);
    for (int64_t j = 0; j < 65536; j++) {
      check_case("many=%d dtype=%d bits=%04llx", products[d].many, products[d].dtype, (long long)j);
      CHECK_CLOSE(y[j], check_weight(w, products[d].dtype, j * K + j % K), 0, "y");
    }
    check_release();
  }
}

static void unknown_dtype_is_refused_and_nothing_written(const gk_table *kernels) {
  float *y = check_f32(0, 1, 4, 4);
  check_seal(y);
  const float x[4] = {0};
  for (int32_t dtype = -1; dtype <= GK_BF16 + 1; dtype += GK_BF16 + 2) {
    CHECK(kernels->gemm_f32(x, dtype, 1, 4, 1, x, 1, 1, 1, 0, y, 4, NULL) == GK_EINVAL);
  }
}

CHECK_MAIN(CHECK_TEST(every_tail_matches_reference), CHECK_TEST(long_rows_match_reference),
           CHECK_TEST(alpha_and_beta_scale_and_accumulate), CHECK_TEST(size_zero_does_nothing),
           CHECK_TEST(splits_change_no_bit), CHECK_TEST(long_and_many_rows_change_no_bit),
           CHECK_TEST(special_values_stay_in_their_row),
           CHECK_TEST(every_16_bit_weight_is_widened_exactly),
           CHECK_TEST(unknown_dtype_is_refused_and_nothing_written))
