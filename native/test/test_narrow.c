#include "check.h"

/* The bfloat16 nearest to a number, by arithmetic: in steps of the last of 8 bits, of which the even
 * number of steps wins a tie. */
static double nearest_bf16(double x) {
  if (x == 0 || !isfinite(x)) return x;
  int exponent;
  frexp(x, &exponent);
  const double step = ldexp(1, (exponent < -125 ? -125 : exponent) - 8);
  const double rounded = step * nearbyint(x / step);
  return fabs(rounded) >= 0x1p128 ? copysign((double)INFINITY, x) : rounded;
}

static void every_size_matches_reference(const gk_table *kernels) {
  for (int32_t dtype = GK_F32; dtype <= GK_BF16; dtype += GK_BF16 - GK_F32)
    CHECK_EACH_SIZE(cols) CHECK_EACH_PLACE(place) {
      const int64_t rows = place % 4, stride = cols + place % 3, dst_stride = cols + 2;
      check_case("dtype=%d rows=%d cols=%d stride=%d place=%d", dtype, (int)rows, (int)cols,
                 (int)stride, place);
      float *src = check_f32(place, rows, cols, stride);
      void *dst = check_weights(place, rows, cols, dst_stride, check_element_size(dtype));
      check_fill(src, rows, cols, stride, -2, 2);
      check_seal(src);
      CHECK(kernels->narrow(src, stride, rows, cols, dst, dtype, dst_stride) == GK_OK);
      for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < cols; c++) {
          const double x = (double)src[r * stride + c];
          CHECK_CLOSE(check_weight(dst, dtype, r * dst_stride + c),
                      dtype == GK_F32 ? x : nearest_bf16(x), 0, "dst[%d,%d]", (int)r, (int)c);
        }
      }
      check_release();
    }
}

/* Each upper half of an f32, with lower halves just below, at and above the middle between two
 * bfloat16: ties of both kinds, carries into the exponent, subnormal numbers, Inf and NaN. In rows
 * of 251: they meet every lane, and the tail too. */
static void every_upper_half_is_rounded_to_nearest(const gk_table *kernels) {
  static const uint16_t lower[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
  enum { COLS = 251, ROWS = 65536 / COLS + 1 };
  float *src = check_f32(0, ROWS, COLS, COLS);
  void *dst = check_weights(2, ROWS, COLS, COLS, 2);
  for (size_t l = 0; l < sizeof lower / sizeof lower[0]; l++) {
    for (uint32_t i = 0; i < ROWS * COLS; i++) {
      const uint32_t bits = (i & 0xffff) << 16 | lower[l];
      memcpy(&src[i], &bits, sizeof bits);
    }
    check_case("lower half %#x", lower[l]);
    kernels->narrow(src, COLS, ROWS, COLS, dst, GK_BF16, COLS);
    for (int i = 0; i < ROWS * COLS; i++) {
      const double expected = nearest_bf16((double)src[i]), actual = check_weight(dst, GK_BF16, i);
      CHECK_CLOSE(actual, expected, 0, "upper half %#x", (unsigned)i & 0xffff);
      CHECK(isnan(expected) || signbit(actual) == signbit(expected));
    }
  }
  check_release();
}

static void f32_is_copied_bit_for_bit(const gk_table *kernels) {
  enum { COLS = 10007 };
  float *src = check_f32(0, 1, COLS, COLS);
  unsigned char *dst = check_weights(2, 1, COLS, COLS, 4);
  for (int i = 0; i < COLS; i++) {
    const uint32_t bits = (uint32_t)check_random();
    memcpy(&src[i], &bits, sizeof bits);
  }
  kernels->narrow(src, COLS, 1, COLS, dst, GK_F32, COLS);
  CHECK(memcmp(src, dst, COLS * 4) == 0);
  check_release();
}

static void other_types_are_refused_and_nothing_written(const gk_table *kernels) {
  static const int32_t others[] = {-1, GK_F16, GK_BF16 + 1, INT32_MAX};
  float *src = check_f32(0, 2, 8, 8), *dst = check_f32(0, 2, 8, 8);
  check_fill(src, 2, 8, 8, 1, 1);
  check_seal(dst);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    check_case("dtype=%d", others[i]);
    CHECK(kernels->narrow(src, 8, 2, 8, dst, others[i], 8) == GK_EINVAL);
  }
  check_release();
}

CHECK_MAIN(CHECK_TEST(every_size_matches_reference),
           CHECK_TEST(every_upper_half_is_rounded_to_nearest),
           CHECK_TEST(f32_is_copied_bit_for_bit),
           CHECK_TEST(other_types_are_refused_and_nothing_written))
