#include "check.h"

/* The element i of a head after rotation, and the largest rounding error of two products and one
 * addition. */
static double rotated(const float *in, const float *cosine, const float *sine, int64_t half,
                      int64_t i, double *error) {
  const int64_t pair = i % half;
  const double a = (double)in[i] * (double)cosine[pair];
  const double b = (double)in[i < half ? i + half : i - half] * (double)sine[pair];
  *error = (fabs(a) + fabs(b)) * CHECK_EPS;
  return i < half ? a - b : a + b;
}

static void check_rope(const gk_table *kernels, int place, int64_t rows, int64_t q_heads,
                       int64_t k_heads, int64_t head_dim, int64_t padding, int32_t dtype) {
  check_case("dtype=%d rows=%d heads=%d,%d head_dim=%d padding=%d place=%d", dtype, (int)rows,
             (int)q_heads, (int)k_heads, (int)head_dim, (int)padding, place);
  const int64_t half = head_dim / 2, q_cols = q_heads * head_dim, k_cols = k_heads * head_dim;
  const int64_t q_stride = q_cols + padding, k_stride = k_cols + padding;
  const int64_t head_stride = rows * head_dim + padding;
  float *q = check_f32(place, rows, q_cols, q_stride),
        *q_in = check_f32(place, rows, q_cols, q_stride);
  float *k = check_f32(place, rows, k_cols, k_stride);
  float *cosine = check_f32(place, rows, half, half), *sine = check_f32(place, rows, half, half);
  void *k_out =
      check_weights(place, k_heads, rows * head_dim, head_stride, check_element_size(dtype));
  check_fill(q_in, rows, q_cols, q_stride, -2, 2);
  check_fill(k, rows, k_cols, k_stride, -2, 2);
  for (int64_t i = 0; i < rows * half; i++) {
    const float angle = check_uniform(-100, 100);
    cosine[i] = cosf(angle);
    sine[i] = sinf(angle);
  }
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < q_cols; c++) q[r * q_stride + c] = q_in[r * q_stride + c];
  }
  check_seal(k);
  check_seal(cosine);
  check_seal(sine);
  CHECK(kernels->rope_f32(q, q_stride, q_heads, k, k_stride, k_heads, head_dim, cosine, sine, rows,
                          k_out, dtype, head_stride) == GK_OK);
  double error;
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t h = 0; h < q_heads; h++) {
      for (int64_t i = 0; i < head_dim; i++) {
        const int64_t at = r * q_stride + h * head_dim;
        const double expected =
            rotated(q_in + at, cosine + r * half, sine + r * half, half, i, &error);
        CHECK_CLOSE(q[at + i], expected, error, "q[%d,%d,%d]", (int)r, (int)h, (int)i);
      }
    }
    for (int64_t h = 0; h < k_heads; h++) {
      for (int64_t i = 0; i < head_dim; i++) {
        const double expected = rotated(k + r * k_stride + h * head_dim, cosine + r * half,
                                        sine + r * half, half, i, &error);
        if (dtype == GK_BF16) error += fabs(expected) * 0x1p-8; /* half of the last place */
        CHECK_CLOSE(check_weight(k_out, dtype, h * head_stride + r * head_dim + i), expected, error,
                    "k[%d,%d,%d]", (int)r, (int)h, (int)i);
      }
    }
  }
  check_release();
}

/* Into a cache of each type. */
static void check_rope_into_both(const gk_table *kernels, int place, int64_t rows, int64_t q_heads,
                                 int64_t k_heads, int64_t head_dim, int64_t padding) {
  check_rope(kernels, place, rows, q_heads, k_heads, head_dim, padding, GK_F32);
  check_rope(kernels, place, rows, q_heads, k_heads, head_dim, padding, GK_BF16);
}

static void every_half_matches_reference(const gk_table *kernels) {
  for (int64_t half = 0; half <= 68; half++) {
    CHECK_EACH_PLACE(place)
    check_rope_into_both(kernels, place, place % 3 + 1, 2, 1, 2 * half, place % 2 * 7);
  }
}

static void shapes_of_models_match_reference(const gk_table *kernels) {
  CHECK_EACH_PLACE(place) {
    check_rope_into_both(kernels, place, 3, 32, 8, 64, 0); /* Granite 2B */
    check_rope_into_both(kernels, place, 2, 32, 8, 128,
                         64); /* Granite 8B, rows within a fused qkv */
  }
}

static void heads_may_be_missing(const gk_table *kernels) {
  check_rope_into_both(kernels, 0, 2, 0, 2, 24, 0);
  check_rope_into_both(kernels, 0, 2, 2, 0, 24, 0);
  check_rope_into_both(kernels, 0, 0, 2, 2, 24, 0);
}

static void position_zero_is_identity(const gk_table *kernels) {
  for (int64_t half = 1; half <= 33; half++) {
    check_case("half=%d", (int)half);
    float *q = check_f32(0, 1, 2 * half, 2 * half), *k = check_f32(0, 1, 2 * half, 2 * half);
    float *cosine = check_f32(0, 1, half, half), *sine = check_f32(0, 1, half, half);
    float *k_out = check_f32(0, 1, 2 * half, 2 * half);
    check_fill(k, 1, 2 * half, 2 * half, -1, 1);
    memcpy(q, k, (size_t)(2 * half) * sizeof *q);
    check_fill(cosine, 1, half, half, 1, 1);
    check_fill(sine, 1, half, half, 0, 0);
    kernels->rope_f32(q, 2 * half, 1, k, 2 * half, 1, 2 * half, cosine, sine, 1, k_out, GK_F32,
                      2 * half);
    for (int64_t i = 0; i < 2 * half; i++) {
      CHECK_SAME(q[i], k[i], "q[%d]", (int)i);
      CHECK_SAME(k_out[i], k[i], "k_out[%d]", (int)i);
    }
    check_release();
  }
}

/* What goes into the cache as bfloat16 is what would go there as f32, rounded once. */
static void rounding_comes_last(const gk_table *kernels) {
  enum { HEADS = 3, ROWS = 5, HALF = 37, HD = 2 * HALF, WIDTH = HEADS * HD, STRIP = ROWS * HD };
  float *q = check_f32(0, ROWS, WIDTH, WIDTH), *k = check_f32(0, ROWS, WIDTH, WIDTH);
  float *cosine = check_f32(0, ROWS, HALF, HALF), *sine = check_f32(0, ROWS, HALF, HALF);
  float *whole = check_f32(0, HEADS, STRIP, STRIP);
  unsigned char *rotated = check_weights(2, HEADS, STRIP, STRIP, 2);
  unsigned char *rounded = check_weights(0, HEADS, STRIP, STRIP, 2);
  check_fill(k, ROWS, WIDTH, WIDTH, -1e3f, 1e3f);
  check_fill(cosine, ROWS, HALF, HALF, -1, 1);
  check_fill(sine, ROWS, HALF, HALF, -1, 1);
  k[7] = NAN;
  k[WIDTH + 40] = INFINITY;
  kernels->rope_f32(q, WIDTH, 0, k, WIDTH, HEADS, HD, cosine, sine, ROWS, whole, GK_F32, STRIP);
  kernels->rope_f32(q, WIDTH, 0, k, WIDTH, HEADS, HD, cosine, sine, ROWS, rotated, GK_BF16, STRIP);
  kernels->narrow(whole, STRIP, HEADS, STRIP, rounded, GK_BF16, STRIP);
  CHECK(memcmp(rotated, rounded, HEADS * STRIP * 2) == 0);
  check_release();
}

static void wrong_type_is_refused_and_nothing_written(const gk_table *kernels) {
  static const int32_t others[] = {-1, GK_F16, GK_BF16 + 1, INT32_MAX};
  float *q = check_f32(0, 1, 8, 8), *k = check_f32(0, 1, 8, 8), *angle = check_f32(0, 1, 4, 4);
  check_fill(q, 1, 8, 8, 1, 1);
  check_fill(angle, 1, 4, 4, 1, 1);
  check_seal(q);
  check_seal(k);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    check_case("dtype=%d", others[i]);
    CHECK(kernels->rope_f32(q, 8, 1, q, 8, 1, 8, angle, angle, 1, k, others[i], 8) == GK_EINVAL);
  }
  check_release();
}

static void odd_head_is_refused_and_nothing_written(const gk_table *kernels) {
  float *q = check_f32(0, 1, 9, 9), *k = check_f32(0, 1, 9, 9), *angle = check_f32(0, 1, 9, 9);
  check_fill(q, 1, 9, 9, 1, 1);
  check_fill(k, 1, 9, 9, 1, 1);
  check_fill(angle, 1, 9, 9, 1, 1);
  check_seal(q);
  check_seal(k);
  CHECK(kernels->rope_f32(q, 9, 1, k, 9, 1, 9, angle, angle, 1, k, GK_F32, 9) == GK_EINVAL);
}

CHECK_MAIN(CHECK_TEST(every_half_matches_reference), CHECK_TEST(shapes_of_models_match_reference),
           CHECK_TEST(heads_may_be_missing), CHECK_TEST(position_zero_is_identity),
           CHECK_TEST(rounding_comes_last), CHECK_TEST(wrong_type_is_refused_and_nothing_written),
           CHECK_TEST(odd_head_is_refused_and_nothing_written))
