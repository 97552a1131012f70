#include "check.h"

static void every_size_matches_reference(const gk_table *kernels) {
  for (int32_t dtype = GK_F32; dtype <= GK_BF16; dtype++)
    CHECK_EACH_SIZE(cols) CHECK_EACH_PLACE(place) {
      const int64_t rows = place % 4, stride = cols + place % 3, dst_stride = cols + 2;
      check_case("dtype=%d rows=%d cols=%d stride=%d place=%d", dtype, (int)rows, (int)cols,
                 (int)stride, place);
      void *src = check_weights(place, rows, cols, stride, check_element_size(dtype));
      float *dst = check_f32(place, rows, cols, dst_stride);
      check_fill_weights(src, dtype, rows, cols, stride);
      check_seal(src);
      CHECK(kernels->widen_f32(src, dtype, stride, rows, cols, dst, dst_stride) == GK_OK);
      for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < cols; c++) {
          CHECK_SAME(dst[r * dst_stride + c], (float)check_weight(src, dtype, r * stride + c),
                     "dst[%d,%d]", (int)r, (int)c);
        }
      }
      check_release();
    }
}

/* In rows of 251: the patterns meet every lane, and the tail too. */
static void every_16_bit_pattern_is_exact(const gk_table *kernels) {
  enum { COLS = 251, ROWS = 65536 / COLS + 1 };
  for (int32_t dtype = GK_F16; dtype <= GK_BF16; dtype++) {
    check_case("dtype=%d", dtype);
    void *src = check_weights(2, ROWS, COLS, COLS, 2);
    float *dst = check_f32(0, ROWS, COLS, COLS);
    for (int i = 0; i < ROWS * COLS; i++) {
      const uint16_t bits = (uint16_t)i;
      memcpy((unsigned char *)src + 2 * i, &bits, sizeof bits);
    }
    kernels->widen_f32(src, dtype, COLS, ROWS, COLS, dst, COLS);
    for (int i = 0; i < ROWS * COLS; i++) {
      CHECK_SAME(dst[i], (float)check_weight(src, dtype, i), "pattern %#x", (unsigned)i & 0xffff);
    }
    check_release();
  }
}

static void any_f32_bits_are_exact(const gk_table *kernels) {
  enum { COLS = 10007 };
  unsigned char *src = check_weights(2, 1, COLS, COLS, 4);
  float *dst = check_f32(0, 1, COLS, COLS);
  for (int i = 0; i < COLS; i++) {
    const uint32_t bits = (uint32_t)check_random();
    memcpy(src + 4 * i, &bits, sizeof bits);
  }
  kernels->widen_f32(src, GK_F32, COLS, 1, COLS, dst, COLS);
  for (int i = 0; i < COLS; i++)
    CHECK_SAME(dst[i], (float)check_weight(src, GK_F32, i), "dst[%d]", i);
}

static void unknown_dtype_is_refused_and_nothing_written(const gk_table *kernels) {
  float *dst = check_f32(0, 1, 4, 4);
  check_seal(dst);
  const float src[4] = {0};
  CHECK(kernels->widen_f32(src, -1, 4, 1, 4, dst, 4) == GK_EINVAL);
  CHECK(kernels->widen_f32(src, GK_BF16 + 1, 4, 1, 4, dst, 4) == GK_EINVAL);
}

CHECK_MAIN(CHECK_TEST(every_size_matches_reference), CHECK_TEST(every_16_bit_pattern_is_exact),
           CHECK_TEST(any_f32_bits_are_exact),
           CHECK_TEST(unknown_dtype_is_refused_and_nothing_written))
