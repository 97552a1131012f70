#include "check.h"

static void every_size_matches_reference(const gk_table *kernels) {
  enum { VOCAB = 5 };
  const float multiplier = 12.1f;
  for (int32_t dtype = GK_F32; dtype <= GK_BF16; dtype++)
    CHECK_EACH_SIZE(cols) CHECK_EACH_PLACE(place) {
      const int64_t rows = place, stride = cols + 3, out_stride = cols + 1;
      check_case("dtype=%d rows=%d cols=%d place=%d", dtype, (int)rows, (int)cols, place);
      void *table = check_weights(place, VOCAB, cols, stride, check_element_size(dtype));
      int32_t *ids = check_i32(place, rows);
      float *out = check_f32(place, rows, cols, out_stride);
      check_fill_weights(table, dtype, VOCAB, cols, stride);
      for (int64_t r = 0; r < rows; r++) ids[r] = r == 0 ? VOCAB - 1 : (int32_t)check_below(VOCAB);
      check_seal(table);
      check_seal(ids);
      CHECK(kernels->embed(table, dtype, stride, VOCAB, ids, rows, cols, multiplier, out,
                           out_stride) == GK_OK);
      for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < cols;
             c++) { /* two floats' product is exact in double: one rounding */
          const double expected =
              check_weight(table, dtype, ids[r] * stride + c) * (double)multiplier;
          CHECK_SAME(out[r * out_stride + c], (float)expected, "out[%d,%d]", (int)r, (int)c);
        }
      }
      check_release();
    }
}

/* A table whose row id holds the 16-bit patterns from 256 * id. */
static void every_16_bit_pattern_matches_reference(const gk_table *kernels) {
  enum { ROWS = 256, COLS = 256 };
  for (int32_t dtype = GK_F16; dtype <= GK_BF16; dtype++) {
    check_case("dtype=%d", dtype);
    void *table = check_weights(3, ROWS, COLS, COLS, 2);
    int32_t *ids = check_i32(0, ROWS);
    float *out = check_f32(0, ROWS, COLS, COLS);
    for (int i = 0; i < ROWS * COLS; i++) {
      const uint16_t bits = (uint16_t)i;
      memcpy((unsigned char *)table + 2 * i, &bits, sizeof bits);
    }
    for (int32_t r = 0; r < ROWS; r++) ids[r] = ROWS - 1 - r;
    kernels->embed(table, dtype, COLS, ROWS, ids, ROWS, COLS, 0.75f, out, COLS);
    for (int i = 0; i < ROWS * COLS; i++) {
      const double expected = check_weight(table, dtype, ids[i / COLS] * COLS + i % COLS) * 0.75;
      CHECK_SAME(out[i], (float)expected, "out[%d]", i);
    }
    check_release();
  }
}

static void bad_arguments_are_refused_and_nothing_written(const gk_table *kernels) {
  enum { ROWS = 3, COLS = 20, VOCAB = 4 };
  const int32_t bad[] = {-1, VOCAB, INT32_MAX, INT32_MIN};
  void *table = check_weights(0, VOCAB, COLS, COLS, 2);
  int32_t *ids = check_i32(0, ROWS);
  float *out = check_f32(0, ROWS, COLS, COLS);
  check_fill_weights(table, GK_BF16, VOCAB, COLS, COLS);
  check_seal(out);
  for (int at = 0; at < ROWS; at++) {
    for (int b = 0; b < 4; b++) {
      check_case("ids[%d]=%d", at, bad[b]);
      for (int r = 0; r < ROWS; r++) ids[r] = r == at ? bad[b] : 0;
      CHECK(kernels->embed(table, GK_BF16, COLS, VOCAB, ids, ROWS, COLS, 1, out, COLS) ==
            GK_EINDEX);
    }
  }
  memset(ids, 0, ROWS * sizeof *ids);
  CHECK(kernels->embed(table, -1, COLS, VOCAB, ids, ROWS, COLS, 1, out, COLS) == GK_EINVAL);
  CHECK(kernels->embed(table, GK_BF16 + 1, COLS, VOCAB, ids, ROWS, COLS, 1, out, COLS) ==
        GK_EINVAL);
}

CHECK_MAIN(CHECK_TEST(every_size_matches_reference),
           CHECK_TEST(every_16_bit_pattern_matches_reference),
           CHECK_TEST(bad_arguments_are_refused_and_nothing_written))
